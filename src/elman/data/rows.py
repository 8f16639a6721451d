"""Batches of encoded examples, padded to the longest row of the batch."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from elman.data.batches import Ints, ShuffledBatches, in_order, spread
from elman.state import Batch

__all__ = ["SequenceRows", "WeightedTargets"]

# Maximum number of rows and of padded time steps of an evaluation batch: enough to keep the kernels busy.
_ROWS, _STEPS = 256, 50_000
# Maximum number of padded time steps of a training batch: very long rows come in smaller batches.
_MAX_STEPS = 1 << 20


class WeightedTargets(NamedTuple):
    """Targets of a batch whose examples have weights, or numbers that are added to the network's outputs, or both."""

    targets_B: Tensor
    weights_B: Tensor | None = None
    offsets_BC: Tensor | None = None


class SequenceRows:
    """Sequences of different lengths in one array, with a target for each.

    Args:
        rows: int64 token ids or float32 `x_TI` of each sequence.
        targets: class indices or regression targets; None if there are none.
        weights: factor of the loss of each sequence, in batches with `WeightedTargets`; None if there are none.
    """

    def __init__(
        self,
        rows: Sequence[npt.NDArray[Any]],
        targets: npt.NDArray[Any] | None = None,
        weights: npt.NDArray[np.float32] | None = None,
    ) -> None:
        self.lengths = np.array([len(row) for row in rows], dtype=np.int64)
        self._starts = np.concatenate([[0], np.cumsum(self.lengths)[:-1]]).astype(np.int64)
        self._steps = torch.from_numpy(np.concatenate(rows))
        self._targets = None if targets is None else torch.from_numpy(targets)
        self.weights_N = weights
        # Numbers that are added to the outputs of the network in training; None if there are none.
        self.offsets_NC: npt.NDArray[np.float32] | None = None
        # Padding indices are clamped to this, so that they are valid after the last row too.
        self._last = len(self._steps) - 1

    def __len__(self) -> int:
        return len(self.lengths)

    def ids(self) -> npt.NDArray[Any]:
        """Return the token ids, or the values, of all sequences in one array."""
        return self._steps.numpy()

    def separate(self) -> list[npt.NDArray[Any]]:
        """Return each row as an array of its own, without a copy."""
        return np.split(self.ids(), self._starts[1:])

    def batch(self, rows: Ints) -> Batch:
        """Return rows as a batch; padding holds arbitrary time steps of other rows."""
        lengths = self.lengths[rows]
        longest = int(lengths.max())
        places_BT = np.minimum(self._starts[rows][:, None] + np.arange(longest), self._last)
        inputs = self._steps[torch.from_numpy(places_BT)]
        chosen = torch.from_numpy(rows)
        targets: Any = torch.zeros(len(rows)) if self._targets is None else self._targets[chosen]
        if self.weights_N is not None or self.offsets_NC is not None:
            chosen_of = (
                None if each is None else torch.from_numpy(each[rows]) for each in (self.weights_N, self.offsets_NC)
            )
            targets = WeightedTargets(targets, *chosen_of)
        ragged = bool((lengths != longest).any())
        return Batch(inputs, targets, torch.from_numpy(lengths) if ragged else None)

    def shuffled(self, batch_size: int, seed: int) -> ShuffledBatches:
        """Return an endless stream of training batches."""
        return ShuffledBatches(self.lengths, self.batch, batch_size=batch_size, steps=_MAX_STEPS, seed=seed)

    def chosen(self, limit: int = 0) -> Ints:
        """Return the indices of all rows, or of `limit` evenly spaced rows if `limit` is above 0 and smaller."""
        return spread(len(self), limit or len(self))

    def in_order(self, rows: Ints) -> Iterator[tuple[Ints, Batch]]:
        """Yield pairs of row indices and their batch, with each of `rows` once and the longest first."""
        return in_order(self.lengths, self.batch, batch_size=_ROWS, steps=_STEPS, rows=rows)
