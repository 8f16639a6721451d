"""Inference of the frequency of series from their times."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from elman.data.panel.frequency import DAY, Frequency, show_time
from elman.errors import DataError

__all__ = ["infer_frequency"]

Ints = npt.NDArray[np.int64]


# Fewest times from which a less usual grid is inferred.
_FEWEST = 4
# Fewest days between two times of a grid.
_LEAST = {"month": 26, "half-month": 13, "business": 1}


class _Steps(NamedTuple):
    """Distances between consecutive times, in units of `grid`."""

    grid: Frequency
    units: Ints


def infer_frequency(
    times: Any, bounds: Sequence[int] | Ints | None = None, ids: Sequence[str] = (), name: str = "the times"
) -> Frequency:
    """Infer the frequency from the most common step between consecutive times; gaps of several steps are allowed.

    times   datetime64 or integers, sorted within each series; the series are concatenated
    bounds  index of the first time of each series in `times`; by default there is one series
    ids     names of the series, for messages
    name    name of the source in messages

    Times from Monday to Friday without any weekend are business days. Raises DataError if no series has two times, and
    with two candidates if steps are mixed or a step is not a multiple of the most common one.
    """
    values = np.asarray(times)
    dated = values.dtype.kind == "M"
    moments = values.astype("datetime64[s]").astype(np.int64) if dated else values.astype(np.int64)
    begins = np.asarray([0] if bounds is None else bounds, dtype=np.int64)
    owner = np.searchsorted(begins, np.arange(len(moments)), side="right") - 1
    inside = (owner[1:] == owner[:-1]) & (moments[1:] > moments[:-1])
    if not inside.any():
        raise DataError(
            f"{name}: expected a series with two times or more to infer the frequency from, or the option frequency. "
            f"Received: {len(moments)} {'time' if len(moments) == 1 else 'times, one a series'}"
        )
    before, after = moments[:-1][inside], moments[1:][inside]
    steps = _steps(moments, before, after) if dated else _Steps(Frequency("step"), after - before)
    found = _agreed(steps, before, after, name)
    _agree_all(steps, found, owner[1:][inside], len(begins), ids, name)
    return _with(steps.grid, found, int(moments[0]))


def _steps(moments: Ints, before: Ints, after: Ints) -> _Steps:
    """Return the steps in months, business days or seconds, depending on the pattern of the times."""
    days, clocks = np.divmod(moments, DAY)
    if (clocks == clocks[0]).all():
        dates = days.astype("datetime64[D]")
        first = dates.astype("datetime64[M]").astype("datetime64[D]")
        day = (dates - first).astype(np.int64) + 1
        last = (dates + np.timedelta64(1, "D")).astype("datetime64[M]") != dates.astype("datetime64[M]")
        kind = 1 if (day == 1).all() else 0 if last.all() else int(day[0]) if (day == day[0]).all() else None
        grid = None if kind is None or kind > 28 else Frequency("month", day=kind, clock=int(clocks[0]))
        if grid is None and (after - before).min() >= _LEAST["half-month"] * DAY:
            grid = _less_usual(moments, int(clocks[0]))
        if grid is None and (after - before == DAY).any() and _skips_weekends(days, before, after):
            grid = Frequency("business", clock=int(clocks[0]))
        if grid is not None and (after - before).min() >= _LEAST[grid.unit] * DAY:
            return _Steps(grid, grid.locate(after)[0] - grid.locate(before)[0])
    return _Steps(Frequency("second"), after - before)


def _less_usual(moments: Ints, clock: int) -> Frequency | None:
    """Return a grid of the last or first working days of months, or of half-months, if it has all of the times."""
    if len(np.unique(moments)) < _FEWEST:
        return None
    grids = [Frequency("month", day=-1, clock=clock), Frequency("month", day=-2, clock=clock)]
    grids += [Frequency("half-month", day=1, clock=clock), Frequency("half-month", day=0, clock=clock)]
    return next((grid for grid in grids if not grid.locate(moments)[1].any()), None)


def _skips_weekends(days: Ints, before: Ints, after: Ints) -> bool:
    weekday = (days + 3) % 7
    crossed = (before // DAY + 3) // 7 != (after // DAY + 3) // 7
    return bool((weekday < 5).all() and crossed.any())


def _with(grid: Frequency, multiple: int, moment: int) -> Frequency:
    """Return the grid with `multiple` units per step that includes `moment`."""
    return replace(grid, multiple=multiple, phase=int(grid.locate(np.array([moment]))[0][0]) % multiple)


def _agreed(steps: _Steps, before: Ints, after: Ints, name: str) -> int:
    """Return the most common step. Raises DataError if another is nearly as common or is not a multiple of it."""
    values, counts = np.unique(steps.units, return_counts=True)
    step = int(values[counts.argmax()])
    other = np.where(values == step, 0, counts)
    rival = int(values[other.argmax()])
    odd = np.flatnonzero(steps.units % step)
    nearly = other.max() >= 2 and other.max() * 3 >= len(steps.units)
    if steps.grid.unit == "business" and step != 1:
        odd = np.arange(1)
    if not len(odd) and not nearly:
        return step
    at = int(odd[0]) if len(odd) else int(np.flatnonzero(steps.units == rival)[0])
    two = [_with(steps.grid, int(units), int(before[at])).name for units in (step, steps.units[at])]
    dated = steps.grid.dated
    raise DataError(
        f"{name}: expected times of one frequency, or the option frequency to say which. Received: mostly {two[0]}, "
        f"but {two[1]} from {show_time(int(before[at]), dated)} to {show_time(int(after[at]), dated)}"
    )


def _agree_all(steps: _Steps, step: int, owner: Ints, series: int, ids: Sequence[str], name: str) -> None:
    """Raise DataError for a series whose most common step differs from `step`."""
    total = np.bincount(owner, minlength=series)
    usual = np.bincount(owner, weights=steps.units == step, minlength=series)
    for row in np.flatnonzero((total >= 3) & (usual * 2 < total)).tolist():
        values, counts = np.unique(steps.units[owner == row], return_counts=True)
        own = int(values[counts.argmax()])
        if own != step and counts.max() * 2 > total[row]:
            usual_name, own_name = (_with(steps.grid, units, 0).name for units in (step, own))
            label = repr(ids[row]) if len(ids) else f"number {row + 1}"
            raise DataError(
                f"{name}: expected one frequency for all series, or the option frequency to say which. Received: "
                f"mostly {usual_name}, but {own_name} in the series {label}"
            )
