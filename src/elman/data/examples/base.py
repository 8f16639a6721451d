"""`Examples`: texts or series with labels."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from elman.data.columns import Name
from elman.data.parts import digest_of
from elman.errors import DataError

__all__ = ["Examples", "Floats", "join"]

Floats = npt.NDArray[np.floating[Any]]


@dataclass(frozen=True)
class Examples:
    """Sequences with their labels.

    kind      "text" or "series"
    inputs    the texts, or arrays `x_TI` of float32 or float64, T at least 1 and I the same in all
    labels    the label of each example, as text; None if the data has no labels
    places    where each example comes from, for messages, such as "reviews.csv, line 7"
    channels  the names of the I channels of series, empty strings if the data has no names; () for texts
    weights   the factor of each example's loss; None if there are none
    features  the names of the time steps, which are the columns of a data frame of one series a row; () without names
    """

    kind: str
    inputs: list[str] | list[Floats]
    labels: list[str] | None
    places: Sequence[str]
    channels: tuple[str, ...] = ()
    weights: Floats | None = None
    features: tuple[Name, ...] = ()

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
            self.features,
        )

    def contents(self) -> Iterator[object]:
        """Yield the input of each example as something hashable."""
        for each in self.inputs:
            yield each if isinstance(each, str) else digest_of(each)

    def channel(self, number: int) -> npt.NDArray[Any]:
        """Return the values of a channel in all series."""
        inputs: Any = self.inputs
        return np.concatenate([each[:, number] for each in inputs])

    def step(self, number: int) -> npt.NDArray[Any]:
        """Return the values of a time step in all series."""
        inputs: Any = self.inputs
        return np.concatenate([each[number] for each in inputs])

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
    """Concatenate the examples of several sources; channels go by name.

    Raises DataError unless kind, channels and labelling agree.
    """
    first = parts[0]
    if len(parts) == 1:
        return first
    parts = [first, *(_as_in(first, part) for part in parts[1:])]
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


def _as_in(first: Examples, part: Examples) -> Examples:
    """Return the part with its channels in the order of the first one, if both have the same names."""
    if part.kind != "series" or sorted(part.channels) != sorted(first.channels) or part.channels == first.channels:
        return part
    order = [part.channels.index(name) for name in first.channels]
    inputs: Any = part.inputs
    return replace(part, inputs=[each[:, order] for each in inputs], channels=first.channels)


def _named(channels: tuple[str, ...]) -> str:
    names = [name or str(number) for number, name in enumerate(channels, 1)]
    return f"the channels {', '.join(names[:12])}{', ...' if len(names) > 12 else ''} ({len(names)} in all)"
