"""Series in a table with one row per time step: columns for the series' name, the time, and each channel."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import numpy as np
import numpy.typing as npt

from elman.data.examples.base import Examples
from elman.data.examples.config import ExamplesConfig
from elman.data.examples.series import checked_series
from elman.data.examples.texts import table_labels
from elman.data.labels import common_spelling
from elman.data.table import Table
from elman.errors import DataError

__all__ = ["series_of_table"]


def series_of_table(table: Table, config: ExamplesConfig, *, labelled: bool) -> Examples:
    """Return the series of a table, in the order of their first rows.

    Raises DataError for a missing column, a value that is not a number, times that do not increase within a series,
    and a series with no label or with several.
    """
    names = table.texts(config.series_column)
    labels = table_labels(table, config, labelled=labelled)
    used = {config.series_column, config.time_column, config.label_column}
    channels = config.value_columns or tuple(name for name in table.columns if name not in used)
    if not channels:
        found = ", ".join(map(repr, table.columns))
        raise DataError(f"{table.name}: expected a column of values. Received: the columns {found}")
    values = np.stack([table.numbers(name, missing=config.missing == "interpolate") for name in channels], axis=1)
    times = _times(table, config.time_column) if config.time_column else np.arange(len(table), dtype=np.float64)
    rows_of: dict[str, list[int]] = {}
    for row, name in enumerate(names):
        if not name.strip():
            raise DataError(f"{table.where(row)}: expected a name in the column {config.series_column!r}. "
                            "Received: an empty cell")  # fmt: skip
        rows_of.setdefault(name.strip(), []).append(row)
    inputs, found_labels, places = [], [], []
    for name, rows in rows_of.items():
        _check_times(table, config.time_column, name, rows, times)
        place = f"{table.name}, series {name!r}"
        inputs.append(checked_series(values[rows], place, missing=config.missing, channels=channels))
        places.append(place)
        if labels is not None:
            first = common_spelling(labels[rows[0]])
            other = next((row for row in rows if common_spelling(labels[row]) != first), None)
            if other is not None:
                raise DataError(f"{table.where(other)}: expected one label for the series {name!r}, "
                                f"{labels[rows[0]]!r} as above. Received: {labels[other]!r}")  # fmt: skip
            found_labels.append(labels[rows[0]])
    return Examples("series", inputs, None if labels is None else found_labels, places, tuple(channels))


def _check_times(table: Table, column: str, name: str, rows: Sequence[int], times: npt.NDArray[np.float64]) -> None:
    steps = np.diff(times[rows])
    if (steps > 0).all():
        return
    row = rows[int(np.argmax(~(steps > 0))) + 1]
    what = "the same time twice" if times[row] in times[rows[: rows.index(row)]] else "an earlier time after a later"
    raise DataError(f"{table.where(row)}: expected the times of the series {name!r} to increase. "
                    f"Received: {what}, {table.columns[column][row]!r}")  # fmt: skip


def _times(table: Table, column: str) -> npt.NDArray[np.float64]:
    """Return a column of times as numbers: numbers unchanged, ISO 8601 dates as seconds."""
    cells = [cell.strip() for cell in table.texts(column)]
    try:
        float(cells[0])
    except ValueError:
        pass
    else:
        return table.numbers(column)
    times = np.empty(len(cells))
    aware = None
    for row, cell in enumerate(cells):
        try:
            time = datetime.fromisoformat(cell)
        except ValueError:
            raise DataError(f"{table.where(row)}: expected a number or a date such as 2024-01-31 12:00 in the column "
                            f"{column!r}. Received: {cell[:40]!r}") from None  # fmt: skip
        zoned = time.tzinfo is not None
        aware = zoned if aware is None else aware
        if aware != zoned:
            raise DataError(f"{table.where(row)}: expected a time zone in every time of the column {column!r} or in "
                            f"none. Received: {cell[:40]!r}")  # fmt: skip
        times[row] = (time - (_ZONED if zoned else _PLAIN)).total_seconds()
    return times


_PLAIN = datetime(1970, 1, 1)
_ZONED = datetime.fromisoformat("1970-01-01T00:00:00+00:00")
