"""Arrays of numbers from Python objects: masked values, missing values of pandas, decimals, booleans, durations."""

from __future__ import annotations

import datetime
from numbers import Number
from typing import Any

import numpy as np
import numpy.typing as npt

from elman.errors import DataError

__all__ = ["NO_NUMBERS", "as_array", "indistinct", "is_frame", "is_missing", "precise"]

# The largest rounding errors of float32, relative to the spread of the values: for which it is used, and accepted.
_FINE, _COARSE = 1e-4, 0.01
# Objects that Python or NumPy may convert to a number, which then means a count of some unit.
NO_NUMBERS = (str, bytes, datetime.date, datetime.time, datetime.timedelta, np.datetime64, np.timedelta64)


def is_missing(value: Any) -> bool:
    """Return whether a value is missing: None, NaN, pandas' NA and NaT, and a masked value of NumPy."""
    # pandas is not imported, so its missing values are recognised by name.
    return value is None or value is np.ma.masked or type(value).__name__ in ("NAType", "NaTType")


def is_frame(value: Any) -> bool:
    """Return whether a value is a data frame, or a series of pandas with its index."""
    return hasattr(value, "to_numpy") and (hasattr(value, "columns") or hasattr(value, "index"))


def as_array(values: Any, name: str) -> npt.NDArray[Any]:
    """Return an array: masked and missing values are NaN, decimals are floats; texts and other objects are unchanged.

    Raises DataError, with `name`, for durations and dates, which are not numbers.
    """
    if isinstance(values, list | tuple) and any(isinstance(value, np.ma.MaskedArray) for value in values):
        values = np.ma.array(values)
    if isinstance(values, np.ma.MaskedArray):
        hidden = np.ma.getmaskarray(values)
        values = values.data if not hidden.any() else _hidden(values.data, hidden)
    array = np.asarray(values)
    if array.dtype.kind in "mM":
        what = "durations as numbers of a unit, such as seconds" if array.dtype.kind == "m" else "dates as numbers"
        raise DataError(f"{name}: expected numbers; convert {what}. Received: {array.dtype}")
    return _of_objects(array, name) if array.dtype == object else array


def _hidden(values: npt.NDArray[Any], hidden: npt.NDArray[np.bool_]) -> npt.NDArray[Any]:
    found = values.astype(object if values.dtype.kind not in "biuf" else np.float64)
    found[hidden] = np.nan
    return found


def _of_objects(array: npt.NDArray[Any], name: str) -> npt.NDArray[Any]:
    """Return numbers and missing values as floats; an array with any other object unchanged."""
    numbers = np.empty(array.size)
    for place, value in enumerate(array.flat):
        if isinstance(value, datetime.timedelta | np.timedelta64):
            raise DataError(
                f"{name}: expected numbers; convert durations as numbers of a unit, such as seconds. Received: {value}"
            )
        if is_missing(value):
            numbers[place] = np.nan
        elif isinstance(value, Number | np.bool_) and not isinstance(value, complex):
            numbers[place] = float(value)  # type: ignore[arg-type]
        else:
            return array
    return numbers.reshape(array.shape)


def precise(values: npt.NDArray[Any], single: npt.NDArray[np.float32]) -> npt.NDArray[np.floating[Any]]:
    """Return `single`, or the values as float64 if float32 loses too much of how they vary over time.

    values  numbers, NaN if missing, with time and features last
    single  the same as float32
    """
    return single if _lost(values, single, _FINE, -2) is None else np.array(values, dtype=np.float64, order="C")


def indistinct(values: npt.NDArray[Any], single: npt.NDArray[np.float32]) -> int | None:
    """Return the first feature (last axis) whose values float32 cannot distinguish well, or None.

    Arguments as for `precise`; a feature without any variation is distinct.
    """
    lost = _lost(values.reshape(-1, values.shape[-1]), single.reshape(-1, values.shape[-1]), _COARSE, 0)
    flat = values.reshape(-1, values.shape[-1])
    varied = [
        place for place in ([] if lost is None else np.flatnonzero(lost)) if (flat[:, place] != flat[0, place]).any()
    ]
    return int(varied[0]) if varied else None


def _lost(
    values: npt.NDArray[Any], single: npt.NDArray[np.float32], share: float, axis: int
) -> npt.NDArray[np.bool_] | None:
    """Return where float32 rounds by more than a `share` of the spread along an axis; None if nowhere."""
    if not values.size or values.dtype.itemsize <= (4 if values.dtype.kind == "f" else 2):
        return None
    error = np.fmax.reduce(np.abs(values - single), axis=axis)
    if not (error > 0).any():
        return None
    wide = values.astype(np.float64, copy=False)
    spread = np.fmax.reduce(wide, axis=axis) - np.fmin.reduce(wide, axis=axis)
    lost: npt.NDArray[np.bool_] = (error > 0) & (error > share * spread)
    return lost if lost.any() else None
