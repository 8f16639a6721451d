"""Places of many items, such as "pairs.tsv, line 7", which are made when they are asked for."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import overload

import numpy as np
import numpy.typing as npt

__all__ = ["NumberedPlaces"]

Ints = npt.NDArray[np.int64]


class NumberedPlaces(Sequence[str]):
    """A place for each item: the name of its source, and its number there. Takes little memory.

    Args:
        names: the names of the sources, such as "pairs.tsv, line".
        owners: the index of each item's source.
        numbers: the number of each item in its source.
    """

    def __init__(self, names: Sequence[str], owners: Iterable[int], numbers: Iterable[int]) -> None:
        self.names = tuple(names)
        self.owners: Ints = np.asarray(owners, dtype=np.int64)
        self.numbers: Ints = np.asarray(numbers, dtype=np.int64)

    @classmethod
    def of(cls, name: str, numbers: Sequence[int] | npt.NDArray[np.integer]) -> NumberedPlaces:
        """Return the places of the items of one source."""
        return cls((name,), np.zeros(len(numbers), np.int64), np.asarray(numbers))

    @classmethod
    def joined(cls, parts: Sequence[NumberedPlaces]) -> NumberedPlaces:
        """Concatenate the places of several parts."""
        starts = np.cumsum([0, *(len(part.names) for part in parts[:-1])])
        return cls(
            [name for part in parts for name in part.names],
            np.concatenate([part.owners + start for part, start in zip(parts, starts, strict=True)]),
            np.concatenate([part.numbers for part in parts]),
        )

    def __len__(self) -> int:
        return len(self.numbers)

    @overload
    def __getitem__(self, row: int) -> str: ...
    @overload
    def __getitem__(self, row: slice) -> NumberedPlaces: ...
    def __getitem__(self, row: int | slice) -> str | NumberedPlaces:
        if isinstance(row, slice):
            return NumberedPlaces(self.names, self.owners[row], self.numbers[row])
        return f"{self.names[self.owners[row]]} {self.numbers[row]}"

    def take(self, rows: Sequence[int]) -> NumberedPlaces:
        """Return the places of these items, in this order."""
        chosen = np.asarray(rows, dtype=np.int64)
        return NumberedPlaces(self.names, self.owners[chosen], self.numbers[chosen])
