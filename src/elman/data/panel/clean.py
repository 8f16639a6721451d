"""Cleaning of the rows of many series: order, duplicates, missing times and missing values.

Each kind of problem raises an error, unless an option says how to correct it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from elman.data.panel.frequency import Frequency, show_time
from elman.errors import DataError

__all__ = ["PanelRows", "drop_duplicates", "fill_cells", "fill_steps", "in_order", "on_grid"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

# Maximum number of steps that are filled in, in all, or per existing row if that allows more: a wrong year must not
# give a billion steps.
_MAX_FILLED = 1_000_000
_MAX_PER_ROW = 50


@dataclass(frozen=True)
class PanelRows:
    """N rows of several series.

    ids      names of the series
    codes    index of the series of each row, [N]
    times    seconds since 1970 or integers, [N]
    dated    whether times are dates
    values   [N, C], with the targets first
    columns  names of the C columns
    targets  number of target columns
    numbers  row number in the source, for messages; -1 for a row that was filled in
    where    function that returns the location of a row of the source, for messages
    zone     name of the time zone; empty without one
    local    whether the times are local times of a zone, and not UTC
    """

    ids: list[str]
    codes: Ints
    times: Ints
    dated: bool
    values: Floats
    columns: tuple[str, ...]
    targets: int
    numbers: Ints
    where: Callable[[int], str]
    zone: str = ""
    local: bool = False

    @property
    def begins(self) -> Ints:
        """First row of each series. The rows must be sorted."""
        return np.searchsorted(self.codes, np.arange(len(self.ids)))

    def take(self, rows: Ints | npt.NDArray[np.bool_]) -> PanelRows:
        """Return the selected rows."""
        return replace(
            self,
            codes=self.codes[rows],
            times=self.times[rows],
            values=self.values[rows],
            numbers=self.numbers[rows],
        )

    def place(self, row: int) -> str:
        """Return the location of a row with its series and time, for messages."""
        label = f"the series {self.ids[self.codes[row]]!r} at {show_time(int(self.times[row]), self.dated)}"
        number = int(self.numbers[row])
        return f"{self.where(number)}: {label}" if number >= 0 else label


def in_order(rows: PanelRows, sort: str) -> PanelRows:
    """Return the rows sorted by series and time.

    With sort="error", raises DataError if a series has a time that is earlier than the one before it.
    """
    if (rows.codes[1:] < rows.codes[:-1]).any():
        rows = rows.take(np.argsort(rows.codes, kind="stable"))
    back = (rows.codes[1:] == rows.codes[:-1]) & (rows.times[1:] < rows.times[:-1])
    if not back.any():
        return rows
    if sort == "error":
        row = int(np.flatnonzero(back)[0]) + 1
        raise DataError(
            f"{rows.place(row)}: expected times in order, or the option sort=sort. Received: a time after "
            f"{show_time(int(rows.times[row - 1]), rows.dated)}"
        )
    return rows.take(np.lexsort((rows.times, rows.codes)))


def drop_duplicates(rows: PanelRows, duplicates: str) -> PanelRows:
    """Return the rows with each time of a series once: the first or last row, or the mean or sum of present values.

    With "sum", covariates are averaged. With duplicates="error", raises DataError.
    """
    same = (rows.codes[1:] == rows.codes[:-1]) & (rows.times[1:] == rows.times[:-1])
    if not same.any():
        return rows
    first = np.concatenate([[True], ~same])
    if duplicates == "error":
        row = int(np.flatnonzero(same)[0]) + 1
        raise DataError(
            f"{rows.place(row)}: expected each time once, or the option duplicates=first, last, mean or sum. "
            f"Received: this time twice ({int(same.sum()):,} rows too many in all)"
        )
    if duplicates == "first":
        return rows.take(first)
    if duplicates == "last":
        return rows.take(np.concatenate([~same, [True]]))
    begins = np.flatnonzero(first)
    there = ~np.isnan(rows.values)
    count = np.add.reduceat(there.astype(np.float64), begins, axis=0)
    total = np.add.reduceat(np.where(there, rows.values, 0.0), begins, axis=0)
    values = np.where(count > 0, total / np.maximum(count, 1), np.nan)
    if duplicates == "sum":
        values[:, : rows.targets] = np.where(count > 0, total, np.nan)[:, : rows.targets]
    return replace(rows.take(first), values=values)


def on_grid(rows: PanelRows, frequency: Frequency) -> Ints:
    """Return the ordinal of each row. Raises DataError with the location of a time that is not on the grid."""
    ordinals, wrong = frequency.locate(rows.times)
    if wrong.any():
        row = int(np.flatnonzero(wrong)[0])
        raise DataError(
            f"{rows.place(row)}: expected only times of the frequency {frequency.name}, such as "
            f"{frequency.format(int(ordinals[row]))}. Received: {show_time(int(rows.times[row]), rows.dated)}"
        )
    return ordinals


def fill_steps(rows: PanelRows, ordinals: Ints, frequency: Frequency, missing: str) -> tuple[PanelRows, Ints]:
    """Insert rows of NaN for missing time steps. With missing="error", raises DataError for the first."""
    begins = rows.begins
    ends = np.append(begins[1:], len(ordinals)) - 1
    spans = ordinals[ends] - ordinals[begins] + 1
    total = int(spans.sum())
    if total == len(ordinals):
        return rows, ordinals
    if missing == "error":
        gap = (rows.codes[1:] == rows.codes[:-1]) & (ordinals[1:] - ordinals[:-1] > 1)
        row = int(np.flatnonzero(gap)[0])
        raise DataError(
            f"{rows.place(row + 1)}: expected a row for {frequency.format(int(ordinals[row]) + 1)} before it, or the "
            f"option missing=interpolate, forward, zero or mask (frequency=step to count rows alone). Received: "
            f"{show_time(int(rows.times[row]), rows.dated)} before it ({total - len(ordinals):,} steps of "
            f"{frequency.name} are missing in all)"
        )
    if total > max(_MAX_FILLED, _MAX_PER_ROW * len(ordinals)):
        raise DataError(
            f"{rows.place(0)}: expected fewer missing steps of {frequency.name}; is a time or the frequency wrong? "
            f"Received: {total - len(ordinals):,} missing, with {len(ordinals):,} rows"
        )
    offsets = np.cumsum(spans) - spans
    places = (offsets - ordinals[begins])[rows.codes] + ordinals
    values = np.full((total, rows.values.shape[1]), np.nan)
    values[places] = rows.values
    numbers = np.full(total, -1)
    numbers[places] = rows.numbers
    codes = np.repeat(np.arange(len(spans)), spans)
    every = np.arange(total) - (offsets - ordinals[begins])[codes]
    filled = replace(rows, codes=codes, times=frequency.seconds(every), values=values, numbers=numbers)
    return filled, every


def fill_cells(rows: PanelRows, columns: slice, missing: str, among: npt.NDArray[np.bool_]) -> None:
    """Fill missing values of some columns in place, series by series, in the rows where `among` is true.

    interpolate  linear interpolation between the neighbours of a gap; the nearest value at the ends
    forward      the value before
    mask         as forward, with the first value at the beginning of a series: for past covariates, next to targets
                 that stay NaN
    zero         0

    With missing="error", raises DataError for the first missing value. Also raises DataError for a series without any
    value, and with "forward" for a series that begins with a missing value.
    """
    empty = np.isnan(rows.values) & among[:, None]
    for column in range(*columns.indices(rows.values.shape[1])):
        if not empty[:, column].any():
            continue
        name = rows.columns[column]
        row = int(np.flatnonzero(empty[:, column])[0])
        if missing == "error":
            raise DataError(
                f"{rows.place(row)}: expected a number in the column {name!r}, or the option missing=interpolate, "
                f"forward, zero or mask. Received: none ({int(empty[:, column].sum()):,} are missing in all)"
            )
        if missing == "zero":
            rows.values[empty[:, column], column] = 0.0
            continue
        for series in np.unique(rows.codes[empty[:, column]]):
            begin, end = np.searchsorted(rows.codes, [series, series + 1])
            inside = np.flatnonzero(among[begin:end]) + begin
            values = rows.values[inside, column]
            gone = np.isnan(values)
            if gone.all() or (missing == "forward" and gone[0]):
                wanted = "a first value to carry forward" if missing == "forward" else "a value"
                raise DataError(
                    f"{rows.place(int(inside[0]))}: expected {wanted} in the column {name!r}. Received: none"
                )
            there = np.flatnonzero(~gone)
            if missing in ("forward", "mask"):
                values = values[np.maximum.accumulate(np.where(gone, there[0], np.arange(len(values))))]
            else:
                values = np.interp(np.arange(len(values)), there, values[there])
            rows.values[inside, column] = values
