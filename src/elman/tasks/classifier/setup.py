"""`ClassifierSetup`: data, loss and metrics of a classifier's training run."""

from __future__ import annotations

import dataclasses
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from torch import Tensor

from elman.data.batches import ShuffledBatches
from elman.data.examples import Examples, read_examples
from elman.data.examples.encode import TextEncoder, learn_encoder
from elman.data.examples.parts import ExampleParts, make_parts
from elman.data.examples.targets import ClassTargets, class_weights_of, learn_targets
from elman.data.examples.vocabulary import ClassifierVocabulary, EncodedExamples
from elman.data.rows import SequenceRows, WeightedTargets
from elman.data.sources import Sources
from elman.display import Progress
from elman.errors import ConfigError
from elman.metrics.calibration import fit_temperature
from elman.metrics.classification import class_metrics, evaluation, regression_metrics, weighted_mean
from elman.metrics.confusion import confusion_matrix
from elman.nn.attribution import predict_outputs
from elman.nn.bag import learn_bag
from elman.plots.confusion import draw_confusion
from elman.state import Batch, State
from elman.tasks.classifier.config import ClassifierConfig
from elman.tasks.classifier.network import ClassifierNetwork
from elman.tasks.sequence_setup import SequenceObjective, SequenceSetup

__all__ = ["ClassObjective", "ClassifierSetup", "RegressionObjective"]

# A temperature fitted to fewer examples would overfit.
_MIN_TO_CALIBRATE = 50
# Weight of the loss in model selection: it decides between equal error rates.
_LOSS_IN_SELECTION = 1e-3


@dataclass(eq=False)
class _ExampleObjective(SequenceObjective[tuple[SequenceRows, npt.NDArray[Any]]]):
    """Loss of whole examples, each multiplied by its weight if there are any, and metrics on held-out rows.

    model     the network
    held_out  the rows and targets of the validation set, or None
    most      maximum number of rows of an evaluation; 0 for all
    """

    model: ClassifierNetwork
    held_out: tuple[SequenceRows, npt.NDArray[Any]] | None
    most: int = field(default=0, kw_only=True)

    @abstractmethod
    def losses(self, outputs_BC: Tensor, targets_B: Tensor, reduction: str) -> Tensor:
        """Return the losses of the examples, reduced as `torch.nn.functional` does: by "none" or "sum"."""

    @abstractmethod
    def figures(
        self,
        outputs_NC: npt.NDArray[np.float64],
        truth_N: npt.NDArray[Any],
        weights_N: npt.NDArray[Any] | None = None,
    ) -> dict[str, float]:
        """Return the metrics of the network's outputs; weights of the examples apply to the selection only."""

    def loss(self, batch: Batch, state: State) -> tuple[Tensor, int, State]:
        """Return the summed loss, the number of examples, and no state."""
        outputs_BC, given = self._outputs(batch), batch.targets_BT
        if not isinstance(given, WeightedTargets):
            return self.losses(outputs_BC, given.to(outputs_BC.device), "sum"), len(given), state
        targets_B, weights_B = (each.to(outputs_BC.device) for each in given)
        return (self.losses(outputs_BC, targets_B, "none") * weights_B).sum(), len(targets_B), state

    def evaluate_part(self, held_out: tuple[SequenceRows, npt.NDArray[Any]], limit: int) -> dict[str, float]:
        """Return metrics on held-out rows."""
        rows, truth_N = held_out
        limit = min(limit, self.most) if limit and self.most else limit or self.most
        chosen = rows.chosen(limit)
        weights_N = None if rows.weights_N is None else rows.weights_N[chosen]
        return self.figures(predict_outputs(self.model, rows, limit), truth_N[chosen], weights_N)

    def _outputs(self, batch: Batch) -> Tensor:
        logits_BC: Tensor = self.model(batch.inputs_BT.to(self.model.head.weight.device), batch.lengths_B)
        return logits_BC.float()


@dataclass(eq=False, kw_only=True)
class ClassObjective(_ExampleObjective):
    """Cross-entropy in nats; the best weights are those with the lowest validation error rate.

    class_weights    weight of every class in loss and error rate; None for equal weights
    label_smoothing  target probability that is spread over all classes (Szegedy et al. 2016)
    """

    class_weights: npt.NDArray[np.float64] | None = None
    label_smoothing: float = 0.0

    def losses(self, outputs_BC: Tensor, targets_B: Tensor, reduction: str) -> Tensor:
        """Return the cross-entropies in nats."""
        weights = None if self.class_weights is None else torch.tensor(self.class_weights).to(outputs_BC)
        return F.cross_entropy(
            outputs_BC, targets_B, weight=weights, label_smoothing=self.label_smoothing, reduction=reduction
        )

    def figures(
        self,
        outputs_NC: npt.NDArray[np.float64],
        truth_N: npt.NDArray[Any],
        weights_N: npt.NDArray[Any] | None = None,
    ) -> dict[str, float]:
        """Return loss, accuracy and F1."""
        figures = class_metrics(outputs_NC, truth_N)
        wrong_N = outputs_NC.argmax(axis=1) != truth_N
        counted_N = np.ones(len(truth_N)) if self.class_weights is None else self.class_weights[truth_N]
        if weights_N is not None:
            counted_N = counted_N * weights_N
        error = weighted_mean(wrong_N, counted_N)
        return {**figures, "selection": error + _LOSS_IN_SELECTION * figures["loss"]}


@dataclass(eq=False, kw_only=True)
class RegressionObjective(_ExampleObjective):
    """Squared error of the standardised number; `deviation` is the standard deviation of the labels."""

    deviation: float

    def losses(self, outputs_BC: Tensor, targets_B: Tensor, reduction: str) -> Tensor:
        """Return the squared errors."""
        return F.mse_loss(outputs_BC[:, 0], targets_B.to(outputs_BC), reduction=reduction)

    def figures(
        self,
        outputs_NC: npt.NDArray[np.float64],
        truth_N: npt.NDArray[Any],
        weights_N: npt.NDArray[Any] | None = None,
    ) -> dict[str, float]:
        """Return the squared error of the standardised number, and its RMSE, MAE and R2."""
        outputs_N, truth_N = outputs_NC[:, 0], truth_N.astype(np.float64)
        squares_N = (outputs_N - truth_N) ** 2
        figures = {
            "loss": float(np.mean(squares_N)),
            **regression_metrics(outputs_N * self.deviation, truth_N * self.deviation),
        }
        return figures if weights_N is None else {**figures, "selection": weighted_mean(squares_N, weights_N)}


class ClassifierSetup(
    SequenceSetup[ClassifierConfig, ClassifierNetwork, ExampleParts, ClassifierVocabulary, EncodedExamples]
):
    """Setup of a classifier."""

    task = "classifier"
    config_class = ClassifierConfig
    vocabulary_class = ClassifierVocabulary
    unit = "example"

    @classmethod
    def check_options(cls, config: ClassifierConfig) -> None:
        """Raise ConfigError for incompatible options."""
        super().check_options(config)
        target = config.target
        if target.kind == "regression" and (target.class_weights != "none" or target.label_smoothing):
            raise ConfigError("expected class_weights and label_smoothing for classes only. Received: kind=regression")
        if not 0.0 <= target.label_smoothing < 1.0:
            raise ConfigError(
                f"expected label_smoothing from 0 up to, but not including, 1. Received: {target.label_smoothing}"
            )

    @classmethod
    def read_part(cls, paths: Sequence[Any], config: ClassifierConfig, progress: Progress | None = None) -> Examples:
        """Read held-out files; the option `labels` is for training data only."""
        return read_examples(paths, dataclasses.replace(config.data, labels=""), progress=progress)

    @classmethod
    def read(
        cls,
        config: ClassifierConfig,
        sources: Sources,
        *,
        vocabulary: ClassifierVocabulary | None = None,
        progress: Progress | None = None,
    ) -> ExampleParts:
        """Read the labelled examples of all splits."""
        del vocabulary
        # Saved with the other paths for a resumed run.
        sources.labels = sources.labels or config.data.labels
        data = dataclasses.replace(config.data, labels=sources.labels)
        train = read_examples(sources.train, data, progress=progress)
        held_out = (sources.valid, sources.test)
        valid, test = (cls.read_part(paths, config, progress) if paths else None for paths in held_out)
        regression = config.target.kind == "regression"
        return make_parts(train, data, seed=config.training.seed, regression=regression, valid=valid, test=test)

    @classmethod
    def vocabulary_from(cls, content: Mapping[str, Any], config: ClassifierConfig, where: str) -> ClassifierVocabulary:
        """Load the vocabulary."""
        return ClassifierVocabulary.from_json(
            content, config.input, kind=config.target.kind, bag=config.network.bag, where=where
        )

    @staticmethod
    def make_network(config: ClassifierConfig, vocabulary: ClassifierVocabulary) -> ClassifierNetwork:
        """Return a network for the encoder and the targets of this vocabulary."""
        encoder, outputs = vocabulary.encoder, vocabulary.targets.outputs
        if isinstance(encoder, TextEncoder):
            tokens = encoder.vocabulary.size
            return ClassifierNetwork(config.network, outputs=outputs, tokens=tokens, grams=vocabulary.grams)
        return ClassifierNetwork(config.network, outputs=outputs, channels=len(encoder.channels))

    @classmethod
    def make_smallest_network(cls, config: ClassifierConfig) -> ClassifierNetwork:
        """Return a network for texts, to which all options apply."""
        return ClassifierNetwork(config.network, outputs=2, tokens=2)

    @classmethod
    def uncalibrated(cls, vocabulary: ClassifierVocabulary) -> ClassifierVocabulary:
        """Return the vocabulary with the temperature 1."""
        return dataclasses.replace(vocabulary, temperature=1.0)

    def learn_vocabulary(self) -> ClassifierVocabulary:
        """Return the tokens or the scale of the inputs, and the classes or the scale of the labels of a regression."""
        config, parts = self.config, self.parts
        encoder = learn_encoder(parts.train, config.input)
        self._check_inputs()
        # Classes are those of all splits; the scale of the labels of a regression is that of the training set.
        labelled = parts.train if config.target.kind == "regression" else parts.known
        return ClassifierVocabulary(encoder, learn_targets(labelled, config.target.kind, parts.names, parts.values))

    def _check_inputs(self) -> None:
        """Raise ConfigError for options that do not apply to this kind of input."""
        network, texts = self.config.network, self.parts.train.kind == "text"
        useless = {"noise": network.noise} if texts else {"bag": network.bag, "word_dropout": network.word_dropout}
        for name, value in useless.items():
            if value:
                raise ConfigError(
                    f"expected {name} with {'series' if texts else 'texts'} only. "
                    f"Received: {name}={value} for {'texts' if texts else 'series'}"
                )

    def encode(self) -> None:
        """Encode all splits, and collect the n-grams of the training set."""
        super().encode()
        vocabulary, network = self.vocabulary, self.config.network
        self._grams = np.empty(0, np.int64)
        if network.bag and vocabulary.reads_text:
            begins = bool(vocabulary.names) and network.bag_start > 0.0
            truth_N = self._train.truth_N.astype(np.int64) if begins else None
            outputs = vocabulary.targets.outputs
            self._grams, self._ratios = learn_bag(self._train.rows, truth_N, outputs, network.bag)
        self.vocabulary = dataclasses.replace(vocabulary, grams=len(self._grams), temperature=1.0)

    def encode_part(self, part: Examples, *, training: bool = False) -> EncodedExamples:
        """Encode a split."""
        return EncodedExamples(part, self.vocabulary)

    def init_network(self) -> None:
        """Initialise the bag with its n-grams."""
        if self.network.bag is not None:
            self.network.bag.start(self._grams, self.config.network.bag_start * self._ratios)

    def stream(self) -> ShuffledBatches:
        """Return shuffled batches of examples."""
        return self._train.rows.shuffled(self.config.network.batch_size, self.training_config.seed)

    def objective(self) -> ClassObjective | RegressionObjective:
        """Return the loss of classes or of a regression."""
        held_out = None if self._valid is None else (self._valid.rows, self._valid.truth_N)
        target, targets, most = self.config.target, self.vocabulary.targets, self.training_config.evaluate_tokens
        if not isinstance(targets, ClassTargets):
            return RegressionObjective(self.network, held_out, deviation=targets.deviation, most=most)
        balanced = target.class_weights == "balanced"
        weights_C = class_weights_of(self._train.truth_N, targets.outputs) if balanced else None
        return ClassObjective(
            self.network, held_out, class_weights=weights_C, label_smoothing=target.label_smoothing, most=most
        )

    @property
    def loss_name(self) -> str:
        """Name and unit of the loss."""
        return "nats per example" if self.vocabulary.names else "squared error of the standardised number"

    def evaluate_split(self, data: EncodedExamples) -> dict[str, float]:
        """Return metrics on an encoded split."""
        figures = evaluation(predict_outputs(self.network, data.rows), data.truth_N, self.vocabulary)
        return {name: value for name, value in figures.items() if isinstance(value, float)}

    def finish(self, folder: Path | None) -> dict[str, Any]:
        """Fit the temperature on the validation set, and plot its confusion matrix."""
        valid, names = self._valid, self.vocabulary.names
        if valid is None or not names:
            return {}
        logits_NC = predict_outputs(self.network, valid.rows)
        predicted_N = logits_NC.argmax(axis=1)
        # Without errors the optimal temperature is zero.
        wrong = bool((predicted_N != valid.truth_N).any())
        if self.config.target.calibrate and wrong and len(valid.rows) >= _MIN_TO_CALIBRATE:
            temperature = fit_temperature(logits_NC, valid.truth_N)
            self.vocabulary = dataclasses.replace(self.vocabulary, temperature=temperature)
        if folder is not None:
            matrix_CC = confusion_matrix(valid.truth_N, predicted_N, len(names))
            draw_confusion(matrix_CC, names, folder / "confusion.png", title="validation")
        figures = evaluation(logits_NC, valid.truth_N, self.vocabulary)
        kept = ("temperature", "log_loss", "brier", "ece", "ece_before")
        return {"calibration": {name: figures[name] for name in kept}}

    def describe(self, figures: Mapping[str, float]) -> str:
        """Format the metrics of an evaluation as one line."""
        if not self.vocabulary.names:
            return f"RMSE {figures['rmse']:.4g}, MAE {figures['mae']:.4g}, R2 {figures['r2']:.4f}"
        loss = figures["loss"] if "loss" in figures else figures["log_loss"]
        return f"accuracy {figures['accuracy']:.2%}, macro F1 {figures['macro_f1']:.4f}, {loss:.4f} nats per example"

    def data_facts(self) -> dict[str, Any]:
        """Return the number of examples in each split."""
        return {
            "kind": self.parts.train.kind,
            **{name: 0 if part is None else len(part) for name, part in self.parts.named()},
            "longest": int(self._train.rows.lengths.max()),
            "longer_than_max_length": self._train.longer,
        }

    def outline(self) -> list[tuple[str, str]]:
        """Describe the splits, lengths, inputs and targets."""
        facts, lengths, encoder = self.data, self._train.rows.lengths, self.vocabulary.encoder
        if isinstance(encoder, TextEncoder):
            unit, read = encoder.vocabulary.unit, f"{encoder.vocabulary.size:,} {encoder.vocabulary.unit}s"
        else:
            unit, read = "step", f"{len(encoder.channels)} channels"
        return [
            ("examples", f"{facts['train']:,} to train on, {facts['valid']:,} validation, {facts['test']:,} test"),
            ("length", f"{lengths.min():,} to {lengths.max():,} {unit}s, {np.mean(lengths):.1f} on average"),
            ("input", read),
            ("answer", self.vocabulary.answer()),
        ]

    def notes(self) -> list[str]:
        """Report texts that are truncated."""
        longer = self._train.longer
        truncated = [f"{longer:,} texts are longer than max_length and are truncated"] if longer else []
        return [*super().notes(), *truncated]

    def summary(self) -> str:
        """Describe the network and the data in one line."""
        examples = f"{len(self._train.rows):,} examples to train on"
        return f"{self.network_summary}; {examples}, {self.vocabulary.answer()}"
