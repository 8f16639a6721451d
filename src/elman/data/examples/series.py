"""Validation of series: arrays of finite numbers with at least one time step."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from elman.data.examples.base import Floats
from elman.data.values import precise
from elman.errors import DataError

__all__ = ["checked_series", "named"]


def checked_series(
    values_TI: npt.NDArray[Any], place: str, *, missing: str = "refuse", channels: Sequence[str] = ()
) -> Floats:
    """Check a series and return it as float32, or as float64 if float32 loses too much of how it varies.

    Args:
        values_TI: the values, NaN if missing.
        place: where the series comes from, for messages.
        missing: "refuse", or "interpolate": linearly in time, and with the nearest value at the ends.
        channels: channel names, for messages.

    Raises DataError, with step and channel, for a missing value with "refuse", a channel without any value, and a
    value that is infinite or too large for float32; also for a series without steps or channels.
    """
    if not values_TI.size:
        raise DataError(f"{place}: expected a series of at least one step and one channel. "
                        f"Received: {values_TI.shape[0]} steps of {values_TI.shape[1]} channels")  # fmt: skip
    with np.errstate(over="ignore"):
        x_TI = np.ascontiguousarray(values_TI, dtype=np.float32)
    if np.isfinite(x_TI).all():
        return precise(values_TI, x_TI)
    wrong = ~np.isfinite(x_TI) & ~np.isnan(x_TI) if missing == "interpolate" else ~np.isfinite(x_TI)
    if wrong.any():
        step, channel = (int(number) for number in np.argwhere(wrong)[0])
        value = float(values_TI[step, channel])
        if np.isnan(value):
            expected, shown = "a value (missing=interpolate fills it in)", "a missing value (NaN)"
        else:
            expected, shown = "a number that float32 can hold", repr(value)
        raise DataError(f"{place}, {named(step, channel, channels)}: expected {expected}. Received: {shown}")
    return _interpolated(precise(values_TI, x_TI), place, channels)


def named(step: int, channel: int, channels: Sequence[str] = ()) -> str:
    """Return the name of a step and channel for messages; both count from 1."""
    name = channels[channel] if channels else ""
    return f"step {step + 1}, channel {repr(name) if name else channel + 1}"


def _interpolated(x_TI: Floats, place: str, channels: Sequence[str]) -> Floats:
    steps = np.arange(len(x_TI))
    filled = x_TI.copy()
    for channel in range(x_TI.shape[1]):
        there = ~np.isnan(x_TI[:, channel])
        if not there.any():
            where = named(0, channel, channels).split(", ")[1]
            raise DataError(f"{place}, {where}: expected at least one value to interpolate from. Received: none")
        filled[:, channel] = np.interp(steps, steps[there], x_TI[there, channel])
    return filled
