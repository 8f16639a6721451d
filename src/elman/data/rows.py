"""Encoded examples as batches: rows padded to the longest of them. Knows nothing about texts or classes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from elman.data.batches import Ints, Shuffled, in_order, spread
from elman.types import Batch

__all__ = ["Rows"]

# Rows of an evaluation's batch, and most steps of it with padding: enough to keep the kernels busy.
_ROWS, _STEPS = 256, 50_000
# Of a batch in training, most steps with padding for each of its examples' share: very long rows come in smaller ones.
_MOST_STEPS = 1 << 20


class Rows:
    """Sequences of unequal length in one block of memory, with a target for each.

    Args:
        rows: int64 token numbers, or float32 `x_TI`, for each.
        targets: class numbers or scores; None where there are none.
    """

    def __init__(self, rows: Sequence[npt.NDArray[Any]], targets: npt.NDArray[Any] | None = None) -> None:
        self.lengths = np.array([len(row) for row in rows], dtype=np.int64)
        self._starts = np.concatenate([[0], np.cumsum(self.lengths)[:-1]]).astype(np.int64)
        self._steps = torch.from_numpy(np.concatenate(rows))
        self._targets = None if targets is None else torch.from_numpy(targets)
        # The step that stands for padding must exist, even behind the last row.
        self._last = len(self._steps) - 1

    def __len__(self) -> int:
        return len(self.lengths)

    def batch(self, rows: Ints) -> Batch:
        """Some rows as a batch; what stands in the padding is any step of another row."""
        lengths = self.lengths[rows]
        longest = int(lengths.max())
        places_BT = np.minimum(self._starts[rows][:, None] + np.arange(longest), self._last)
        inputs = self._steps[torch.from_numpy(places_BT)]
        targets_B = torch.zeros(len(rows)) if self._targets is None else self._targets[torch.from_numpy(rows)]
        ragged = bool((lengths != longest).any())
        return Batch(inputs, targets_B, torch.from_numpy(lengths) if ragged else None)

    def shuffled(self, batch_size: int, seed: int) -> Shuffled:
        """The endless stream of training batches."""
        return Shuffled(self.lengths, self.batch, batch_size=batch_size, steps=_MOST_STEPS, seed=seed)

    def chosen(self, limit: int = 0) -> Ints:
        """The numbers of all rows or, where `limit` is fewer, of so many at even distances: rows may be sorted."""
        return spread(len(self), limit or len(self))

    def in_order(self, rows: Ints) -> Iterator[tuple[Ints, Batch]]:
        """Each of `rows` once, longest first: pairs of their numbers and their batch."""
        return in_order(self.lengths, self.batch, batch_size=_ROWS, steps=_STEPS, rows=rows)
