"""Consecutive windows of series in the rows of a batch, for truncated BPTT with carried state."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from elman.data.panel.windows import WindowDataset, Windows
from elman.errors import ConfigError
from elman.state import Batch

__all__ = ["CarriedWindowBatches"]

Ints = npt.NDArray[np.int64]


class CarriedWindowBatches:
    """Endless, resumable stream of batches in which each row continues the row of the batch before.

    In each epoch, the series are assigned to the rows in a new random order. A series that is longer than the share of
    a row is cut into pieces. A row without remaining steps in the epoch has windows of length 0.

    Args:
        dataset: the series.
        stop: end of the targets of each series: the time step after the last target.
        context: time steps of a window.
        batch_size: maximum number of series in parallel.
        seed: seed of the random orders.
    """

    def __init__(self, dataset: WindowDataset, stop: Ints, *, context: int, batch_size: int, seed: int) -> None:
        self.dataset = dataset
        self.stop = stop
        self.context = context
        self.seed = seed
        inputs = np.maximum(stop - 1, 0)
        share = max(context, -(-int(inputs.sum()) // (batch_size * context)) * context)
        self.pieces = [
            (number, begin, min(begin + share, int(end)))
            for number, end in enumerate(inputs)
            for begin in range(0, int(end), share)
        ]
        self.batch_size = min(batch_size, len(self.pieces))
        self._epoch, self._place = 0, 0
        self._rows = self._deal(0)

    @property
    def epoch(self) -> float:
        """Passes over the series so far, with the fraction of the current one."""
        return self._epoch + self._place / len(self._rows)

    def next_batch(self) -> Batch:
        """Return the next window of each row."""
        rows, reset_B = self._rows[self._place]
        self._place += 1
        if self._place == len(self._rows):
            self._epoch, self._place = self._epoch + 1, 0
            self._rows = self._deal(self._epoch)
        return self.dataset.batch(rows, 1, 0)._replace(reset_B=torch.from_numpy(reset_B))

    def state_dict(self) -> dict[str, Any]:
        """Return the position in the stream; another stream over the same data continues from it identically."""
        return {"lanes": self.batch_size, "pieces": len(self.pieces), "epoch": self._epoch, "place": self._place}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Continue from a saved position. Raises ConfigError if the data or the windows differ."""
        for name, own in (("lanes", self.batch_size), ("pieces", len(self.pieces))):
            if state.get(name) != own:
                raise ConfigError(f"expected a cursor saved with {name} {own}. Received: {state.get(name)!r}")
        epoch, place = state.get("epoch"), state.get("place")
        if type(epoch) is not int or type(place) is not int or epoch < 0 or place < 0:
            raise ConfigError(f"expected an epoch and a place in it. Received: {epoch!r}, {place!r}")
        rows = self._deal(epoch)
        if place >= len(rows):
            raise ConfigError(f"expected a place below the {len(rows)} batches of an epoch. Received: {place}")
        self._epoch, self._place, self._rows = epoch, place, rows

    def _deal(self, epoch: int) -> list[tuple[Windows, npt.NDArray[np.bool_]]]:
        """Return the windows of each batch of an epoch, and which of their rows begin in the initial state."""
        rows: list[list[tuple[int, int, int, bool]]] = [[] for _ in range(self.batch_size)]
        for piece in np.random.default_rng([self.seed, epoch]).permutation(len(self.pieces)).tolist():
            number, begin, end = self.pieces[piece]
            shortest = min(rows, key=len)
            for start in range(begin, end, self.context):
                shortest.append((number, start, min(self.context, end - start), start == begin))
        steps = max(map(len, rows))
        batches = []
        for step in range(steps):
            here = [row[step] if step < len(row) else (0, 0, 0, False) for row in rows]
            numbers = np.array([each[:3] for each in here], dtype=np.int64)
            series, start, length = numbers.T
            reset_B = np.array([each[3] for each in here])
            batches.append((Windows(series, start, length, np.zeros_like(start), self.stop[series]), reset_B))
        return batches
