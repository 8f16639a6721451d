"""The index of a pandas data frame as columns: levels go by their names, or by what they hold."""

from __future__ import annotations

from typing import Any

from elman.data.columns import flat_name
from elman.data.panel.times import looks_like_a_time
from elman.errors import DataError

__all__ = ["without_index"]


def without_index(frame: Any, id_column: str = "unique_id", time_column: str = "") -> Any:
    """Return a pandas frame with its index as columns, if the index is meaningful; other frames unchanged.

    A level with the name of the series column or of the time column becomes that column. Another index is the time
    "ds", unless it is only row numbers. Of two levels without these names the one with dates is the time; without dates
    the second one. Levels of the columns are joined by a slash. Raises DataError for names that occur twice.
    """
    index = getattr(frame, "index", None)
    if index is None or not hasattr(index, "nlevels"):
        return frame
    table = frame.to_frame(name="y" if frame.name is None else frame.name) if hasattr(frame, "to_frame") else frame
    named = [flat_name(name) for name in table.columns]
    if len(set(named)) < len(named):
        raise DataError(f"the data frame: expected every column's name once. Received: {', '.join(map(repr, named))}")
    table = table.set_axis(named, axis=1)
    time = "ds" if time_column in ("", "rows") else time_column
    if index.nlevels > 2:
        levels = ", ".join(repr(name) for name in index.names)
        raise DataError(
            "the data frame: expected an index of one level, the time, or two, series and time; reset_index() makes "
            "columns of the levels, which the options id_column and time_column name. "
            f"Received: {index.nlevels} levels ({levels})"
        )
    if index.nlevels == 2:
        return _reset(table, _level_names(index, id_column, time))
    if index.name == id_column and id_column not in named:
        return _reset(table, [id_column])
    counts = type(index).__name__ == "RangeIndex" and index.start == 0 and index.step == 1
    # Other integers are usually row numbers left after filtering; they are times only if all columns are numbers.
    left_over = index.dtype.kind in "iu" and any(dtype.kind not in "iufb" for dtype in table.dtypes)
    if counts or left_over or "ds" in named or time in named:
        return table.reset_index(drop=True)
    if hasattr(index, "to_timestamp"):
        table = table.set_axis(index.to_timestamp(), axis=0)
    return _reset(table, [time if index.name == time else "ds"])


def _reset(table: Any, names: list[str]) -> Any:
    twice = next((name for name in names if name in table.columns), None)
    if twice is not None:
        raise DataError(f"the data frame: expected {twice!r} in the index or in a column. Received: in both")
    return table.reset_index(names=names)


def _level_names(index: Any, id_column: str, time: str) -> list[str]:
    """Return the names of the columns that two levels become: the series column and the time column."""
    given = list(index.names)
    first, second = (_how_much_a_time(index.get_level_values(level)) for level in range(2))
    if given[1] in (id_column, "unique_id") or given[0] in (time, "ds"):
        time_first = True
    elif given[0] in (id_column, "unique_id") or given[1] in (time, "ds"):
        time_first = False
    else:
        time_first = first > second
    own = time if time in given else "ds"
    return [own, id_column] if time_first else [id_column, own]


def _how_much_a_time(values: Any) -> int:
    """Return 3 for dates, 2 for texts of dates, 1 for numbers, and 0 for other texts."""
    if values.dtype.kind == "M" or hasattr(values, "to_timestamp"):
        return 3
    if values.dtype.kind in "iuf":
        return 1
    return 2 if len(values) and looks_like_a_time(str(values[0]).strip()) else 0
