"""What captioned items are: an array, the texts of each item, and where each stands. Knows nothing about files."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from elman.errors import DataError

__all__ = ["KINDS", "Captioned", "checked_captions", "join", "made"]

KINDS = ("vectors", "images", "maps")
# What an array of each kind must look like.
_SHAPES = {
    "vectors": "N x features",
    "images": "N x height x width, or N x height x width x channels",
    "maps": "N x places x features, or N x height x width x features",
}
_DIMENSIONS = {"vectors": (2,), "images": (3, 4), "maps": (3, 4)}
# A longer caption is none: most likely the columns or the file are others than was meant.
_LONGEST = 100_000


@dataclass(frozen=True)
class Captioned:
    """Items with their captions.

    name      what messages call the data
    kind      "vectors", "images" or "maps"
    items     float32 N x F for vectors; uint8 or float32 N x H x W x C for images; float32 N x S x F or N x H x W x F
              for maps of features
    captions  one text or more for each; None where the data has none
    places    where each item stands, for messages, such as "words.csv, line 7"
    names     the names of a vector's numbers; empty where they have none
    """

    name: str
    kind: str
    items: npt.NDArray[Any]
    captions: list[list[str]] | None
    places: Sequence[str]
    names: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.items)

    @property
    def texts(self) -> int:
        """How many captions there are in all."""
        return sum(map(len, self.captions or ()))

    def take(self, rows: Sequence[int] | npt.NDArray[np.integer[Any]]) -> Captioned:
        """The items with these numbers, in this order."""
        numbers = [int(row) for row in rows]
        return Captioned(
            self.name,
            self.kind,
            self.items[numbers],
            None if self.captions is None else [self.captions[row] for row in numbers],
            [self.places[row] for row in numbers],
            self.names,
        )

    def named(self, names: tuple[str, ...]) -> Captioned:
        """The same with the numbers of vectors in the order of `names`, where both have names. Raises DataError."""
        if not names or not self.names or names == self.names:
            return self
        missing = sorted(set(names) - set(self.names))
        if missing:
            raise DataError(
                f"{self.name}: expected the columns that the model was trained with. "
                f"Received: none of the name {missing[0]!r}"
            )
        order = [self.names.index(name) for name in names]
        return Captioned(self.name, self.kind, self.items[:, order], self.captions, self.places, names)

    def fingerprint(self) -> str:
        """A sha256 over items, captions and names, but not over places: a file that moved is the same data."""
        digest = hashlib.sha256()
        head = f"{self.kind} {self.items.dtype} {self.items.shape} {list(self.names)!r}"
        digest.update(head.encode("utf-8", "surrogatepass"))
        digest.update(np.ascontiguousarray(self.items).data)
        for row in self.captions or ():
            digest.update(repr(row).encode("utf-8", "surrogatepass"))
        return digest.hexdigest()


def made(
    values: npt.NDArray[Any],
    name: str,
    kind: str = "auto",
    *,
    captions: list[list[str]] | None = None,
    places: Sequence[str] | None = None,
    names: tuple[str, ...] = (),
) -> Captioned:
    """Captioned items of an array of numbers.

    Pixels are uint8 (0 to 255) or floats; the numbers of vectors and maps are of any kind, and become float32.
    `kind` "auto" takes 2 dimensions for vectors, and 3 or 4 for images. Raises DataError, naming the place, for another
    type or shape, for numbers that are not finite, and for no items.
    """
    if kind == "auto":
        kind = "vectors" if values.ndim == 2 else "images"
    if values.ndim not in _DIMENSIONS[kind] or 0 in values.shape[1:]:
        raise DataError(f"{name}: expected {kind} as an array of shape {_SHAPES[kind]}. Received: {values.shape}")
    if not len(values):
        raise DataError(f"{name}: expected an item at least. Received: none")
    pixels = kind == "images"
    if values.dtype.kind not in ("f" if pixels else "iuf") and not (pixels and values.dtype == np.uint8):
        wanted = "pixels as uint8 (0 to 255) or floats" if pixels else "numbers"
        raise DataError(f"{name}: expected {wanted}. Received: {values.dtype}")
    if pixels and values.ndim == 3:
        values = values[..., None]
    if places is None:
        places = [f"{name}, item {row}" for row in range(1, len(values) + 1)]
    if values.dtype != np.uint8 or not pixels:
        with np.errstate(over="ignore"):
            items = np.ascontiguousarray(values, dtype=np.float32)
        finite = np.isfinite(items).reshape(len(items), -1)
        if not finite.all():
            row, place = (int(found[0]) for found in np.nonzero(~finite))
            which = f" number {names[place]!r}" if names else f", number {place + 1}"
            shown = values.reshape(len(values), -1)[row, place]
            raise DataError(f"{places[row]}{which}: expected a finite number of at most 3.4e38. Received: {shown}")
        values = items
    return Captioned(name, kind, np.ascontiguousarray(values), captions, places, names)


def checked_captions(captions: Sequence[Any], count: int, name: str, data: str) -> list[list[str]]:
    """A list of texts for each of `count` items, from texts or lists of them.

    Raises DataError for another number of them (both are told), for what is no text, and for an empty one.
    """
    if len(captions) != count:
        raise DataError(
            f"{name}: expected captions for each of the {count:,} items in {data}. Received: {len(captions):,}"
        )
    found: list[list[str]] = []
    for row, given in enumerate(captions, 1):
        several = [given] if isinstance(given, str) else given
        if not isinstance(several, Sequence | np.ndarray) or not all(isinstance(each, str) for each in several):
            raise DataError(f"{name}, number {row}: expected a text, or several. Received: {str(given)[:40]!r}")
        found.append([checked_text(each, f"{name}, number {row}") for each in several])
        if not found[-1]:
            raise DataError(f"{name}, number {row}: expected a caption at least. Received: none")
    return found


def checked_text(text: str, place: str) -> str:
    """A caption without blanks around it. Raises DataError for an empty one, and for one that cannot be a caption."""
    text = str(text).strip()
    if not text:
        raise DataError(f"{place}: expected a caption. Received: an empty text")
    if len(text) > _LONGEST:
        raise DataError(f"{place}: expected a caption of at most {_LONGEST:,} letters. Received: {len(text):,}")
    return text


def join(parts: Sequence[Captioned]) -> Captioned:
    """The items of several sources as one. Raises DataError unless all are alike."""
    first = parts[0]
    if len(parts) == 1:
        return first
    for part in parts[1:]:
        part = part.named(first.names)
        for what, one, other in (
            ("items of one kind", first.kind, part.kind),
            ("items of one shape", first.items.shape[1:], part.items.shape[1:]),
            ("numbers of one type", first.items.dtype, part.items.dtype),
            ("captions in all or none", first.captions is not None, part.captions is not None),
        ):
            if one != other:
                raise DataError(f"{part.name}: expected {what}, as in {first.name}. Received: {other} and not {one}")
    captions = None if first.captions is None else [row for part in parts for row in part.captions or ()]
    return Captioned(
        f"{first.name} and {len(parts) - 1} more",
        first.kind,
        np.concatenate([part.named(first.names).items for part in parts]),
        captions,
        [place for part in parts for place in part.places],
        first.names,
    )
