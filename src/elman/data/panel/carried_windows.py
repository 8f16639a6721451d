"""Consecutive windows of series in the rows of a batch, for truncated BPTT with carried state."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import torch

from elman.data.epochs import EpochStream
from elman.data.panel.windows import WindowDataset, Windows
from elman.state import Batch

__all__ = ["CarriedWindowBatches"]

Ints = npt.NDArray[np.int64]


# Windows of a batch, and which of its rows begin in the initial state.
_Drawn = tuple[Windows, npt.NDArray[np.bool_]]


class CarriedWindowBatches(EpochStream[_Drawn]):
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
        self.begin()

    @property
    def epoch(self) -> float:
        """Passes over the series so far, with the fraction of the current one."""
        return self._epoch + self._place / len(self._drawn)

    def next_batch(self) -> Batch:
        """Return the next window of each row."""
        rows, reset_B = self.take_next()
        return self.dataset.batch(rows, 1, 0)._replace(reset_B=torch.from_numpy(reset_B))

    def sizes(self) -> dict[str, int]:
        """Return the numbers of rows in a batch and of pieces of series."""
        return {"lanes": self.batch_size, "pieces": len(self.pieces)}

    def draw(self, epoch: int) -> list[_Drawn]:
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
