"""Training of an ensemble: every member learns from the same batches, as if it were trained alone."""

from __future__ import annotations

import copy
import math
from typing import Any

from torch import Tensor, nn

from elman.nn.ensemble import Ensemble, members_of
from elman.state import Batch, State
from elman.train.batch_sums import MeasuredObjective
from elman.train.config import TrainConfig
from elman.train.gradients import clip_gradients
from elman.train.loop import Training
from elman.train.protocols import Objective, ScheduledObjective, Stream

__all__ = ["EnsembleObjective", "EnsembleTraining", "training_of"]


class EnsembleObjective:
    """The loss of an ensemble is the mean of its members' losses; its metrics are those of the averaged predictions.

    Args:
        whole: the objective of the task, whose `model` is the ensemble; it computes the metrics.

    Attributes:
        members: the objective for each member.
    """

    def __init__(self, whole: Objective) -> None:
        self.whole = whole
        if isinstance(whole, MeasuredObjective):
            # The members, which are copies, add to the same sums: metrics of training batches are means over members.
            self.batch_sums = whole.batch_sums
            self.training_metrics = whole.training_metrics
        model: Any = whole.model
        self.members = [_with_model(whole, member) for member in members_of(model)]

    @property
    def model(self) -> nn.Module:
        """The ensemble."""
        return self.whole.model

    def initial_state(self, batch_size: int) -> State:
        """Return the initial states of all members."""
        return tuple(member.initial_state(batch_size) for member in self.members)

    def loss(self, batch: Batch, state: State) -> tuple[Tensor, int, State]:
        """Return the mean over the members of the summed loss, the number of targets, and the members' states."""
        found = [member.loss(batch, each) for member, each in zip(self.members, state, strict=True)]
        total = sum((loss for loss, _, _ in found[1:]), start=found[0][0])
        return total / len(found), found[0][1], tuple(after for _, _, after in found)

    def evaluate(self, limit: int = 0) -> dict[str, float]:
        """Return metrics of the averaged predictions on held-out data."""
        return self.whole.evaluate(limit)

    def begin_step(self, progress: float) -> None:
        """Called before each step."""
        for each in (self.whole, *self.members):
            if isinstance(each, ScheduledObjective):
                each.begin_step(progress)


class EnsembleTraining(Training):
    """Training in which every member has the gradients, and the clipping, of a run of its own.

    The members share batches, learning rate and the choice of the best weights. One member after another computes its
    loss and gradients, so that only one graph is in memory. The loss of a step is the mean of the members' losses, and
    the norm of a step is the largest norm of a member.
    """

    objective: EnsembleObjective

    def _propagate(self, batch: Batch, state: State) -> tuple[float, int, State]:
        found = [
            self._backward_of(objective, batch, each)
            for objective, each in zip(self.objective.members, state, strict=True)
        ]
        mean = math.fsum(loss for loss, _, _ in found) / len(found)
        return mean, found[0][1], tuple(after for _, _, after in found)

    def _clip(self) -> float:
        norms = [clip_gradients(member.model.parameters(), self.config) for member in self.objective.members]
        return max(norms, key=lambda norm: math.inf if math.isnan(norm) else norm)


def training_of(objective: Objective, stream: Stream, config: TrainConfig, evaluation_cost: float) -> Training:
    """Return the training of a network, or of an ensemble if the objective's model is one."""
    if isinstance(objective.model, Ensemble):
        return EnsembleTraining(EnsembleObjective(objective), stream, config, evaluation_cost=evaluation_cost)
    return Training(objective, stream, config, evaluation_cost=evaluation_cost)


def _with_model(objective: Objective, model: Any) -> Any:
    """Return a copy of an objective with another model."""
    own: Any = copy.copy(objective)
    own.model = model
    return own
