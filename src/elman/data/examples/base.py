"""`Examples`: texts or series with labels."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from elman.errors import DataError

__all__ = ["Examples", "Floats", "join"]

Floats = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Examples:
    """Sequences with their labels.

    kind      "text" or "series"
    inputs    the texts, or float32 arrays `x_TI`, T at least 1 and I the same in all
    labels    the label of each example, as text; None if the data has no labels
    places    where each example comes from, for messages, such as "reviews.csv, line 7"
    channels  the names of the I channels of series, empty strings if the data has no names; () for texts
    weights   the factor of each example's loss; None if there are none
    """

    kind: str
    inputs: list[str] | list[Floats]
    labels: list[str] | None
    places: Sequence[str]
    channels: tuple[str, ...] = ()
    weights: Floats | None = None

    def __len__(self) -> int:
        return len(self.inputs)

    def take(self, rows: Sequence[int] | npt.NDArray[np.integer[Any]]) -> Examples:
        """Return the examples at these indices, in this order; series are not copied."""
        numbers = [int(row) for row in rows]
        return Examples(
            self.kind,
            [self.inputs[row] for row in numbers],  # type: ignore[arg-type]
            None if self.labels is None else [self.labels[row] for row in numbers],
            [self.places[row] for row in numbers],
            self.channels,
            None if self.weights is None else self.weights[numbers],
        )

    def contents(self) -> Iterator[object]:
        """Yield the input of each example as something hashable."""
        for each in self.inputs:
            yield each if isinstance(each, str) else (each.shape, each.tobytes())

    def fingerprint(self) -> str:
        """Return a SHA-256 hash of inputs, labels and channels; `places` are left out, so that files can be moved."""
        digest = hashlib.sha256()

        def add(*texts: str) -> None:
            for text in texts:
                content = text.encode("utf-8", "surrogatepass")
                digest.update(b"%d:" % len(content) + content)

        add(self.kind, str(len(self)), str(len(self.channels)), *self.channels)
        for each in self.inputs:
            if isinstance(each, str):
                add(each)
            else:
                digest.update(b"%d:%d:" % each.shape)
                digest.update(np.ascontiguousarray(each, dtype="<f4").data)
        add("unlabelled" if self.labels is None else "labelled", *(self.labels or ()))
        if self.weights is not None:
            add("weights")
            digest.update(np.ascontiguousarray(self.weights, dtype="<f4").data)
        return digest.hexdigest()


def join(parts: Sequence[Examples]) -> Examples:
    """Concatenate the examples of several sources. Raises DataError unless kind, channels and labelling agree."""
    first = parts[0]
    if len(parts) == 1:
        return first
    for part in parts[1:]:
        if part.kind != first.kind:
            raise DataError(f"expected examples of one kind; {first.places[0]} has a {first.kind}. "
                            f"Received: a {part.kind} in {part.places[0]}")  # fmt: skip
        if part.channels != first.channels:
            raise DataError(f"{part.places[0]}: expected {_named(first.channels)}, as in {first.places[0]}. "
                            f"Received: {_named(part.channels)}")  # fmt: skip
        if (part.labels is None) != (first.labels is None):
            with_labels, without = (first, part) if part.labels is None else (part, first)
            raise DataError(f"expected labels in all of the data or in none; {with_labels.places[0]} has one. "
                            f"Received: none in {without.places[0]}")  # fmt: skip
    labels = None if first.labels is None else [label for part in parts for label in part.labels or ()]
    inputs: Any = [each for part in parts for each in part.inputs]
    return Examples(first.kind, inputs, labels, [place for part in parts for place in part.places], first.channels)


def _named(channels: tuple[str, ...]) -> str:
    names = [name or str(number) for number, name in enumerate(channels, 1)]
    return f"the channels {', '.join(names[:12])}{', ...' if len(names) > 12 else ''} ({len(names)} in all)"
