"""A tagger's run: its job from its data, and the data of a stopped run read again."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from elman.artifact import Artifact
from elman.data.batches import Shuffled
from elman.data.tagged import Tagged
from elman.data.tagged.encoded import Encoded
from elman.data.tagged.vocabulary import TaggerVocabulary
from elman.data.tokens import Progress
from elman.errors import ArtifactError, ConfigError, DataError
from elman.tasks.building import make_network
from elman.tasks.run import Job, settle
from elman.tasks.tagger.config import TaggerConfig
from elman.tasks.tagger.network import TaggerNetwork
from elman.tasks.tagger.objective import TagLikelihood, measure
from elman.tasks.tagger.parts import Parts, Sources, counted, read_parts

__all__ = ["TASK", "check_options", "describe", "reopen", "tagger_job", "unseen_answers"]

TASK = "tagger"


def check_options(config: TaggerConfig) -> None:
    """Raise ConfigError for options that no tagger can have together."""
    training = config.training
    if training.loss_from or training.loss_to:
        raise ConfigError(
            "expected loss_from and loss_to for language models only. "
            f"Received: loss_from={training.loss_from}, loss_to={training.loss_to} for a tagger"
        )


def tagger_job(
    config: TaggerConfig, parts: Parts, sources: Sources | None = None, *, vocabulary: TaggerVocabulary | None = None
) -> Job[TaggerNetwork]:
    """What a run on `parts` trains.

    sources     where the data came from; None for data that was in memory
    vocabulary  that of a stopped run; by default it is learnt from the training part

    Raises ConfigError, DataError, OutOfMemory.
    """
    check_options(config)
    config = dataclasses.replace(config, training=settle(config.training))
    network_options, training = config.network, config.training
    known = vocabulary or TaggerVocabulary.learn(parts.train, config.data, intent=network_options.intent)
    for part in (parts.valid, parts.test):
        _check_held_out(part, intent=network_options.intent)
    train = Encoded(parts.train, known)
    valid = None if parts.valid is None else Encoded(parts.valid, known)
    test = None if parts.test is None else Encoded(parts.test, known)
    counts_V = train.word_counts(len(known.words) + 1)
    network = make_network(lambda: TaggerNetwork(known, network_options, counts_V), training)
    if parts.train.frames is not None and config.data.standardise:
        network.standardise(parts.train.frames)

    def measured(limit: int) -> dict[str, float]:
        del limit  # a test that leaves out sequences would be no test
        return {} if test is None else measure(network, known, test)[0]

    layers = f"{network_options.layers}x{network_options.hidden}" + (" both ways" * network_options.bidirectional)
    sizes = {name: counted(part) for name, part in vars(parts).items()}
    unit = "frame" if known.features else "word"
    fingerprint = parts.fingerprint()
    return Job(
        task=TASK,
        config=config,
        network=network,
        objective=TagLikelihood(network, known, valid),
        stream=Shuffled(train.lengths, train.batch, batch_size=network_options.batch_size, seed=training.seed),
        holds_out=valid is not None,
        fingerprint=fingerprint,
        inputs={} if sources is None else sources.to_json(),
        data={
            "files": [] if sources is None else sources.names(),
            "kind": "series" if known.features else "text",
            **{f"{name}_{what}": number for name, both in sizes.items() for what, number in both.items()},
            "fingerprint": fingerprint,
        },
        vocabulary=known.to_json(),
        unit=unit,
        loss_name=f"nats a {unit}",
        describe=describe,
        test=None if test is None else measured,
        outline=[(name, f"{both['sequences']:,} sequences, {both['steps']:,} {unit}s") for name, both in sizes.items()]
        + [("input", _told_input(known)), ("answer", _told_answer(known))],
        start=(
            f"{network_options.cell} {layers}, {network.count_parameters():,} weights; "
            f"{sizes['train']['steps']:,} {unit}s to train on, {_told_answer(known)}"
        ),
    )


def _check_held_out(part: Tagged | None, *, intent: bool) -> None:
    """Raise DataError for held-out data without what is to be measured."""
    if part is None:
        return
    if part.tags is None:
        raise DataError(f"{part.name}: expected a tag for every step. Received: none")
    if intent and part.intents is None:
        raise DataError(f"{part.name}: expected a label of every sentence with intent=true. Received: none")


def _told_input(vocabulary: TaggerVocabulary) -> str:
    if vocabulary.features:
        return f"frames of {vocabulary.features} numbers"
    return f"{len(vocabulary.words):,} words, {len(vocabulary.letters):,} letters"


def _told_answer(vocabulary: TaggerVocabulary) -> str:
    notation = f" ({vocabulary.scheme})" if vocabulary.scheme else ""
    intents = f", {len(vocabulary.intents)} sentence labels" if vocabulary.intents else ""
    return f"{len(vocabulary.tags)} tags{notation}{intents}"


def describe(figures: Mapping[str, float]) -> str:
    """Figures of an evaluation, in a line for people."""
    told = [f"accuracy {figures['accuracy']:.2%}"]
    if "f1" in figures:
        told.append(f"span F1 {figures['f1']:.2%}")
    if "intent_accuracy" in figures:
        told.append(f"intent accuracy {figures['intent_accuracy']:.2%}")
    return ", ".join([*told, f"loss {figures['loss']:.4f}"])


def unseen_answers(vocabulary: TaggerVocabulary, data: Tagged) -> str | None:
    """A sentence on the tags and sentence labels of `data` that were not seen in training, or None."""
    told = []
    for what, known, found in (
        ("tag", vocabulary.tags, [tag for tags in data.tags or () for tag in tags]),
        ("sentence label", vocabulary.intents, (data.intents or []) if vocabulary.intents else []),
    ):
        strange = sorted(set(found) - set(known))
        if strange:
            count = sum(each in set(strange) for each in found)
            shown = ", ".join(map(repr, strange[:5])) + (", ..." if len(strange) > 5 else "")
            told.append(f"{count:,} {what}{'s' * (count > 1)} not seen in training, and counted as wrong: {shown}")
    return "; ".join(told) or None


def reopen(
    described: Artifact,
    inputs: Mapping[str, Any],
    config: TaggerConfig,
    *,
    progress: Progress | None = None,
    cache: Path | None = None,
) -> Job[TaggerNetwork]:
    """The job of a stopped run, its data read again. Raises ConfigError for a `cache`: nothing is kept there."""
    if cache is not None:
        raise ConfigError(f"expected a cache for language models only. Received: {cache} for a tagger")
    if described.vocabulary is None:
        raise ArtifactError(f"expected a vocabulary in {described.folder}. Received: none")
    sources = Sources(**inputs)
    parts = read_parts(sources, config.data, config.training.seed, progress)
    return tagger_job(config, parts, sources, vocabulary=TaggerVocabulary.from_json(described.vocabulary))
