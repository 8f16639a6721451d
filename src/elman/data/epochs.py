"""Endless streams of batches with a new order in each epoch, whose position can be saved."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, Generic, TypeVar

from elman.errors import ConfigError

__all__ = ["EpochStream"]

D = TypeVar("D")


class EpochStream(ABC, Generic[D]):
    """The position in an endless sequence of epochs, each a list of descriptions of batches.

    A subclass implements the methods below, and calls `begin` when they can be called.
    """

    @abstractmethod
    def draw(self, epoch: int) -> list[D]:
        """Return the descriptions of the batches of an epoch, always the same ones."""

    @abstractmethod
    def sizes(self) -> dict[str, int]:
        """Return the sizes of the data and of a batch, which a saved position must match, by name."""

    def begin(self) -> None:
        """Move to the first batch."""
        self._epoch, self._place = 0, 0
        self._drawn = self.draw(0)

    def take_next(self) -> D:
        """Return the description of the next batch, and move on, after the last one to the next epoch."""
        found = self._drawn[self._place]
        self._place += 1
        if self._place == len(self._drawn):
            self._epoch, self._place = self._epoch + 1, 0
            self._drawn = self.draw(self._epoch)
        return found

    def state_dict(self) -> dict[str, Any]:
        """Return the position in the stream; another stream over the same data continues from it identically."""
        return {**self.sizes(), "epoch": self._epoch, "place": self._place}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Continue from a saved position. Raises ConfigError if the data or the batches differ."""
        for name, own in self.sizes().items():
            if state.get(name) != own:
                raise ConfigError(f"expected a cursor saved with {name} {own}. Received: {state.get(name)!r}")
        epoch, place = state.get("epoch"), state.get("place")
        if type(epoch) is not int or type(place) is not int or epoch < 0 or place < 0:
            raise ConfigError(f"expected an epoch and a place in it. Received: {epoch!r}, {place!r}")
        drawn = self.draw(epoch)
        if place >= len(drawn):
            raise ConfigError(f"expected a place below the {len(drawn)} batches of an epoch. Received: {place}")
        self._epoch, self._place, self._drawn = epoch, place, drawn
