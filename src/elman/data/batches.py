"""Shuffled batches of whole sequences: rows of like length together, every epoch in a new order, resumed exactly.

Knows nothing about what a sequence is: a function makes the batch of given rows.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from elman.errors import ConfigError, DataError
from elman.types import Batch

__all__ = ["Shuffled", "in_order"]

Ints = npt.NDArray[np.int64]
Make = Callable[[Ints], Batch]

# So many batches' worth of rows are drawn at random and sorted by length among themselves: rows of one batch are then
# of like length, and no two epochs have the same batches.
_POOL = 50


class Shuffled:
    """An endless stream of batches, a random order of all rows in each epoch.

    Args:
        lengths: the steps of every row; equal ones for data that is not ragged.
        make: the batch of rows, by their numbers.
        batch_size: rows of a batch.
        steps: at most so many steps of a batch, padding included, if above 0: long rows come in smaller batches. A
            row that is longer than that is a batch of its own.
        seed: of the orders.

    Raises DataError for no rows at all, ConfigError for a batch size below 1.
    """

    def __init__(
        self, lengths: Sequence[int] | Ints, make: Make, *, batch_size: int, steps: int = 0, seed: int = 0
    ) -> None:
        if batch_size < 1:
            raise ConfigError(f"expected a batch size of at least 1. Received: {batch_size}")
        self.lengths = np.asarray(lengths, dtype=np.int64)
        if not len(self.lengths):
            raise DataError("expected at least one sequence to train on. Received: none")
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
            size = self.batch_size * _POOL
            pools = [order[start : start + size] for start in range(0, len(order), size)]
            order = np.concatenate([pool[np.argsort(self.lengths[pool], kind="stable")] for pool in pools])
        batches = list(_cut(order, self.lengths, self.batch_size, self.steps))
        return [batches[place] for place in draw.permutation(len(batches))]


def in_order(
    lengths: Sequence[int] | Ints, make: Make, *, batch_size: int, steps: int = 0, rows: Ints | None = None
) -> Iterator[tuple[Ints, Batch]]:
    """Every row once, longest first, for evaluation and answers: pairs of the rows' numbers and their batch.

    `rows` names those to take; by default all. Other arguments as for `Shuffled`.
    """
    sizes = np.asarray(lengths, dtype=np.int64)
    chosen = np.arange(len(sizes)) if rows is None else rows
    order = chosen[np.argsort(-sizes[chosen], kind="stable")]
    for part in _cut(order, sizes, batch_size, steps):
        yield part, make(part)


def _cut(order: Ints, lengths: Ints, batch_size: int, steps: int) -> Iterator[Ints]:
    """Stretches of `order` of at most `batch_size` rows and, if `steps`, rows times the longest of at most that."""
    if not steps:
        yield from (order[start : start + batch_size] for start in range(0, len(order), batch_size))
        return
    start, longest = 0, 0
    for place, row in enumerate(order):
        longest = max(longest, int(lengths[row]))
        count = place + 1 - start
        if count > 1 and (count > batch_size or count * longest > steps):
            yield order[start:place]
            start, longest = place, int(lengths[row])
    if start < len(order):
        yield order[start:]
