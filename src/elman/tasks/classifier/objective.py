"""What a classifier is to get better at: the likelihood of the right class, or the squared error of a score."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from torch import Tensor

from elman.data.examples.targets import Classes, Targets
from elman.data.rows import Rows
from elman.metrics.classification import class_figures, score_figures
from elman.tasks.classifier.network import ClassifierNetwork
from elman.types import Batch, State

__all__ = ["ClassLoss", "ScoreLoss", "make_objective", "outputs_of", "weights_of_classes"]

# Between two sets of weights that are right equally often, the one with the lower loss is kept.
_LOSS_IN_SELECTION = 1e-3


def outputs_of(network: ClassifierNetwork, rows: Rows, limit: int = 0) -> npt.NDArray[np.float64]:
    """The network's scores [N, C] for all rows, or `rows.chosen(limit)`, in their order."""
    chosen = rows.chosen(limit)
    device = network.head.weight.device
    found = np.empty((len(chosen), network.head.out_features))
    with torch.no_grad():
        for numbers, batch in rows.in_order(chosen):
            logits_BC = network(batch.inputs_BT.to(device), batch.lengths_B)
            found[np.searchsorted(chosen, numbers)] = logits_BC.double().cpu().numpy()
    return found


def weights_of_classes(truth_N: npt.NDArray[np.int64], classes: int) -> npt.NDArray[np.float64]:
    """A weight a class, inverse to its number of examples, so that the mean over all examples is 1.

    A class without an example weighs nothing.
    """
    counts_C = np.bincount(truth_N, minlength=classes)
    present = counts_C > 0
    weights_C = np.zeros(classes)
    weights_C[present] = len(truth_N) / (present.sum() * counts_C[present])
    return weights_C


class ClassLoss:
    """Cross-entropy; the weights that are kept are those that are right most often on the held-out rows.

    Args:
        model: the network.
        held_out: the rows and true classes of an evaluation; None when nothing is held out.
        class_weights: a weight for every class in the loss and in what is kept; None for all alike.
        label_smoothing: the share of each target that is spread over all classes (Szegedy et al. 2016).
        most: an evaluation uses at most so many rows.
    """

    def __init__(
        self,
        model: ClassifierNetwork,
        held_out: tuple[Rows, npt.NDArray[np.int64]] | None,
        *,
        class_weights: npt.NDArray[np.float64] | None = None,
        label_smoothing: float = 0.0,
        most: int = 0,
    ) -> None:
        self.model = model
        self.held_out = held_out
        self.class_weights = class_weights
        self.label_smoothing = label_smoothing
        self.most = most

    def initial_state(self, batch_size: int) -> State:
        """No state is carried from batch to batch."""
        del batch_size
        return ()

    def loss(self, batch: Batch, state: State) -> tuple[Tensor, int, State]:
        """The sum of nats over the rows, their number, and no state."""
        device = self.model.head.weight.device
        logits_BC = self.model(batch.inputs_BT.to(device), batch.lengths_B).float()
        targets_B = batch.targets_BT.to(device)
        weights = None if self.class_weights is None else torch.tensor(self.class_weights).to(logits_BC)
        total = F.cross_entropy(
            logits_BC, targets_B, weight=weights, label_smoothing=self.label_smoothing, reduction="sum"
        )
        return total, len(targets_B), state

    def evaluate(self, limit: int = 0) -> dict[str, float]:
        """Loss, accuracy and F1 on held-out rows; empty when there are none."""
        if self.held_out is None:
            return {}
        rows, truth_N = self.held_out
        limit = min(limit, self.most) if limit and self.most else limit or self.most
        logits_NC = outputs_of(self.model, rows, limit)
        truth_N = truth_N[rows.chosen(limit)]
        figures = class_figures(logits_NC, truth_N)
        wrong_N = logits_NC.argmax(axis=1) != truth_N
        weights_N = np.ones(len(truth_N)) if self.class_weights is None else self.class_weights[truth_N]
        error = float(np.average(wrong_N, weights=weights_N if weights_N.any() else None))
        return {**figures, "selection": error + _LOSS_IN_SELECTION * figures["loss"]}


class ScoreLoss:
    """Squared error of the standardised score. Arguments as of `ClassLoss`; `score` undoes the standardisation."""

    def __init__(
        self,
        model: ClassifierNetwork,
        held_out: tuple[Rows, npt.NDArray[Any]] | None,
        *,
        deviation: float,
        most: int = 0,
    ) -> None:
        self.model = model
        self.held_out = held_out
        self.deviation = deviation
        self.most = most

    def initial_state(self, batch_size: int) -> State:
        """No state is carried from batch to batch."""
        del batch_size
        return ()

    def loss(self, batch: Batch, state: State) -> tuple[Tensor, int, State]:
        """The sum of squared errors over the rows, their number, and no state."""
        device = self.model.head.weight.device
        outputs_B = self.model(batch.inputs_BT.to(device), batch.lengths_B)[:, 0].float()
        targets_B = batch.targets_BT.to(outputs_B)
        return F.mse_loss(outputs_B, targets_B, reduction="sum"), len(targets_B), state

    def evaluate(self, limit: int = 0) -> dict[str, float]:
        """Squared error of the standardised score, and RMSE, MAE and R2; empty when nothing is held out."""
        if self.held_out is None:
            return {}
        rows, truth_N = self.held_out
        limit = min(limit, self.most) if limit and self.most else limit or self.most
        outputs_N = outputs_of(self.model, rows, limit)[:, 0]
        truth_N = truth_N[rows.chosen(limit)].astype(np.float64)
        loss = float(np.mean((outputs_N - truth_N) ** 2))
        return {"loss": loss, **score_figures(outputs_N * self.deviation, truth_N * self.deviation)}


def make_objective(
    model: ClassifierNetwork,
    targets: Targets,
    truth_N: npt.NDArray[Any],
    held_out: tuple[Rows, npt.NDArray[Any]] | None,
    *,
    balanced: bool = False,
    label_smoothing: float = 0.0,
    most: int = 0,
) -> ClassLoss | ScoreLoss:
    """The objective for `targets`; `truth_N` are those of the training part, for balanced weights."""
    if isinstance(targets, Classes):
        weights_C = weights_of_classes(truth_N, targets.outputs) if balanced else None
        return ClassLoss(model, held_out, class_weights=weights_C, label_smoothing=label_smoothing, most=most)
    return ScoreLoss(model, held_out, deviation=targets.deviation, most=most)
