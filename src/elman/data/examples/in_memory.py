"""Examples from Python objects: lists, NumPy arrays, pandas and polars series and data frames."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence, Set
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from elman.data.bad_rows import checked, index_places, picked
from elman.data.columns import frame_columns, frame_labels, order_of
from elman.data.examples.arrays import checked_text, examples_of_array
from elman.data.examples.base import Examples, Floats
from elman.data.examples.labels import matched
from elman.data.examples.series import checked_series
from elman.data.labels import label_text
from elman.data.values import as_array
from elman.errors import ConfigError, DataError

__all__ = ["examples_from", "labels_from", "usable_examples"]


def examples_from(
    X: Any, y: Any = None, *, kind: str = "auto", name: str = "X", images: str = "rows", missing: str = "refuse"
) -> Examples:
    """Create `Examples` from Python objects.

    Args:
        X: texts in a list, an array or a Series; or series: an array of shape N x T (one channel) or N x T x I, a list
            of arrays of shape T or T x I, or of data frames with a column per channel, or a data frame of numbers with
            one series per row. Channels and the columns of a data frame go by name.
        y: labels, texts or numbers, in a list, an array or a Series; None if there are none.
        kind: "text", "series", or "auto": texts if the first item is a text.
        name: name of X in messages.
        images, missing: as in `ExamplesConfig`, for arrays and for series.

    Raises DataError, with row, step and channel, for other objects, for missing and infinite numbers, for series with
    another number of channels than the first, and if there are not as many labels as examples; ConfigError for an
    unknown kind. Examples that cannot be used are left out within `bad_rows_of`.
    """
    return usable_examples(X, y, kind=kind, name=name, images=images, missing=missing)[0]


def usable_examples(
    X: Any, y: Any = None, *, kind: str = "auto", name: str = "X", images: str = "rows", missing: str = "refuse"
) -> tuple[Examples, list[int] | None]:
    """Return what `examples_from` returns, and the indices of these examples in X; None for all of them."""
    if kind not in ("auto", "text", "series"):
        raise ConfigError(f"expected the kind auto, text or series. Received: {kind!r}")
    if hasattr(X, "tocsr"):
        raise DataError(f"{name}: expected dense numbers, such as those of X.toarray(). "
                        f"Received: a sparse {type(X).__name__}")  # fmt: skip
    unordered = isinstance(X, str | bytes | Mapping | Set)
    if unordered or not (hasattr(X, "__len__") or hasattr(X, "__array__")) or getattr(X, "ndim", 1) == 0:
        raise DataError(f"{name}: expected a list of texts, or series in an array or a list of arrays. "
                        f"Received: {_shown(X)}")  # fmt: skip
    values = _plain(X)
    values = as_array(values, name) if isinstance(values, np.ndarray) else values
    if not len(values):
        raise DataError(f"{name}: expected at least one example. Received: none")
    if kind == "auto":
        every = values.flat if isinstance(values, np.ndarray) and values.size else values
        # Rows without a text may come first.
        first = next((value for value in every if not _is_missing(value)), None)
        kind = "text" if isinstance(first, str) else "series"
    places = index_places(name, X, len(values))
    if kind == "text":
        examples = _texts(values, places)
    elif isinstance(values, np.ndarray) and values.dtype != object:
        examples = examples_of_array(values, name, images=images, missing=missing, places=places)
    else:
        examples = _series(list(values), places, missing)
    if kind == "series":
        examples = replace(examples, features=frame_labels(X))
    rows = None if len(examples) == len(values) else _rows(examples.places, places)
    return (examples, rows) if y is None else _labelled(examples, rows, y, len(values), name)


def _is_missing(value: Any) -> bool:
    """Return whether a value stands for a missing text: None, NaN or pandas.NA."""
    return value is None or type(value).__name__ == "NAType" or (isinstance(value, float) and math.isnan(value))


def _labelled(
    examples: Examples, rows: list[int] | None, y: Any, count: int, name: str
) -> tuple[Examples, list[int] | None]:
    """Return the examples that have a label, and their indices among all `count`, of which `examples` has `rows`."""
    labels = matched(labels_from(y), count, "y", name)
    places = index_places("y", y, count)
    known = range(count) if rows is None else rows
    texts, kept = checked(len(known), lambda row: label_text(labels[known[row]], places[known[row]]))
    if kept is not None:
        examples, rows = examples.take(kept), [known[row] for row in kept]
    return replace(examples, labels=texts), rows


def _rows(places: Sequence[str], every: Sequence[str]) -> list[int]:
    """Return the indices of some places, which are in the order of `every`, among all."""
    known = {place: row for row, place in enumerate(every)}
    return [known[place] for place in places]


def _plain(X: Any) -> Any:
    """Return arrays, data frames and their columns as an array, and any other sequence as a list."""
    if isinstance(X, np.ndarray):
        return X
    if hasattr(X, "to_numpy"):
        return X.to_numpy()
    if hasattr(X, "__array__"):
        return np.asarray(X)
    return list(X)


def labels_from(y: Any) -> list[Any]:
    """Return labels of any kind of sequence as a list of Python values. Raises DataError for anything else."""
    if isinstance(y, str | bytes | Mapping | Set) or not (hasattr(y, "__len__") or hasattr(y, "__array__")):
        raise DataError(f"y: expected a list or an array of labels. Received: {_shown(y)}")
    values = _plain(y)
    if isinstance(values, np.ndarray):
        if values.ndim == 2 and values.shape[1] == 1:
            values = values[:, 0]
        if values.ndim != 1:
            raise DataError(f"y: expected a label for each example. Received: an array of shape {values.shape}")
        return values.tolist()
    return list(values)


def _texts(values: Any, places: Sequence[str]) -> Examples:
    if isinstance(values, np.ndarray) and values.ndim == 2 and values.shape[1] == 1:
        values = values[:, 0]
    texts, kept = checked(len(values), lambda row: checked_text(values[row], places[row]))
    return Examples("text", texts, None, picked(places, kept))


def _series(values: Sequence[Any], places: Sequence[str], missing: str) -> Examples:
    channels: list[int] = []

    def one(row: int) -> Floats:
        x_TI = _one_series(values[row], places[row])
        if channels and x_TI.shape[1] != channels[0]:
            raise DataError(f"{places[row]}: expected {channels[0]} channels, as in the first series. "
                            f"Received: {x_TI.shape[1]}")  # fmt: skip
        x_TI = checked_series(x_TI, places[row], missing=missing)
        channels.append(x_TI.shape[1])
        return x_TI

    found, kept = checked(len(values), one)
    values, places = picked(values, kept), picked(places, kept)
    named = frame_columns(values[0])
    if len(named) < 2 or not all(map(frame_columns, values)):
        return Examples("series", found, None, places, ("",) * found[0].shape[1])
    for row, (value, place) in enumerate(zip(values, places, strict=True)):
        order = order_of(named, frame_columns(value), place, what="channel", like="in the first series")
        found[row] = found[row] if order is None else found[row][:, order]
    return Examples("series", found, None, places, named)


def _one_series(value: Any, place: str) -> npt.NDArray[Any]:
    """Return one series as an array `x_TI`."""
    wrong = "expected a series: numbers of one dimension (steps) or two (steps, channels)"
    if isinstance(value, str | bytes) or not hasattr(value, "__len__"):
        raise DataError(f"{place}: {wrong}. Received: {_shown(value)}")
    try:
        array = as_array(_plain(value), place)
        if array.dtype == object:
            array = array.astype(np.float64)
    except DataError:
        raise
    except (TypeError, ValueError) as error:
        texts = any(isinstance(each, str) for each in np.asarray(value, dtype=object).ravel())
        hint = "; of a table with texts give the column of texts alone, such as X['text']" if texts else ""
        raise DataError(f"{place}: {wrong}, the same number in every step{hint}. Received: {error}") from error
    if array.dtype.kind not in "biuf" or array.ndim not in (1, 2):
        raise DataError(f"{place}: {wrong}. Received: {array.dtype} of shape {array.shape}")
    x_TI = array[:, None] if array.ndim == 1 else array
    return x_TI.astype(np.float32) / np.float32(255) if array.dtype == np.uint8 and array.ndim == 2 else x_TI


def _shown(value: Any) -> str:
    return f"{type(value).__name__} {str(value)[:40]!r}"
