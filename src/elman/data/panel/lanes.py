"""Consecutive windows of series in parallel lanes, for truncated BPTT with carried state."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from elman.data.panel.windows import Bank, Rows
from elman.errors import ConfigError
from elman.types import Batch

__all__ = ["CarriedWindows"]

Ints = npt.NDArray[np.int64]


class CarriedWindows:
    """Endless, resumable stream of batches in which each row (lane) continues the row of the batch before.

    In each epoch, the series are assigned to the lanes in a new random order. A series that is longer than the share of
    a lane is cut into pieces. A lane without remaining steps in the epoch has rows of length 0.

    Args:
        bank: the series.
        stop: end of the targets of each series: the time step after the last target.
        context: time steps of a window.
        lanes: most series in parallel.
        seed: seed of the random orders.
    """

    def __init__(self, bank: Bank, stop: Ints, *, context: int, lanes: int, seed: int) -> None:
        self.bank = bank
        self.stop = stop
        self.context = context
        self.seed = seed
        inputs = np.maximum(stop - 1, 0)
        share = max(context, -(-int(inputs.sum()) // (lanes * context)) * context)
        self.pieces = [
            (number, begin, min(begin + share, int(end)))
            for number, end in enumerate(inputs)
            for begin in range(0, int(end), share)
        ]
        self.lanes = min(lanes, len(self.pieces))
        self._epoch, self._place = 0, 0
        self._rows = self._deal(0)

    @property
    def epoch(self) -> float:
        """Number of passes over the series so far, as a fraction."""
        return self._epoch + self._place / len(self._rows)

    def next_batch(self) -> Batch:
        """Return the next window of each lane."""
        rows, fresh_B = self._rows[self._place]
        self._place += 1
        if self._place == len(self._rows):
            self._epoch, self._place = self._epoch + 1, 0
            self._rows = self._deal(self._epoch)
        return self.bank.batch(rows, 1, 0)._replace(fresh_B=torch.from_numpy(fresh_B))

    def state_dict(self) -> dict[str, Any]:
        """Return the position in the stream; another stream over the same data continues from it identically."""
        return {"lanes": self.lanes, "pieces": len(self.pieces), "epoch": self._epoch, "place": self._place}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Continue from a saved position. Raises ConfigError if the data or the windows differ."""
        for name, own in (("lanes", self.lanes), ("pieces", len(self.pieces))):
            if state.get(name) != own:
                raise ConfigError(f"expected a cursor saved with {name} {own}. Received: {state.get(name)!r}")
        epoch, place = state.get("epoch"), state.get("place")
        if type(epoch) is not int or type(place) is not int or epoch < 0 or place < 0:
            raise ConfigError(f"expected an epoch and a place in it. Received: {epoch!r}, {place!r}")
        rows = self._deal(epoch)
        if place >= len(rows):
            raise ConfigError(f"expected a place below the {len(rows)} batches of an epoch. Received: {place}")
        self._epoch, self._place, self._rows = epoch, place, rows

    def _deal(self, epoch: int) -> list[tuple[Rows, npt.NDArray[np.bool_]]]:
        """Return the windows of each batch of an epoch, and which of their rows begin in the initial state."""
        lanes: list[list[tuple[int, int, int, bool]]] = [[] for _ in range(self.lanes)]
        for piece in np.random.default_rng([self.seed, epoch]).permutation(len(self.pieces)).tolist():
            number, begin, end = self.pieces[piece]
            lane = min(lanes, key=len)
            for start in range(begin, end, self.context):
                lane.append((number, start, min(self.context, end - start), start == begin))
        steps = max(map(len, lanes))
        batches = []
        for step in range(steps):
            here = [lane[step] if step < len(lane) else (0, 0, 0, False) for lane in lanes]
            numbers = np.array([each[:3] for each in here], dtype=np.int64)
            series, start, length = numbers.T
            fresh = np.array([each[3] for each in here])
            batches.append((Rows(series, start, length, np.zeros_like(start), self.stop[series]), fresh))
        return batches
