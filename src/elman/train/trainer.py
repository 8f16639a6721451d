"""What a run needs of whatever trains its network."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager
from typing import Any, Protocol

from torch import Tensor

from elman.train.events import Event

__all__ = ["Trainer"]


class Trainer(Protocol):
    """What trains: `Training` by steps of an optimiser, or something else that gives the same events."""

    step: int

    @property
    def seconds(self) -> float:
        """Seconds so far, those before a resume included."""

    @property
    def evaluation_limit(self) -> int:
        """The most targets of an evaluation; 0 for all."""

    def fit(self) -> Iterator[Event]:
        """Train, and yield what happens."""

    def averaged(self) -> AbstractContextManager[None]:
        """For a while, the network has the weights that are worth keeping."""

    def snapshot(self) -> tuple[dict[str, Tensor], dict[str, Any]]:
        """Everything that the run's future depends on."""

    def restore(self, tensors: dict[str, Tensor], facts: dict[str, Any]) -> None:
        """Go on from a snapshot."""
