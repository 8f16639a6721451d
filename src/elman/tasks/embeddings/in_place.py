"""Training of weights that an objective changes itself, without gradients of torch."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any

import torch
from torch import Tensor, nn

from elman.state import Batch, State
from elman.train.loop import Training

__all__ = ["InPlaceObjective", "InPlaceTraining"]


class InPlaceObjective(ABC):
    """An objective whose `update` makes the step; `steps` is the number of steps so far."""

    model: nn.Module
    steps = 0

    @abstractmethod
    def update(self, batch: Any, rate: float) -> tuple[float, int]:
        """Change the weights by one batch; return the sum of the losses before, and the number of pairs."""

    @abstractmethod
    def stream(self) -> Any:
        """Return the stream of batches."""

    @abstractmethod
    def evaluate(self, limit: int = 0) -> dict[str, float]:
        """Return metrics on held-out data; empty without such data. At most `limit` tokens are used; 0 for all."""

    def initial_state(self, batch_size: int) -> State:
        """Return an empty state: none is carried."""
        del batch_size
        return ()

    def loss(self, batch: Batch, state: State) -> tuple[Tensor, int, State]:
        """Return the sum of the losses of a batch, and the number of pairs, by a step at a learning rate of 0."""
        del state
        total, pairs = self.update(batch, 0.0)
        return torch.tensor(total), pairs, ()


class InPlaceTraining(Training):
    """`Training` in which the objective makes the step, at the learning rate of the optimiser, which has no part."""

    objective: InPlaceObjective

    def _backward(self, batch: Any) -> tuple[float, int]:
        found = self.objective.update(batch, float(self.optimizer.param_groups[0]["lr"]))
        self.objective.steps = self.step + 1
        return found

    def restore(self, tensors: dict[str, Tensor], facts: dict[str, Any]) -> None:
        super().restore(tensors, facts)
        self.objective.steps = self.step

    def _clip(self) -> float:
        return 0.0
