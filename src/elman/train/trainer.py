"""Protocol of the object that trains the network of a run."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager
from typing import Any, Protocol

from torch import Tensor

from elman.train.events import Event

__all__ = ["Trainer"]


class Trainer(Protocol):
    """Protocol of a trainer: `Training`, or any other object that yields the same events."""

    step: int

    @property
    def seconds(self) -> float:
        """Seconds of training so far, those before a resume included."""

    @property
    def evaluation_limit(self) -> int:
        """Maximum number of targets in an evaluation; 0 for all."""

    def fit(self) -> Iterator[Event]:
        """Train and yield events."""

    def averaged_weights(self) -> AbstractContextManager[None]:
        """Context manager in which the network has the weights to keep."""

    def snapshot(self) -> tuple[dict[str, Tensor], dict[str, Any]]:
        """Return the complete state of the run: tensors by name, and plain JSON values."""

    def restore(self, tensors: dict[str, Tensor], facts: dict[str, Any]) -> None:
        """Restore a snapshot."""
