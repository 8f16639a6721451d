"""Examples from Python objects: lists, NumPy arrays, pandas and polars series and data frames."""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from elman.data.columns import frame_columns, frame_labels, order_of
from elman.data.examples.arrays import examples_of_array
from elman.data.examples.base import Examples, Floats
from elman.data.examples.labels import matched
from elman.data.examples.series import checked_series
from elman.data.labels import label_texts
from elman.data.values import as_array
from elman.errors import ConfigError, DataError

__all__ = ["examples_from", "labels_from"]


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
    unknown kind.
    """
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
        first = values.flat[0] if isinstance(values, np.ndarray) and values.size else values[0]
        kind = "text" if isinstance(first, str) else "series"
    if kind == "text":
        examples = _texts(values, name)
    elif isinstance(values, np.ndarray) and values.dtype != object:
        examples = examples_of_array(values, name, images=images, missing=missing)
    else:
        examples = _series(list(values), name, missing)
    if kind == "series":
        examples = replace(examples, features=frame_labels(X))
    if y is None:
        return examples
    return replace(examples, labels=matched(label_texts(labels_from(y), "y"), len(examples), "y", name))


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


def _texts(values: Any, name: str) -> Examples:
    if isinstance(values, np.ndarray) and values.ndim == 2 and values.shape[1] == 1:
        values = values[:, 0]
    places = [f"{name}, row {row}" for row in range(1, len(values) + 1)]
    texts = []
    for value, place in zip(values, places, strict=True):
        if not isinstance(value, str):
            raise DataError(f"{place}: expected a text. Received: {_shown(value)}")
        if not value.strip():
            raise DataError(f"{place}: expected a text. Received: an empty one")
        texts.append(str(value))
    return Examples("text", texts, None, places)


def _series(values: Sequence[Any], name: str, missing: str) -> Examples:
    places = [f"{name}, row {row}" for row in range(1, len(values) + 1)]
    found: list[Floats] = []
    for value, place in zip(values, places, strict=True):
        x_TI = _one_series(value, place)
        if found and x_TI.shape[1] != found[0].shape[1]:
            raise DataError(f"{place}: expected {found[0].shape[1]} channels, as in the first series. "
                            f"Received: {x_TI.shape[1]}")  # fmt: skip
        found.append(checked_series(x_TI, place, missing=missing))
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
        raise DataError(f"{place}: {wrong}, the same number in every step. Received: {error}") from error
    if array.dtype.kind not in "biuf" or array.ndim not in (1, 2):
        raise DataError(f"{place}: {wrong}. Received: {array.dtype} of shape {array.shape}")
    x_TI = array[:, None] if array.ndim == 1 else array
    return x_TI.astype(np.float32) / np.float32(255) if array.dtype == np.uint8 and array.ndim == 2 else x_TI


def _shown(value: Any) -> str:
    return f"{type(value).__name__} {str(value)[:40]!r}"
