"""Batches of whole sequences, grouped by length: a shuffled, resumable stream for training and one pass for evaluation.

The caller gives a function that makes a batch from row indices.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from elman.data.epochs import EpochStream
from elman.errors import ConfigError, DataError, ShapeError
from elman.state import Batch

__all__ = ["Ints", "ShuffledBatches", "in_order", "padding_share", "spread", "spread_within"]

Ints = npt.NDArray[np.int64]
Make = Callable[[Ints], Batch]

# Rows are sorted by length within random pools of this many batches: the rows of a batch then have similar lengths, and
# no two epochs have the same batches. Rows with two lengths need larger pools.
_POOL = 50
_POOL_OF_PAIRS = 100


class ShuffledBatches(EpochStream[Ints]):
    """Endless stream of batches, with all rows in a new random order in each epoch.

    Args:
        lengths: time steps of each row, of shape `N`; or `N x 2` if each row has two sequences, such as a sentence and
            its translation. The rows of a batch are then similar in both lengths.
        make: function that makes the batch from an array of row indices.
        batch_size: maximum number of rows in a batch.
        steps: maximum number of time steps in a batch, padding included; 0 for no limit. Two sequences count together.
            Long rows come in smaller batches, and a row with more steps than this is a batch alone.
        seed: seed of the random orders.

    Raises DataError if there are no rows, ConfigError for a batch size below 1, ShapeError for another shape of
    `lengths`.
    """

    def __init__(
        self, lengths: Sequence[int] | Ints, make: Make, *, batch_size: int, steps: int = 0, seed: int = 0
    ) -> None:
        if batch_size < 1:
            raise ConfigError(f"expected a batch size of at least 1. Received: {batch_size}")
        self.lengths = np.asarray(lengths, dtype=np.int64)
        if not len(self.lengths):
            raise DataError("expected at least one sequence to train on. Received: none")
        if self.lengths.ndim > 2 or self.lengths.shape[1:] not in ((), (2,)):
            raise ShapeError(f"expected lengths of shape N or N x 2. Received: {self.lengths.shape}")
        self.make = make
        self.batch_size = batch_size
        self.steps = steps
        self.seed = seed
        self._rows_before = 0
        self.begin()

    @property
    def epoch(self) -> float:
        """Passes over the rows so far, with the fraction of the current one."""
        return self._epoch + self._rows_before / len(self.lengths)

    @property
    def padding(self) -> float:
        """Fraction of padding among the time steps of this epoch."""
        return padding_share(self.lengths, self._drawn)

    def sizes(self) -> dict[str, int]:
        """Return the numbers of rows, in all and in a batch."""
        return {"rows": len(self.lengths), "batch_size": self.batch_size}

    def next_batch(self) -> Batch:
        """Return the next batch."""
        rows = self.take_next()
        self._rows_before = self._rows_before + len(rows) if self._place else 0
        return self.make(rows)

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Continue from a saved position. Raises ConfigError if the data or the batch size differ."""
        super().load_state_dict(state)
        self._rows_before = sum(len(rows) for rows in self._drawn[: self._place])

    def draw(self, epoch: int) -> list[Ints]:
        """Return the row indices of each batch of an epoch: similar lengths within a batch, batches in random order."""
        generator = np.random.default_rng([self.seed, epoch])
        order = generator.permutation(len(self.lengths))
        if self.lengths.min() != self.lengths.max():
            size = self._pool()
            pools = [order[start : start + size] for start in range(0, len(order), size)]
            order = np.concatenate([pool[self._alike(pool)] for pool in pools])
        batches = list(_cut(order, self.lengths, self.batch_size, self.steps))
        return [batches[place] for place in generator.permutation(len(batches))]

    def _pool(self) -> int:
        """Return the number of rows in a pool."""
        if self.lengths.ndim == 1:
            return self.batch_size * _POOL
        rows = self.batch_size
        if self.steps:
            rows = max(1, min(rows, int(self.steps / self.lengths.sum(axis=1).mean())))
        return rows * _POOL_OF_PAIRS

    def _alike(self, pool: Ints) -> Ints:
        """Return an order of the rows of a pool in which neighbours have similar lengths."""
        sizes = self.lengths[pool]
        if sizes.ndim == 1:
            return np.argsort(sizes, kind="stable")
        return _winding(sizes, self.batch_size, self.steps)


def in_order(
    lengths: Sequence[int] | Ints, make: Make, *, batch_size: int, steps: int = 0, rows: Ints | None = None
) -> Iterator[tuple[Ints, Batch]]:
    """Yield pairs of row indices and their batch, with every row once and the longest first, for evaluation.

    Rows with two lengths are sorted mainly by the first. `rows` are the indices of the rows to take, by default all.
    The other arguments are those of `ShuffledBatches`.
    """
    sizes = np.asarray(lengths, dtype=np.int64)
    chosen = np.arange(len(sizes)) if rows is None else rows
    if sizes.ndim == 1:
        order = chosen[np.argsort(-sizes[chosen], kind="stable")]
    else:
        order = chosen[_winding(sizes[chosen], batch_size, steps)[::-1]]
    for part in _cut(order, sizes, batch_size, steps):
        yield part, make(part)


def spread(count: int, most: int) -> Ints:
    """Return at most `most` evenly spaced indices below `count`: a sample that is fair even if the rows are sorted."""
    chosen = min(count, most)
    return np.arange(chosen) * count // max(chosen, 1)


def spread_within(count: int, weight: int, limit: int) -> Ints:
    """Return evenly spaced row indices with a total weight of at most about `limit`; all rows for a limit of 0.

    `weight` is the total weight of all `count` rows, such as their number of time steps. At least one index is
    returned.
    """
    share = min(1.0, limit / max(weight, 1)) if limit else 1.0
    return spread(count, max(1, int(share * count)))


def padding_share(lengths: Sequence[int] | Ints, batches: Iterable[Ints]) -> float:
    """Return the fraction of padding when the rows of each batch are padded to the longest of them.

    `lengths` has shape `N` or `N x 2`; `batches` are the row indices of each batch.
    """
    sizes = _columns(np.asarray(lengths, dtype=np.int64))
    real = padded = 0
    for rows in batches:
        if len(rows):
            real += int(sizes[rows].sum())
            padded += len(rows) * int(sizes[rows].max(axis=0).sum())
    return 1.0 - real / padded if padded else 0.0


def _columns(lengths: Ints) -> Ints:
    """Return lengths of shape `N` as `N x 1`, and others unchanged."""
    return lengths[:, None] if lengths.ndim == 1 else lengths


def _winding(sizes: Ints, batch_size: int, steps: int) -> Ints:
    """Return an order of rows with two lengths in which neighbours are similar in both.

    The rows are divided into strips of similar first length and about equal total length. Within a strip they are
    sorted by the second length, ascending and descending in turn. With 1.5 times the square root of the number of
    batches as the number of strips, a batch spans about as much of the first length as of the second. Rows of equal
    lengths keep their order.
    """
    first, second = sizes[:, 0], sizes[:, 1]
    weight = np.bincount(first, weights=sizes.sum(axis=1))
    total = max(float(weight.sum()), 1.0)
    batches = max(len(sizes) / batch_size, total / steps if steps else 0.0)
    strips = 1.5 * np.sqrt(batches)
    # Taken from the midpoint of the rows of each first length, so that these rows stay together.
    strip = ((np.cumsum(weight) - weight / 2) * strips / total).astype(np.int64)[first]
    return np.lexsort((np.where(strip % 2, -second, second), strip))


def _cut(order: Ints, lengths: Ints, batch_size: int, steps: int) -> Iterator[Ints]:
    """Cut `order` into batches of at most `batch_size` rows and, unless `steps` is 0, `steps` padded time steps."""
    if not steps:
        yield from (order[start : start + batch_size] for start in range(0, len(order), batch_size))
        return
    sizes = _columns(lengths)[order].tolist()
    start, longest = 0, [0] * len(sizes[0]) if sizes else []
    for place, row in enumerate(sizes):
        longest = list(map(max, longest, row))
        count = place + 1 - start
        if count > 1 and (count > batch_size or count * sum(longest) > steps):
            yield order[start:place]
            start, longest = place, row
    if start < len(order):
        yield order[start:]
