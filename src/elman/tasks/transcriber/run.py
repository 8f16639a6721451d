"""A transcriber's run: its job from its data, and the data of a stopped run read again."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from elman.artifact import Artifact
from elman.data.batches import Shuffled
from elman.data.tokens import Progress
from elman.data.transcripts import Transcripts
from elman.errors import ArtifactError, ConfigError, DataError
from elman.metrics.transcription import error_rates
from elman.tasks.building import make_network
from elman.tasks.run import Job, settle
from elman.tasks.transcriber.batches import Encoded
from elman.tasks.transcriber.config import TranscriberConfig
from elman.tasks.transcriber.network import TranscriberNetwork
from elman.tasks.transcriber.objective import CTCLikelihood, measure
from elman.tasks.transcriber.parts import Parts, Sources, counted, read_parts
from elman.tasks.transcriber.vocabulary import TranscriberVocabulary

__all__ = ["TASK", "check_options", "describe", "notes_on", "reopen", "transcriber_job"]

TASK = "transcriber"

# Of the recordings that are left out, so many are told by name.
_NAMED = 3


def check_options(config: TranscriberConfig) -> None:
    """Raise ConfigError for options that no transcriber can have together."""
    training = config.training
    if training.loss_from or training.loss_to:
        raise ConfigError(
            "expected loss_from and loss_to for language models only. "
            f"Received: loss_from={training.loss_from}, loss_to={training.loss_to} for a transcriber"
        )
    error_rates(["a"], ["a"])  # needed at the first evaluation: better told now


def transcriber_job(
    config: TranscriberConfig,
    parts: Parts,
    sources: Sources | None = None,
    *,
    vocabulary: TranscriberVocabulary | None = None,
) -> Job[TranscriberNetwork]:
    """What a run on `parts` trains.

    sources     where the data came from; None for data that was in memory
    vocabulary  that of a stopped run; by default it is learnt from the training part

    Recordings whose text needs more steps than the network has are left out of training: see `notes_on`. Raises
    ConfigError, DataError, OutOfMemory.
    """
    check_options(config)
    config = dataclasses.replace(config, training=settle(config.training))
    options, training = config.network, config.training
    known = vocabulary or TranscriberVocabulary.learn(parts.train, config.data)
    for part in (parts.valid, parts.test):
        if part is not None and part.texts is None:
            raise DataError(f"{part.name}: expected a text of every recording. Received: none")
    every = Encoded(parts.train, known, options)
    if not every.fits.any():
        raise DataError(
            f"{parts.train.name}: expected a recording with as many steps as its text needs; a smaller stride or "
            f"hop_ms makes more of them. Received: none, {_told(every, parts.train)}"
        )
    train = every
    if not every.fits.all():
        train = Encoded(parts.train.take(np.flatnonzero(every.fits).tolist()), known, options)
    valid = None if parts.valid is None else Encoded(parts.valid, known, options)
    test = None if parts.test is None else Encoded(parts.test, known, options)
    network = make_network(lambda: TranscriberNetwork(known.features, known.size, options), training)
    if options.normalise == "global":
        network.scale_by(train.data.frames, known.kind)

    def measured(limit: int) -> dict[str, float]:
        del limit  # a test that leaves out recordings would be no test
        return {} if test is None else measure(network, known, test)[0]

    layers = f"{options.layers}x{options.hidden}" + (" both ways" * options.bidirectional)
    sizes = {name: counted(part) for name, part in vars(parts).items()}
    left_out = len(every) - len(train)
    fingerprint = parts.fingerprint()
    things = "recordings" if known.kind == "sound" else "drawings"
    return Job(
        task=TASK,
        config=config,
        network=network,
        objective=CTCLikelihood(network, known, valid),
        stream=Shuffled(
            train.lengths,
            train.batch,
            batch_size=options.batch_size,
            steps=options.batch_frames,
            seed=training.seed,
        ),
        holds_out=valid is not None,
        fingerprint=fingerprint,
        inputs={} if sources is None else sources.to_json(),
        data={
            "files": [] if sources is None else sources.names(),
            "kind": known.kind,
            **{f"{name}_{what}": number for name, both in sizes.items() for what, number in both.items()},
            "train_too_long": left_out,
            "fingerprint": fingerprint,
        },
        vocabulary=known.to_json(),
        unit=known.unit,
        loss_name=f"nats a {known.unit}",
        describe=describe,
        test=None if test is None else measured,
        outline=[(name, f"{both['recordings']:,} {things}, {both['frames']:,} frames") for name, both in sizes.items()]
        + [("left out", f"{left_out:,} {things}: their texts are too long for their steps")] * bool(left_out)
        + [("input", f"frames of {known.features} features"), ("answer", _told_answer(known))],
        start=(
            f"{options.cell} {layers}, {network.count_parameters():,} weights; "
            f"{len(train):,} {things} to train on, {_told_answer(known)}"
        ),
    )


def _told_answer(vocabulary: TranscriberVocabulary) -> str:
    return f"{vocabulary.size - 1:,} {vocabulary.tokens.unit}s and the blank"


def notes_on(parts: Parts, config: TranscriberConfig, vocabulary: TranscriberVocabulary) -> list[str]:
    """What a person should be told of the data before a run: sentences."""
    told = parts.notes()
    for name, part in vars(parts).items():
        if part is None:
            continue
        encoded = Encoded(part, vocabulary, config.network)
        if encoded.fits.all():
            continue
        fate = "left out of training" if name == "train" else f"counted in the error rates of the {name} part only"
        told.append(f"{_told(encoded, part)}; they are {fate}")
    return told


def _told(encoded: Encoded, part: Transcripts) -> str:
    """How many texts are too long for their recordings, and which are."""
    rows = np.flatnonzero(~encoded.fits)
    shown = ", ".join(f"{part.places[row]} ({encoded.steps[row]} steps)" for row in rows[:_NAMED].tolist())
    more = f" and {len(rows) - _NAMED:,} more" if len(rows) > _NAMED else ""
    return f"{len(rows):,} of {len(part):,} texts need more steps than their recordings have: {shown}{more}"


def describe(figures: Mapping[str, float]) -> str:
    """Figures of an evaluation, in a line for people."""
    told = [f"WER {figures['wer']:.2%}", f"CER {figures['cer']:.2%}", f"exact {figures['exact']:.2%}"]
    if "loss" in figures:  # it is infinite where no text fits into its steps
        told.append(f"loss {figures['loss']:.4f}")
    return ", ".join(told)


def reopen(
    described: Artifact,
    inputs: Mapping[str, Any],
    config: TranscriberConfig,
    *,
    progress: Progress | None = None,
    cache: Path | None = None,
) -> Job[TranscriberNetwork]:
    """The job of a stopped run, its data read again. Raises ConfigError for a `cache`: nothing is kept there."""
    if cache is not None:
        raise ConfigError(f"expected a cache for language models only. Received: {cache} for a transcriber")
    if described.vocabulary is None:
        raise ArtifactError(f"expected a vocabulary in {described.folder}. Received: none")
    sources = Sources(**inputs)
    parts = read_parts(sources, config, progress)
    return transcriber_job(config, parts, sources, vocabulary=TranscriberVocabulary.from_json(described.vocabulary))
