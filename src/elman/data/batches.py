"""Shuffled batches of whole sequences: rows of like length together, every epoch in a new order, resumed exactly.

Knows nothing about what a sequence is: a function makes the batch of given rows.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from elman.errors import ConfigError, DataError, ShapeError
from elman.types import Batch

__all__ = ["Ints", "Shuffled", "in_order", "padding_share", "spread", "spread_within"]

Ints = npt.NDArray[np.int64]
Make = Callable[[Ints], Batch]

# So many batches' worth of rows are drawn at random and sorted by length among themselves: rows of one batch are then
# of like length, and no two epochs have the same batches. Rows of two lengths need more to choose from.
_POOL = 50
_POOL_OF_PAIRS = 100


class Shuffled:
    """An endless stream of batches, a random order of all rows in each epoch.

    Args:
        lengths: the steps of every row; equal ones for data that is not ragged. `N x 2` where each row has two
            sequences, such as a sentence and its translation: rows of a batch are then alike in both.
        make: the batch of rows, by their numbers.
        batch_size: rows of a batch.
        steps: at most so many steps of a batch, padding included, if above 0 (of two sequences: of both together):
            long rows come in smaller batches. A row that is longer than that is a batch of its own.
        seed: of the orders.

    Raises DataError for no rows at all, ConfigError for a batch size below 1, ShapeError for lengths of another shape.
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
        self._epoch, self._place, self._rows_before = 0, 0, 0
        self._batches: list[Ints] = self._order(0)

    @property
    def epoch(self) -> float:
        """How often all rows have been seen."""
        return self._epoch + self._rows_before / len(self.lengths)

    @property
    def padding(self) -> float:
        """The share of this epoch's steps that is padding."""
        return padding_share(self.lengths, self._batches)

    def next_batch(self) -> Batch:
        """The next rows."""
        rows = self._batches[self._place]
        self._place += 1
        self._rows_before += len(rows)
        if self._place == len(self._batches):
            self._epoch, self._place, self._rows_before = self._epoch + 1, 0, 0
            self._batches = self._order(self._epoch)
        return self.make(rows)

    def state_dict(self) -> dict[str, Any]:
        """Where the stream stands; with it another one goes on exactly as this would have."""
        return {"rows": len(self.lengths), "batch_size": self.batch_size, "epoch": self._epoch, "place": self._place}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go to where another stream stood. Raises ConfigError when it is of other data or another batch size."""
        for name, own in (("rows", len(self.lengths)), ("batch_size", self.batch_size)):
            if state.get(name) != own:
                raise ConfigError(f"expected a cursor saved with {name} {own}. Received: {state.get(name)!r}")
        epoch, place = state.get("epoch"), state.get("place")
        if type(epoch) is not int or type(place) is not int or epoch < 0 or place < 0:
            raise ConfigError(f"expected an epoch and a place in it. Received: {epoch!r}, {place!r}")
        batches = self._order(epoch)
        if place >= len(batches):
            raise ConfigError(f"expected a place below the {len(batches)} batches of an epoch. Received: {place}")
        self._epoch, self._place, self._batches = epoch, place, batches
        self._rows_before = sum(len(rows) for rows in batches[:place])

    def _order(self, epoch: int) -> list[Ints]:
        """The batches of an epoch: rows of like length, in random order."""
        draw = np.random.default_rng([self.seed, epoch])
        order = draw.permutation(len(self.lengths))
        if self.lengths.min() != self.lengths.max():
            size = self._pool()
            pools = [order[start : start + size] for start in range(0, len(order), size)]
            order = np.concatenate([pool[self._alike(pool)] for pool in pools])
        batches = list(_cut(order, self.lengths, self.batch_size, self.steps))
        return [batches[place] for place in draw.permutation(len(batches))]

    def _pool(self) -> int:
        """The rows that are sorted among themselves."""
        if self.lengths.ndim == 1:
            return self.batch_size * _POOL
        rows = self.batch_size
        if self.steps:
            rows = max(1, min(rows, int(self.steps / self.lengths.sum(axis=1).mean())))
        return rows * _POOL_OF_PAIRS

    def _alike(self, pool: Ints) -> Ints:
        """An order of the rows of a pool in which neighbours are of like length."""
        sizes = self.lengths[pool]
        if sizes.ndim == 1:
            return np.argsort(sizes, kind="stable")
        return _winding(sizes, self.batch_size, self.steps)


def in_order(
    lengths: Sequence[int] | Ints, make: Make, *, batch_size: int, steps: int = 0, rows: Ints | None = None
) -> Iterator[tuple[Ints, Batch]]:
    """Every row once, longest first, for evaluation and answers: pairs of the rows' numbers and their batch.

    Of rows with two lengths, those with a long first sequence come first. `rows` names those to take; by default all.
    Other arguments as for `Shuffled`.
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
    """At most `most` numbers below `count`, at even distances: rows may be sorted."""
    chosen = min(count, most)
    return np.arange(chosen) * count // max(chosen, 1)


def spread_within(count: int, weight: int, limit: int) -> Ints:
    """Numbers of rows at even distances that weigh at most about `limit` together, one at least; all for 0.

    All `count` rows together weigh `weight`, such as the steps that they have.
    """
    share = min(1.0, limit / max(weight, 1)) if limit else 1.0
    return spread(count, max(1, int(share * count)))


def padding_share(lengths: Sequence[int] | Ints, batches: Iterable[Ints]) -> float:
    """The share of all steps that is padding when every row of a batch is as long as the longest one of it.

    `lengths` are those of the rows (`N` or `N x 2`), `batches` the numbers of the rows of each batch.
    """
    sizes = _columns(np.asarray(lengths, dtype=np.int64))
    real = padded = 0
    for rows in batches:
        if len(rows):
            real += int(sizes[rows].sum())
            padded += len(rows) * int(sizes[rows].max(axis=0).sum())
    return 1.0 - real / padded if padded else 0.0


def _columns(lengths: Ints) -> Ints:
    """`N x 1` of one length a row, `N x 2` of two."""
    return lengths[:, None] if lengths.ndim == 1 else lengths


def _winding(sizes: Ints, batch_size: int, steps: int) -> Ints:
    """An order of rows with two lengths in which neighbours are alike in both.

    The rows are laid out in strips of like first length, all of about the same weight, and each strip is walked along
    the second length, one upwards and the next downwards. With somewhat more strips than the square root of the number
    of batches, a batch is about as wide as it is long. Rows of equal lengths keep their order.
    """
    first, second = sizes[:, 0], sizes[:, 1]
    weight = np.bincount(first, weights=sizes.sum(axis=1))
    total = max(float(weight.sum()), 1.0)
    batches = max(len(sizes) / batch_size, total / steps if steps else 0.0)
    strips = 1.5 * np.sqrt(batches)
    # Where the middle of all rows of one first length lies, so that these stay together.
    strip = ((np.cumsum(weight) - weight / 2) * strips / total).astype(np.int64)[first]
    return np.lexsort((np.where(strip % 2, -second, second), strip))


def _cut(order: Ints, lengths: Ints, batch_size: int, steps: int) -> Iterator[Ints]:
    """Stretches of `order` of at most `batch_size` rows and, if `steps`, rows times the longest of at most that."""
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
