"""Protocols of what the training loop trains: a stream of batches, and an objective."""

from __future__ import annotations

from typing import Any, Protocol, runtime_checkable

from torch import Tensor, nn

from elman.state import Batch, State
from elman.train.events import EvaluationEvent

__all__ = ["Objective", "ScheduledObjective", "StoppableTrainer", "Stream"]


class Stream(Protocol):
    """Protocol of an endless stream of batches whose position can be saved."""

    def next_batch(self) -> Batch:
        """Return the next batch."""

    @property
    def epoch(self) -> float:
        """Passes over the data so far."""

    def state_dict(self) -> dict[str, Any]:
        """Return the position of the stream as plain JSON values."""

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Move to a position that `state_dict` returned."""


class Objective(Protocol):
    """Protocol of a model with its loss and evaluation."""

    @property
    def model(self) -> nn.Module:
        """The model."""

    def initial_state(self, batch_size: int) -> State:
        """Return the initial state; an empty tuple if no state is carried from batch to batch."""

    def loss(self, batch: Batch, state: State) -> tuple[Tensor, int, State]:
        """Return the sum of the losses over the targets that count, their number, and the state after the batch."""

    def evaluate(self, limit: int = 0) -> dict[str, float]:
        """Return metrics on held-out data, including `loss`; empty without such data.

        At most `limit` tokens are used; 0 for all. The weights with the lowest `selection`, or the lowest `loss` if
        there is no `selection`, are kept.
        """


@runtime_checkable
class ScheduledObjective(Protocol):
    """Protocol of an objective that changes over the run."""

    def begin_step(self, progress: float) -> None:
        """Called before each step; `progress` of the run is from 0 to 1."""


@runtime_checkable
class StoppableTrainer(Protocol):
    """Protocol of a trainer that can evaluate when it is stopped."""

    def evaluate_last(self) -> EvaluationEvent | None:
        """Evaluate the weights as they are; None if they are evaluated already."""
