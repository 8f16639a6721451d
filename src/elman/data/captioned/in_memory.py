"""Captioned items from Python objects: arrays, tensors, data frames, Pillow images."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence, Set
from dataclasses import replace
from numbers import Number
from typing import Any

import numpy as np

from elman.data.captioned.captioned import CaptionDataset, checked_captions, made
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

    Raises DataError for other objects, for the arrays that `made` refuses, and for captions that are empty, not
    texts, or not as many as items.
    """
    if isinstance(items, str | bytes | Mapping | Set) or not (hasattr(items, "__len__") or hasattr(items, "__array__")):
        raise DataError(f"{name}: expected an array, a list of arrays, or paths. Received: {type(items).__name__}")
    kind = config.items
    names: tuple[str, ...] = ()
    if hasattr(items, "columns") and hasattr(items, "to_numpy"):
        names, items, kind = tuple(flat_name(column) for column in items.columns), items.to_numpy(), "vectors"
        items = as_array(items, name)
        _check_columns(items, names, name)
    if isinstance(items, list | tuple):
        items = list(items)
        if items and hasattr(items[0], "convert") and hasattr(items[0], "mode"):
            size, kind = check_size(config.image_size), "images"
            items = [pixels_of(item, f"{name}, item {row}", config.color, size) for row, item in enumerate(items, 1)]
        elif len({np.shape(item) for item in items}) > 1:
            shapes = [np.shape(item) for item in items]
            row = next(row for row, shape in enumerate(shapes) if shape != shapes[0])
            raise DataError(
                f"{name}, item {row + 1}: expected items of one shape, as the first, {shapes[0]}. "
                f"Received: {shapes[row]}"
            )
    if hasattr(items, "detach"):
        items = items.detach().cpu().numpy()
    found = made(as_array(items, name), name, kind, names=names)
    if captions is None:
        return found
    if not is_sequence(captions):
        raise DataError(f"captions: expected a list of texts. Received: {type(captions).__name__}")
    return replace(found, captions=checked_captions(list(captions), len(found), "captions", name))


def _check_columns(values: Any, names: Sequence[str], name: str) -> None:
    """Raise DataError for the first column of a data frame with a cell that is not a number."""
    if values.dtype != object:
        return
    for column, cells in zip(names, values.T, strict=True):
        for row, cell in enumerate(cells, 1):
            if not isinstance(cell, Number):
                raise DataError(
                    f"{name}, row {row}: expected a number in the column {column!r}. Received: {str(cell)[:40]!r}"
                )
