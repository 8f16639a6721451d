"""Captioned items from Python objects: arrays, tensors, data frames, Pillow images."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence, Set
from dataclasses import replace
from numbers import Number
from typing import Any

import numpy as np

from elman.data.bad_rows import checked, index_places, picked
from elman.data.captioned.captioned import CaptionDataset, checked_caption, checked_captions, made
from elman.data.captioned.config import CaptionDataConfig
from elman.data.captioned.images import check_size, pixels_of
from elman.data.columns import flat_name
from elman.data.texts import is_sequence
from elman.data.values import as_array
from elman.errors import DataError

__all__ = ["are_paths", "captioned_from"]


def are_paths(items: Any) -> bool:
    """Return whether `items` is a path or a list of paths."""
    if isinstance(items, str | os.PathLike):
        return True
    return (
        isinstance(items, list | tuple)
        and len(items) > 0
        and all(isinstance(item, str | os.PathLike) for item in items)
    )


def captioned_from(
    items: Any, captions: Sequence[Any] | None, config: CaptionDataConfig, *, name: str = "items"
) -> CaptionDataset:
    """Create a `CaptionDataset` from Python objects.

    Args:
        items: an array, a tensor or a data frame; or a list of arrays of one shape, or of Pillow images.
        captions: one text or a list of texts per item; None if there are no captions.
        config: the kind of the items (`items`), and for Pillow images `color` and `image_size`.
        name: name of the items in messages.

    Items that cannot be used, or whose captions cannot, are left out within `bad_rows_of`. Raises DataError for other
    objects, for the arrays that `made` refuses, and for captions that are empty, not texts, or not as many as items.
    """
    listed = not isinstance(items, str | bytes | Mapping | Set) and getattr(items, "ndim", 1) != 0
    if not listed or not (hasattr(items, "__len__") or hasattr(items, "__array__")):
        raise DataError(f"{name}: expected an array, a list of arrays, or paths. Received: {type(items).__name__}")
    if captions is not None and not is_sequence(captions):
        raise DataError(f"captions: expected a list of texts. Received: {type(captions).__name__}")
    kind, names = config.items, ()
    places = index_places(name, items, len(items)) if hasattr(items, "__len__") else []
    if hasattr(items, "columns") and hasattr(items, "to_numpy"):
        kind, names = "vectors", tuple(flat_name(column) for column in items.columns)
        items = items.to_numpy()
    elif hasattr(items, "detach"):
        items = items.detach().cpu().numpy()
    items = list(items) if isinstance(items, list | tuple) else as_array(items, name)
    if len(places) != len(items):
        places = index_places(name, None, len(items))
    texts = None if captions is None else list(captions)
    of_texts = index_places("captions", captions, len(items))
    if texts is not None and len(texts) != len(items):
        checked_captions(texts, len(items), "captions", name)  # raises the error
    pictures = isinstance(items, list) and any(map(_is_picture, items))
    size, kind = (check_size(config.image_size), "images") if pictures else (None, kind)
    check = _Check(items, names, places, kind)

    def one(row: int) -> tuple[Any, list[str] | None]:
        if pictures and not _is_picture(items[row]):
            raise DataError(f"{places[row]}: expected an image of Pillow. Received: {type(items[row]).__name__}")
        item = pixels_of(items[row], places[row], config.color, size) if pictures else check(row)
        return item, None if texts is None else checked_caption(texts[row], of_texts[row])

    rows, kept = checked(len(items), one)
    found = [item for item, _ in rows]
    if isinstance(items, list) or items.dtype == object:
        values = as_array(found, name)
    else:
        values = items if kept is None else items[kept]
    data = made(values, name, kind, names=names, places=picked(places, kept))
    return data if texts is None else replace(data, captions=[each or [] for _, each in rows])


class _Check:
    """Checks one item of a list or an array. Raises DataError, with its place, for one that cannot be used."""

    def __init__(self, items: Any, names: tuple[str, ...], places: Sequence[str], kind: str) -> None:
        self.items, self.names, self.places, self.kind = items, names, places, kind
        numbers = isinstance(items, np.ndarray) and items.dtype.kind == "f" and items.ndim > 1 and items.size
        with np.errstate(over="ignore"):
            flat = np.asarray(items, dtype=np.float32).reshape(len(items), -1) if numbers else None
        self.finite_N = None if flat is None else np.isfinite(flat).all(axis=1)

    def __call__(self, row: int) -> Any:
        item, place = self.items[row], self.places[row]
        if isinstance(self.items, list) and np.shape(item) != np.shape(self.items[0]):
            raise DataError(
                f"{place}: expected items of one shape, as the first, {np.shape(self.items[0])}. "
                f"Received: {np.shape(item)}"
            )
        if isinstance(self.items, np.ndarray) and self.items.dtype == object:
            for column, cell in zip(self.names, item, strict=bool(self.names)):
                if not isinstance(cell, Number):
                    expected = f"expected a number in the column {column!r}"
                    raise DataError(f"{place}: {expected}. Received: {str(cell)[:40]!r}")
        finite = self.finite_N[row] if self.finite_N is not None else _is_finite(item)
        if not finite:
            made(np.asarray(item)[None], place, self.kind, names=self.names, places=[place])  # raises the error
        return item


def _is_picture(item: Any) -> bool:
    return hasattr(item, "convert") and hasattr(item, "mode")


def _is_finite(item: Any) -> bool:
    """Return whether an item of a list has no missing and no infinite number; true for what is not an array."""
    values = np.asarray(item) if hasattr(item, "__array__") or isinstance(item, list | tuple) else np.zeros(0)
    with np.errstate(over="ignore"):
        return values.dtype.kind != "f" or bool(np.isfinite(values.astype(np.float32)).all())
