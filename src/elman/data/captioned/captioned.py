"""`CaptionDataset`: an array of items with the captions of each, and functions that validate and join such data."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from elman.data.columns import order_of, real_columns
from elman.data.image_arrays import channels_last
from elman.data.parts import digest_of
from elman.data.values import precise
from elman.errors import DataError

__all__ = ["KINDS", "CaptionDataset", "checked_caption", "checked_captions", "join", "made"]

KINDS = ("vectors", "images", "maps")
# The array shapes allowed for each kind, as shown in messages.
_SHAPES = {
    "vectors": "N x features",
    "images": "N x height x width, or N x height x width x channels",
    "maps": "N x positions x features, or N x height x width x features",
}
_DIMENSIONS = {"vectors": (2,), "images": (3, 4), "maps": (3, 4)}
# In characters. A longer text is most likely not a caption but the wrong column or file.
_LONGEST = 100_000


@dataclass(frozen=True)
class CaptionDataset:
    """Items with their captions.

    name      name of the data in messages
    kind      "vectors", "images" or "maps"
    items     `N x features` for vectors; uint8 or float32 `N x height x width x channels` for images;
              `N x positions x features` or `N x height x width x features` for feature maps; vectors and maps are
              float32, or float64 if float32 loses too much of how they vary
    captions  one or more texts per item; None if the data has no captions
    places    where each item comes from, for messages, such as "words.csv, line 7"
    names     the feature names of vectors; empty if they have none
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
        """Total number of captions."""
        return sum(map(len, self.captions or ()))

    def take(self, rows: Sequence[int] | npt.NDArray[np.integer[Any]]) -> CaptionDataset:
        """Return the items at these indices, in this order."""
        numbers = [int(row) for row in rows]
        return CaptionDataset(
            self.name,
            self.kind,
            self.items[numbers],
            None if self.captions is None else [self.captions[row] for row in numbers],
            [self.places[row] for row in numbers],
            self.names,
        )

    def contents(self) -> Iterator[object]:
        """Yield each item as something small and hashable."""
        yield from map(digest_of, self.items)

    def named(self, names: tuple[str, ...]) -> CaptionDataset:
        """Return the data with the features of vectors in the order of `names`, if both have names.

        Row numbers without a name are left out. Raises DataError if one of `names` is missing, and for another column.
        """
        if not names or not self.names:
            return self
        order = order_of(names, self.names, self.name, values=self._feature)
        return self if order is None else self._with(order)

    def without_row_numbers(self, chosen: Sequence[str] = ()) -> CaptionDataset:
        """Return the data without the features that are row numbers, unless they are `chosen`.

        Raises DataError if there are no others.
        """
        real = real_columns(self.names, self._feature, chosen)
        if len(real) == len(self.names):
            return self
        if not real:
            raise DataError(f"{self.name}: expected columns of numbers. Received: row numbers without a name")
        return self._with(real)

    def _feature(self, number: int) -> npt.NDArray[Any]:
        values: npt.NDArray[Any] = self.items[:, number]
        return values

    def _with(self, order: list[int]) -> CaptionDataset:
        names = tuple(self.names[place] for place in order)
        return CaptionDataset(self.name, self.kind, self.items[:, order], self.captions, self.places, names)

    def fingerprint(self) -> str:
        """Return a SHA-256 hash of items, captions and names; `places` are left out, so that files can be moved."""
        digest = hashlib.sha256()
        items = self.items if self.items.dtype == np.uint8 else np.asarray(self.items, dtype=np.float32)
        head = f"{self.kind} {items.dtype} {items.shape} {list(self.names)!r}"
        digest.update(head.encode("utf-8", "surrogatepass"))
        digest.update(np.ascontiguousarray(items).data)
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
) -> CaptionDataset:
    """Create a `CaptionDataset` from an array.

    Pixels are uint8 (0 to 255) or floats; images in torch's order of axes are turned, see `channels_last`. Vectors and
    maps may have any integer or float dtype and become float32, or float64 if float32 loses too much. With `kind`
    "auto", arrays of 2 dimensions are vectors and arrays of 3 or 4 dimensions are images. Raises DataError, with the
    place, for an unsupported dtype or shape, for values that are not finite, and for no items.
    """
    if kind == "auto":
        kind = "vectors" if values.ndim == 2 else "images"
    if kind == "images":
        values = channels_last(values)
    if values.ndim not in _DIMENSIONS[kind] or 0 in values.shape[1:]:
        raise DataError(f"{name}: expected {kind} as an array of shape {_SHAPES[kind]}. Received: {values.shape}")
    if not len(values):
        raise DataError(f"{name}: expected at least one item. Received: none")
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
        flat = (-1, values.shape[-1])
        values = items if pixels else precise(values.reshape(flat), items.reshape(flat)).reshape(items.shape)
    return CaptionDataset(name, kind, np.ascontiguousarray(values), captions, places, names)


def checked_captions(captions: Sequence[Any], count: int, name: str, data: str) -> list[list[str]]:
    """Return a list of captions for each of `count` items; each item may have one text or a list of texts.

    Raises DataError if the number of entries is not `count`, and for captions that are empty or not texts.
    """
    if len(captions) != count:
        raise DataError(
            f"{name}: expected captions for each of the {count:,} items in {data}. Received: {len(captions):,}"
        )
    return [checked_caption(given, f"{name}, number {row}") for row, given in enumerate(captions, 1)]


def checked_caption(given: Any, place: str) -> list[str]:
    """Return the captions of an item, which has one text or several. Raises DataError for anything else."""
    several = [given] if isinstance(given, str) else given
    if not isinstance(several, Sequence | np.ndarray) or not all(isinstance(each, str) for each in several):
        raise DataError(f"{place}: expected one text or several. Received: {str(given)[:40]!r}")
    found = [checked_text(each, place) for each in several]
    if not found:
        raise DataError(f"{place}: expected at least one caption. Received: none")
    return found


def checked_text(text: str, place: str) -> str:
    """Return a caption without surrounding white space. Raises DataError if it is empty or too long."""
    text = str(text).strip()
    if not text:
        raise DataError(f"{place}: expected a caption. Received: an empty text")
    if len(text) > _LONGEST:
        raise DataError(f"{place}: expected a caption of at most {_LONGEST:,} characters. Received: {len(text):,}")
    return text


def _type(items: npt.NDArray[Any]) -> str:
    return "float32" if items.dtype == np.float64 else str(items.dtype)


def join(parts: Sequence[CaptionDataset]) -> CaptionDataset:
    """Concatenate the items of several sources. Raises DataError unless kind, shape, dtype and names agree."""
    first = parts[0]
    if len(parts) == 1:
        return first
    for part in parts[1:]:
        part = part.named(first.names)
        for what, one, other in (
            ("items of one kind", first.kind, part.kind),
            ("items of one shape", first.items.shape[1:], part.items.shape[1:]),
            ("numbers of one type", _type(first.items), _type(part.items)),
            ("captions in all or none", first.captions is not None, part.captions is not None),
        ):
            if one != other:
                raise DataError(f"{part.name}: expected {what}, as in {first.name}. Received: {other} and not {one}")
    captions = None if first.captions is None else [row for part in parts for row in part.captions or ()]
    return CaptionDataset(
        f"{first.name} and {len(parts) - 1} more",
        first.kind,
        np.concatenate([part.named(first.names).items for part in parts]),
        captions,
        [place for part in parts for place in part.places],
        first.names,
    )
