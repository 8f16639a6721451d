"""Training, validation and test data of a task."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Generic, Protocol, Self, TypeVar

import numpy as np
import numpy.typing as npt

from elman.data.sources import Sources
from elman.display import Progress
from elman.errors import DataError
from elman.options import automatic_value

__all__ = ["Parts", "digest_of", "held_out_share", "hold_out", "read_parts"]


class Dataset(Protocol):
    """Protocol of a data set: a collection of items."""

    def __len__(self) -> int: ...

    def fingerprint(self) -> str:
        """Return a hash of the data."""

    def take(self, rows: Any) -> Self:
        """Return the items at the given indices."""


P = TypeVar("P", bound=Dataset)


@dataclass(frozen=True)
class Parts(Generic[P]):
    """Training data, and validation and test data where there are any."""

    train: P
    valid: P | None = None
    test: P | None = None

    def fingerprint(self) -> str:
        """Return a hash of all items and of their parts."""
        held = ["-" if part is None else part.fingerprint() for part in (self.train, self.valid, self.test)]
        return hashlib.sha256("+".join(held).encode()).hexdigest()

    def named(self) -> Iterator[tuple[str, P | None]]:
        """Yield the name and the data of each part."""
        yield from (("train", self.train), ("valid", self.valid), ("test", self.test))

    def repeated(self) -> dict[str, list[int]]:
        """Return the indices of items of the validation and test data that are also in the training data, if any.

        Empty for data without a method `contents`, which yields something small and hashable for each item.
        """
        contents: Callable[[Any], Iterable[object]] | None = getattr(type(self.train), "contents", None)
        held = {name: part for name, part in (("valid", self.valid), ("test", self.test)) if part is not None}
        if contents is None or not held:
            return {}
        known = set(contents(self.train))
        rows = {name: [row for row, item in enumerate(contents(part)) if item in known] for name, part in held.items()}
        return {name: found for name, found in rows.items() if found}


def read_parts(
    sources: Sources, read: Callable[[Sequence[str]], P], noun: str, progress: Progress | None = None
) -> tuple[P, P | None, P | None]:
    """Read the training, validation and test data of `sources` with `read`; None for a part without files.

    `noun` is the name of an item in messages. Raises DataError if there is no training data.
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


def digest_of(x_TI: npt.NDArray[Any]) -> tuple[tuple[int, ...], bytes]:
    """Return the shape of an array and a digest of its values, which take little memory."""
    return x_TI.shape, hashlib.blake2b(np.ascontiguousarray(x_TI).data, digest_size=16).digest()


def held_out_share(config: Any, test: object) -> float:
    """Return the option `held_out` of a section of options; by default its usual value, or 0 if there is test data."""
    given: float | None = config.held_out
    if given is None:
        given = 0.0 if test is not None else float(automatic_value(config, "held_out"))
    return given


def hold_out(train: P, share: float, seed: int, noun: str) -> tuple[P, P | None]:
    """Split off a random fraction `share` of `train` and return the rest and that fraction; None for a share of 0.

    `noun` is the name of the items in messages. Raises DataError if no items would be left.
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
