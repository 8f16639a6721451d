"""Losses of a classifier: of classes and of scores, with their validation metrics."""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from torch import Tensor

from elman.data.rows import SequenceRows, WeightedTargets
from elman.metrics.classification import class_metrics, log_softmax, regression_metrics, weighted_mean
from elman.nn.attribution import predict_outputs
from elman.state import Batch, State, map_leaves
from elman.tasks.classifier.network import ClassifierNetwork
from elman.tasks.sequence_setup import SequenceObjective

__all__ = ["ClassObjective", "RegressionObjective"]

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
    def measure_batch(self, outputs_BC: Tensor, targets_B: Tensor) -> None:
        """Add the metrics of a training batch to `batch_sums`."""

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
        outputs_BC, given = self.outputs(batch), batch.targets_BT
        if not isinstance(given, WeightedTargets):
            targets_B = given.to(outputs_BC.device)
            self.measure_batch(outputs_BC.detach(), targets_B)
            return self.losses(outputs_BC, targets_B, "sum"), len(targets_B), state
        targets_B = given.targets_B.to(outputs_BC.device)
        if given.offsets_BC is not None:
            outputs_BC = outputs_BC + given.offsets_BC.to(outputs_BC.device)
        self.measure_batch(outputs_BC.detach(), targets_B)
        if given.weights_B is None:
            return self.losses(outputs_BC, targets_B, "sum"), len(targets_B), state
        weights_B = given.weights_B.to(outputs_BC.device)
        return (self.losses(outputs_BC, targets_B, "none") * weights_B).sum(), len(targets_B), state

    def evaluate_part(self, held_out: tuple[SequenceRows, npt.NDArray[Any]], limit: int) -> dict[str, float]:
        """Return metrics on held-out rows."""
        rows, truth_N = held_out
        limit = min(limit, self.most) if limit and self.most else limit or self.most
        chosen = rows.chosen(limit)
        weights_N = None if rows.weights_N is None else rows.weights_N[chosen]
        return self.figures(predict_outputs(self.model, rows, limit), truth_N[chosen], weights_N)

    def outputs(self, batch: Batch) -> Tensor:
        """Return the outputs for a training batch, `logits_BC`."""
        logits_BC: Tensor = self.model(self.on_device(batch.inputs_BT), batch.lengths_B)
        return logits_BC.float()

    def on_device(self, inputs: Any) -> Any:
        """Return tensors on the device of the network."""
        device = self.model.head.weight.device
        return map_leaves(lambda leaf: leaf.to(device), inputs)


@dataclass(eq=False, kw_only=True)
class ClassObjective(_ExampleObjective):
    """Cross-entropy in nats; the best weights are those with the lowest validation error rate.

    class_weights    weight of every class in loss and error rate; None for equal weights
    label_smoothing  target probability that is spread over all classes (Szegedy et al. 2016)
    by_loss          whether the best weights are those with the lowest validation loss instead
    """

    class_weights: npt.NDArray[np.float64] | None = None
    label_smoothing: float = 0.0
    by_loss: bool = False

    def outputs(self, batch: Batch) -> Tensor:
        """Return the outputs for a training batch; a bag of n-grams may leave out the text itself by its class."""
        if self.model.bag is None or self.model.bag.gain is None:
            return super().outputs(batch)
        given = batch.targets_BT
        targets_B = given.targets_B if isinstance(given, WeightedTargets) else given
        logits_BC: Tensor = self.model(
            self.on_device(batch.inputs_BT), batch.lengths_B, self.on_device(targets_B).long()
        )
        return logits_BC.float()

    def losses(self, outputs_BC: Tensor, targets_B: Tensor, reduction: str) -> Tensor:
        """Return the cross-entropies in nats."""
        weights = None if self.class_weights is None else torch.tensor(self.class_weights).to(outputs_BC)
        return F.cross_entropy(
            outputs_BC, targets_B, weight=weights, label_smoothing=self.label_smoothing, reduction=reduction
        )

    def measure_batch(self, outputs_BC: Tensor, targets_B: Tensor) -> None:
        """Count the examples whose class is the most likely one."""
        self.batch_sums.add("accuracy", (outputs_BC.argmax(dim=1) == targets_B).sum(), len(targets_B))

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
        if self.by_loss:
            losses_N = -log_softmax(outputs_NC)[np.arange(len(truth_N)), truth_N]
            return {**figures, "selection": weighted_mean(losses_N, counted_N)}
        error = weighted_mean(wrong_N, counted_N)
        return {**figures, "selection": error + _LOSS_IN_SELECTION * figures["loss"]}


@dataclass(eq=False, kw_only=True)
class RegressionObjective(_ExampleObjective):
    """Squared error of the standardised number; `deviation` is the standard deviation of the labels."""

    deviation: float

    def losses(self, outputs_BC: Tensor, targets_B: Tensor, reduction: str) -> Tensor:
        """Return the squared errors."""
        return F.mse_loss(outputs_BC[:, 0], targets_B.to(outputs_BC), reduction=reduction)

    def measure_batch(self, outputs_BC: Tensor, targets_B: Tensor) -> None:
        """Add the squared errors."""
        self.batch_sums.add("squares", self.losses(outputs_BC, targets_B, "sum"), len(targets_B))

    def training_metrics(self, means: Mapping[str, float]) -> dict[str, float]:
        """Return the RMSE on the scale of the labels."""
        return {"rmse": self.deviation * math.sqrt(means["squares"])}

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
