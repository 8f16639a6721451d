"""The parts of a task's data: what is learnt from, and what is held out."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Generic, Protocol, Self, TypeVar

import numpy as np

from elman.data.sources import Sources
from elman.data.tokens import Progress
from elman.errors import DataError

__all__ = ["Parts", "hold_out", "read_parts"]


class Items(Protocol):
    """Data of any kind that is made of items."""

    def __len__(self) -> int: ...

    def fingerprint(self) -> str:
        """Changes with the data."""

    def take(self, rows: Any) -> Self:
        """Some of the items, by their numbers."""


P = TypeVar("P", bound=Items)


@dataclass(frozen=True)
class Parts(Generic[P]):
    """Data to learn from, and data that is held out; None where a part has none."""

    train: P
    valid: P | None = None
    test: P | None = None

    def fingerprint(self) -> str:
        """Changes with any item or part."""
        held = ["-" if part is None else part.fingerprint() for part in (self.train, self.valid, self.test)]
        return hashlib.sha256("+".join(held).encode()).hexdigest()

    def named(self) -> Iterator[tuple[str, P | None]]:
        """Every part with its name."""
        yield from (("train", self.train), ("valid", self.valid), ("test", self.test))


def read_parts(
    sources: Sources, read: Callable[[Sequence[str]], P], noun: str, progress: Progress | None = None
) -> tuple[P, P | None, P | None]:
    """The training, validation and test part of `sources`, each read by `read`; None for a part without files.

    `noun` is what messages call an item. Raises DataError where there is nothing to train on.
    """
    found: list[P | None] = []
    for number, paths in enumerate((sources.train, sources.valid, sources.test)):
        if progress is not None:
            progress("reading", number / 3)
        found.append(read(paths) if paths else None)
    train, valid, test = found
    if train is None:
        raise DataError(f"expected at least one {noun} to train on. Received: none")
    return train, valid, test


def hold_out(train: P, share: float, seed: int, noun: str) -> tuple[P, P | None]:
    """`train` without a random share of it, drawn by `seed`, and that share; none where `share` is 0.

    `noun` is what messages call the items. Raises DataError where too few items are left.
    """
    if not share:
        return train, None
    count = max(1, round(share * len(train)))
    if count >= len(train):
        raise DataError(
            f"expected at least 2 {noun} to hold some of them out; held_out=0 trains on all. Received: {len(train)}"
        )
    order = np.random.default_rng(seed).permutation(len(train))
    return train.take(sorted(order[count:].tolist())), train.take(sorted(order[:count].tolist()))
