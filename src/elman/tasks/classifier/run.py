"""A classifier's run: its job from its examples, and the examples of a stopped run read again."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from elman.artifact import Artifact
from elman.data.examples.encode import Encoder, TextEncoder, encoder_from_json, learn_encoder
from elman.data.examples.targets import Classes, Targets, learn_targets, targets_from_json
from elman.data.rows import Rows
from elman.data.tokens import Progress
from elman.errors import ArtifactError, ConfigError
from elman.metrics.calibration import fit_temperature
from elman.metrics.classification import class_evaluation, score_figures
from elman.metrics.confusion import confusion_matrix
from elman.nn.bag import learn_bag
from elman.plots.confusion import draw_confusion
from elman.tasks.building import make_network
from elman.tasks.classifier.config import ClassifierConfig
from elman.tasks.classifier.network import ClassifierNetwork
from elman.tasks.classifier.objective import make_objective, outputs_of
from elman.tasks.classifier.parts import Parts, Sources, read_parts
from elman.tasks.run import Job, settle

__all__ = ["CONFUSION", "TASK", "check_options", "classifier_job", "new_network", "reopen"]

TASK = "classifier"

# The picture of the validation part's confusion, in the model's folder.
CONFUSION = "confusion.png"
# A temperature that is fitted to fewer examples than these says more about them than about the network.
_LEAST_TO_CALIBRATE = 50


def check_options(config: ClassifierConfig) -> None:
    """Raise ConfigError for options that no classifier can have together."""
    training = config.training
    if training.loss_from or training.loss_to:
        raise ConfigError(
            "expected loss_from and loss_to for tasks with a target at every step. "
            f"Received: loss_from={training.loss_from}, loss_to={training.loss_to} for a classifier"
        )
    if config.target.kind == "score" and (config.target.class_weights != "none" or config.target.label_smoothing):
        raise ConfigError("expected class_weights and label_smoothing for classes only. Received: kind=score")
    if not 0.0 <= config.target.label_smoothing < 1.0:
        raise ConfigError(
            f"expected label_smoothing from 0 up to, but not including, 1. Received: {config.target.label_smoothing}"
        )


def _check_inputs(config: ClassifierConfig, encoder: Encoder) -> None:
    """Raise ConfigError for options that would change nothing, for what is read has no use for them."""
    network = config.network
    reads_text = isinstance(encoder, TextEncoder)
    useless = {"noise": network.noise} if reads_text else {"bag": network.bag, "word_dropout": network.word_dropout}
    for name, value in useless.items():
        if value:
            raise ConfigError(
                f"expected {name} with {'series' if reads_text else 'texts'} only. "
                f"Received: {name}={value} for {'texts' if reads_text else 'series'}"
            )


def new_network(config: ClassifierConfig, encoder: Encoder, targets: Targets, grams: int = 0) -> ClassifierNetwork:
    """A network that reads what `encoder` gives and scores `targets`; its bag knows `grams` n-grams."""
    sizes = (
        {"tokens": encoder.vocabulary.size, "grams": grams}
        if isinstance(encoder, TextEncoder)
        else {"channels": len(encoder.channels)}
    )
    return ClassifierNetwork(config.network, outputs=targets.outputs, **sizes)


class _Part:
    """Encoded examples with what is true of them; `longer` texts were cut."""

    def __init__(self, examples: Any, encoder: Encoder, targets: Targets) -> None:
        encoded, self.longer = encoder.encode_and_count(examples)
        self.truth_N = targets.encode(examples)
        self.rows = Rows(encoded, self.truth_N)


def classifier_job(
    config: ClassifierConfig,
    parts: Parts,
    sources: Sources | None = None,
    *,
    encoder: Encoder | None = None,
    targets: Targets | None = None,
    names: Sequence[str] | None = None,
    values: str = "text",
) -> Job[ClassifierNetwork]:
    """What a run on `parts` trains.

    sources           where the examples came from; None for examples that were in memory
    encoder, targets  those of a stopped run; by default they are learnt from the training part
    names, values     the classes in an order of their own, and what they were before they were text

    Raises ConfigError, DataError, OutOfMemory.
    """
    check_options(config)
    config = dataclasses.replace(config, training=settle(config.training))
    training, target = config.training, config.target
    own_encoder = encoder or learn_encoder(parts.train, config.input)
    _check_inputs(config, own_encoder)
    # Held-out examples may have a class that no other has; the scale of a score is learnt from the training part.
    labelled = parts.train if target.kind == "score" else parts.known
    own_targets = targets or learn_targets(labelled, target.kind, names, values)
    train = _Part(parts.train, own_encoder, own_targets)
    valid = None if parts.valid is None else _Part(parts.valid, own_encoder, own_targets)
    last = None if parts.test is None else _Part(parts.test, own_encoder, own_targets)
    of_classes = isinstance(own_targets, Classes)
    grams: npt.NDArray[np.int64] = np.empty(0, np.int64)
    if config.network.bag and isinstance(own_encoder, TextEncoder):
        begins = of_classes and config.network.bag_start > 0.0
        truth_N = train.truth_N.astype(np.int64) if begins else None
        grams, ratios = learn_bag(train.rows, truth_N, own_targets.outputs, config.network.bag)
    network = make_network(lambda: new_network(config, own_encoder, own_targets, len(grams)), training)
    if network.bag is not None:
        network.bag.start(grams, config.network.bag_start * ratios)
    objective = make_objective(
        network,
        own_targets,
        train.truth_N,
        None if valid is None else (valid.rows, valid.truth_N),
        balanced=target.class_weights == "balanced",
        label_smoothing=target.label_smoothing,
        most=training.evaluate_tokens,
    )
    vocabulary: dict[str, Any] = {**own_encoder.to_json(), **own_targets.to_json()}
    vocabulary |= {"grams": len(grams), "temperature": 1.0}

    def finish(folder: Path | None) -> dict[str, Any]:
        if valid is None or not isinstance(own_targets, Classes):
            return {}
        logits_NC = outputs_of(network, valid.rows)
        # Where no answer is wrong, the likeliest temperature is zero.
        wrong = bool((logits_NC.argmax(axis=1) != valid.truth_N).any())
        if target.calibrate and wrong and len(valid.rows) >= _LEAST_TO_CALIBRATE:
            vocabulary["temperature"] = fit_temperature(logits_NC, valid.truth_N)
        if folder is not None:
            matrix_CC = confusion_matrix(valid.truth_N, logits_NC.argmax(axis=1), own_targets.outputs)
            draw_confusion(matrix_CC, own_targets.names, folder / CONFUSION, title="validation")
        figures = class_evaluation(logits_NC, valid.truth_N, own_targets.names, vocabulary["temperature"])
        told = ("temperature", "log_loss", "brier", "ece", "ece_before")
        return {"calibration": {name: figures[name] for name in told}}

    def test(limit: int) -> dict[str, float]:
        if last is None:
            return {}
        del limit  # a test that leaves out examples would be no test
        outputs_NC = outputs_of(network, last.rows)
        truth_N = last.truth_N
        if not isinstance(own_targets, Classes):
            return score_figures(own_targets.decode(outputs_NC[:, 0]), own_targets.decode(truth_N))
        figures = class_evaluation(outputs_NC, truth_N, own_targets.names, vocabulary["temperature"])
        return {name: value for name, value in figures.items() if isinstance(value, float)}

    count, weights = len(train.rows), f"{network.count_parameters():,} weights"
    held = [0 if part is None else len(part.rows) for part in (valid, last)]
    shape = f"{config.network.layers}x{config.network.hidden}" + (" both ways" if config.network.bidirectional else "")
    cut = f"; {train.longer:,} texts are longer than max_length and were cut" if train.longer else ""
    return Job(
        task=TASK,
        config=config,
        network=network,
        objective=objective,
        stream=train.rows.shuffled(config.network.batch_size, training.seed),
        holds_out=valid is not None,
        fingerprint=parts.fingerprint(),
        inputs={} if sources is None else sources.to_json(),
        data={
            "files": [] if sources is None else sources.names(),
            "kind": parts.train.kind,
            "train": count,
            "valid": held[0],
            "test": held[1],
            "longest": int(train.rows.lengths.max()),
            "longer_than_max_length": train.longer,
            "fingerprint": parts.fingerprint(),
        },
        vocabulary=vocabulary,
        unit="example",
        loss_name="nats an example" if of_classes else "squared error of the standardised score",
        describe=_describe_classes if of_classes else _describe_score,
        test=None if last is None else test,
        finish=finish,
        outline=_outline(train, own_encoder, own_targets, held),
        start=f"{config.network.cell} {shape}, {weights}; {count:,} examples to train on, {_told(own_targets)}{cut}",
    )


def _describe_classes(figures: Mapping[str, float]) -> str:
    loss = figures["loss"] if "loss" in figures else figures["log_loss"]
    return f"accuracy {figures['accuracy']:.2%}, macro F1 {figures['macro_f1']:.4f}, {loss:.4f} nats an example"


def _describe_score(figures: Mapping[str, float]) -> str:
    return f"RMSE {figures['rmse']:.4g}, MAE {figures['mae']:.4g}, R2 {figures['r2']:.4f}"


def _told(targets: Targets) -> str:
    return f"{targets.outputs:,} classes" if isinstance(targets, Classes) else "a score"


def _outline(train: _Part, encoder: Encoder, targets: Targets, held: Sequence[int]) -> list[tuple[str, str]]:
    lengths = train.rows.lengths
    unit = encoder.vocabulary.unit if isinstance(encoder, TextEncoder) else "step"
    what = (
        f"{encoder.vocabulary.size:,} {unit}s"
        if isinstance(encoder, TextEncoder)
        else f"{len(encoder.channels)} channels"
    )
    return [
        ("examples", f"{len(train.rows):,} to train on, {held[0]:,} validation, {held[1]:,} test"),
        ("length", f"{lengths.min():,} to {lengths.max():,} {unit}s, {np.mean(lengths):.1f} on average"),
        ("input", what),
        ("answer", _told(targets)),
    ]


def reopen(
    described: Artifact,
    inputs: Mapping[str, Any],
    config: ClassifierConfig,
    *,
    progress: Progress | None = None,
    cache: Path | None = None,
) -> Job[ClassifierNetwork]:
    """The job of a stopped run, its examples read again. Raises ConfigError for a `cache`: nothing is kept there."""
    if cache is not None:
        raise ConfigError(f"expected a cache for language models only. Received: {cache} for a classifier")
    if described.vocabulary is None:
        raise ArtifactError(f"expected a vocabulary in {described.folder}. Received: none")
    where = f"{described.folder}/vocabulary.json"
    encoder = encoder_from_json(described.vocabulary, config.input, where)
    targets = targets_from_json(described.vocabulary, config.target.kind, where)
    sources = Sources.from_json(inputs)
    return classifier_job(config, read_parts(sources, config, progress), sources, encoder=encoder, targets=targets)
