"""A captioner's run: its job from its data, and the data of a stopped run read again."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from elman.artifact import Artifact
from elman.data.batches import Shuffled
from elman.data.captioned import Captioned
from elman.data.captioned.encoded import Encoded
from elman.data.captioned.vocabulary import CaptionerVocabulary
from elman.data.tokens import Progress
from elman.errors import ArtifactError, ConfigError, DataError
from elman.tasks.building import make_network
from elman.tasks.captioner.config import CaptionerConfig
from elman.tasks.captioner.network import CaptionerNetwork
from elman.tasks.captioner.objective import CaptionLikelihood, measure
from elman.tasks.captioner.parts import Parts, Sources, read_parts
from elman.tasks.run import Job, settle

__all__ = ["TASK", "captioner_job", "check_options", "describe", "new_network", "reopen"]

TASK = "captioner"


def check_options(config: CaptionerConfig) -> None:
    """Raise ConfigError for options that no captioner can have together."""
    training = config.training
    if training.loss_from or training.loss_to:
        raise ConfigError(
            "expected loss_from and loss_to for language models only. "
            f"Received: loss_from={training.loss_from}, loss_to={training.loss_to} for a captioner"
        )


def new_network(config: CaptionerConfig, vocabulary: CaptionerVocabulary) -> CaptionerNetwork:
    """A network that reads the vocabulary's items and writes its tokens."""
    return CaptionerNetwork(vocabulary.item, vocabulary.text.size, config.network)


def captioner_job(
    config: CaptionerConfig,
    parts: Parts,
    sources: Sources | None = None,
    *,
    vocabulary: CaptionerVocabulary | None = None,
) -> Job[CaptionerNetwork]:
    """What a run on `parts` trains.

    sources     where the data came from; None for data that was in memory
    vocabulary  that of a stopped run; by default it is learnt from the training part

    Raises ConfigError, DataError, OutOfMemory.
    """
    check_options(config)
    config = dataclasses.replace(config, training=settle(config.training))
    options, training, longest = config.network, config.training, config.text.max_length
    for part in vars(parts).values():
        if part is not None and part.captions is None:
            raise DataError(f"{part.name}: expected a caption for every item. Received: none")
    known = vocabulary or CaptionerVocabulary.learn(parts.train, config.text)
    train = Encoded(parts.train, known, longest)
    valid = None if parts.valid is None else Encoded(parts.valid, known)
    test = None if parts.test is None else Encoded(parts.test, known)
    network = make_network(lambda: new_network(config, known), training)
    network.standardise(train.data.items)
    if options.image_weights and network.pretrained is not None:
        network.pretrained.read_weights(options.image_weights)

    def measured(limit: int) -> dict[str, float]:
        del limit  # a test that leaves out items would be no test
        return {} if test is None else measure(network, known, test, longest)[0]

    sizes = {name: _counted(part) for name, part in vars(parts).items()}
    weights = f"{network.count_parameters():,} weights"
    left_out = f"; {train.longer:,} captions of more than {longest} tokens are left out" if train.longer else ""
    fingerprint = parts.fingerprint()
    return Job(
        task=TASK,
        config=config,
        network=network,
        objective=CaptionLikelihood(network, known, valid, longest),
        stream=Shuffled(train.lengths, train.batch, batch_size=options.batch_size, seed=training.seed),
        holds_out=valid is not None,
        fingerprint=fingerprint,
        inputs={} if sources is None else sources.to_json(),
        data={
            "files": [] if sources is None else sources.names(),
            "kind": known.item.kind,
            **{f"{name}_{what}": number for name, both in sizes.items() for what, number in both.items()},
            "longer_than_max_length": train.longer,
            "fingerprint": fingerprint,
        },
        vocabulary=known.to_json(),
        unit="token",
        loss_name=f"nats a {known.text.unit}",
        describe=describe,
        test=None if test is None else measured,
        outline=[(name, f"{both['items']:,} items, {both['captions']:,} captions") for name, both in sizes.items()]
        + [("input", known.item.told()), ("answer", f"{known.text.size:,} {known.text.unit}s")],
        start=(
            f"{options.cell} {options.layers}x{options.hidden}, {weights}; {sizes['train']['captions']:,} captions of "
            f"{sizes['train']['items']:,} {known.item.kind} to train on, {known.text.size:,} "
            f"{known.text.unit}s{left_out}"
        ),
    )


def _counted(part: Captioned | None) -> dict[str, int]:
    """How many items and captions a part has."""
    return {"items": 0, "captions": 0} if part is None else {"items": len(part), "captions": part.texts}


def describe(figures: Mapping[str, float]) -> str:
    """Figures of an evaluation, in a line for people."""
    told = [f"exact {figures['exact']:.2%}"]
    if "bleu" in figures:
        told.append(f"BLEU {figures['bleu']:.1f}")
    return ", ".join([*told, f"token accuracy {figures['accuracy']:.2%}", f"loss {figures['loss']:.4f}"])


def reopen(
    described: Artifact,
    inputs: Mapping[str, Any],
    config: CaptionerConfig,
    *,
    progress: Progress | None = None,
    cache: Path | None = None,
) -> Job[CaptionerNetwork]:
    """The job of a stopped run, its data read again. Raises ConfigError for a `cache`: nothing is kept there."""
    if cache is not None:
        raise ConfigError(f"expected a cache for language models only. Received: {cache} for a captioner")
    if described.vocabulary is None:
        raise ArtifactError(f"expected a vocabulary in {described.folder}. Received: none")
    sources = Sources(**inputs)
    parts = read_parts(sources, config.data, config.training.seed, progress)
    return captioner_job(config, parts, sources, vocabulary=CaptionerVocabulary.from_json(described.vocabulary))
