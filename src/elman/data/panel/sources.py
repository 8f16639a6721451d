"""Sources of a panel: tables and data frames as columns of numbers, texts and times."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from elman.data.panel.times import parse_times
from elman.data.table import MISSING, Table
from elman.display import listed
from elman.errors import ConfigError, DataError
from elman.options import suggestion

__all__ = ["FrameSource", "Source", "TableSource", "open_frame"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


class Source(Protocol):
    """Protocol of a source: columns by name, of equal length."""

    name: str

    @property
    def names(self) -> list[str]:
        """Names of the columns."""

    def __len__(self) -> int: ...

    def where(self, row: int) -> str:
        """Return the location of a row, for messages."""

    def numbers(self, name: str) -> Floats:
        """Return a column of numbers, NaN where missing. Raises DataError with the row of an invalid number."""

    def texts(self, name: str) -> Sequence[str]:
        """Return a column of texts. Raises DataError with the row of a missing value."""

    def times(self, name: str, time_format: str, dated: bool | None) -> tuple[Ints, bool]:
        """Return a column of times, and whether they are dates; see `parse_times`.

        `dated` says whether integers may be years and compact dates. By default, they may in files, which have only
        text, and may not in data frames.
        """

    def numeric(self, name: str) -> bool:
        """Return whether more than half of the values of a column are numbers."""

    def first(self, name: str) -> str:
        """Return the first value of a column as text, or an empty text for numbers."""


class TableSource:
    """Source of the table in a file."""

    def __init__(self, table: Table) -> None:
        self.table = table
        self.name = table.name

    @property
    def names(self) -> list[str]:
        return list(self.table.columns)

    def __len__(self) -> int:
        return len(self.table)

    def where(self, row: int) -> str:
        return self.table.where(row)

    def numbers(self, name: str) -> Floats:
        try:
            numbers = np.array([float(cell) for cell in self.table.column(name)])  # type: ignore[arg-type]
        except (ValueError, TypeError):
            return self.table.numbers(name, missing=True)
        if np.isfinite(numbers).all() and not any("_" in cell for cell in self.table.column(name) if cell):
            return numbers
        return self.table.numbers(name, missing=True)

    def texts(self, name: str) -> Sequence[str]:
        return self.table.texts(name)

    def times(self, name: str, time_format: str, dated: bool | None) -> tuple[Ints, bool]:
        return parse_times(self.table.texts(name), self.where, name, time_format, dated)

    def numeric(self, name: str) -> bool:
        cells = [cell.strip() for cell in self.table.column(name) if cell is not None]
        filled = [cell for cell in cells if cell.lower() not in MISSING]
        return 2 * sum(map(_is_number, filled)) > len(filled)

    def first(self, name: str) -> str:
        return (self.table.column(name)[0] or "").strip()


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


class FrameSource:
    """Source of the columns of a data frame: narwhals series, or arrays."""

    def __init__(
        self,
        columns: Mapping[str, Any],
        size: int,
        name: str = "the data frame",
        place: Callable[[int], str] | None = None,
    ) -> None:
        self.columns = columns
        self.size = size
        self.name = name
        self.place = place

    @property
    def names(self) -> list[str]:
        return list(self.columns)

    def __len__(self) -> int:
        return self.size

    def where(self, row: int) -> str:
        return f"{self.name}, row {row + 1}" if self.place is None else self.place(row)

    def _column(self, name: str) -> npt.NDArray[Any]:
        if name not in self.columns:
            raise DataError(
                f"{self.name}: expected a column {listed([name])}. Received: the columns {listed(self.columns)}."
                f"{suggestion(name, self.columns)}"
            )
        values = self.columns[name]
        return values if isinstance(values, np.ndarray) else np.asarray(values.to_numpy())

    def numbers(self, name: str) -> Floats:
        values = self._column(name)
        if values.dtype.kind in "iufb":
            numbers = values.astype(np.float64)
        elif values.dtype.kind == "c":
            raise DataError(f"{self.name}: expected real numbers in the column {name!r}. Received: complex ones")
        else:
            numbers = np.array([self._number(value, name, row) for row, value in enumerate(values)])
        endless = np.flatnonzero(np.isinf(numbers))
        if len(endless):
            row = int(endless[0])
            raise DataError(
                f"{self.where(row)}: expected a finite number in the column {name!r}. Received: {numbers[row]}"
            )
        return numbers

    def _number(self, value: Any, name: str, row: int) -> float:
        # pandas has several kinds of missing values; they are recognised by name, because pandas is not imported.
        if value is None or type(value).__name__ in ("NAType", "NaTType"):
            return np.nan
        if isinstance(value, str) or type(value).__module__ == "datetime":
            raise DataError(
                f"{self.where(row)}: expected a number in the column {name!r}. Received: {str(value)[:40]!r}"
            )
        try:
            return float(value)
        except (TypeError, ValueError):
            raise DataError(
                f"{self.where(row)}: expected a number in the column {name!r}. Received: {type(value).__name__}"
            ) from None

    def texts(self, name: str) -> Sequence[str]:
        values: list[Any] = self._column(name).tolist()
        known: dict[Any, str] = {}
        try:
            for value in values:
                if value not in known:
                    known[value] = str(value)
        except TypeError:
            raise DataError(
                f"{self.name}: expected texts in the column {name!r}. Received: {type(value).__name__}"
            ) from None
        for value in known:
            if value is None or value != value or type(value).__name__ == "NAType":
                row = next(row for row, each in enumerate(values) if each is value)
                raise DataError(f"{self.where(row)}: expected a value in the column {name!r}. Received: none")
        return [known[value] for value in values]

    def times(self, name: str, time_format: str, dated: bool | None) -> tuple[Ints, bool]:
        values = self._column(name)
        if values.dtype.kind in "iu" and not time_format and not dated:
            return values.astype(np.int64), False
        if values.dtype.kind == "M":
            return self._dates(values, name), True
        if values.dtype.kind == "f" and np.isfinite(values).all() and (values % 1 == 0).all():
            return values.astype(np.int64), False
        return parse_times([str(text) for text in self._moments(values, name)], self.where, name, time_format, dated)

    def _dates(self, values: npt.NDArray[Any], name: str) -> Ints:
        seconds = values.astype("datetime64[s]")
        wrong = np.flatnonzero(np.isnat(values) | (seconds != values))
        if len(wrong):
            row = int(wrong[0])
            raise DataError(
                f"{self.where(row)}: expected a time in whole seconds in the column {name!r}. Received: {values[row]}"
            )
        return seconds.astype(np.int64)

    def _moments(self, values: npt.NDArray[Any], name: str) -> Iterator[Any]:
        for row, value in enumerate(values):
            if value is None or value != value or type(value).__name__ in ("NAType", "NaTType"):
                raise DataError(f"{self.where(row)}: expected a time in the column {name!r}. Received: none")
            # The time of a pandas period is its start.
            yield value.start_time if hasattr(value, "start_time") else value

    def numeric(self, name: str) -> bool:
        values = self._column(name)
        if values.dtype.kind in "iufb":
            return True
        filled = [value for value in values if value is not None and value == value]
        return bool(filled) and 2 * sum(_is_real(value) for value in filled) > len(filled)

    def first(self, name: str) -> str:
        values = self._column(name)
        return "2000-01-01" if values.dtype.kind == "M" else str(values[0]) if values.dtype.kind in "OUT" else ""


def _is_real(value: Any) -> bool:
    return hasattr(value, "__float__") and not isinstance(value, str)


def open_frame(frame: Any) -> FrameSource:
    """Return the columns of a pandas or polars data frame or series, or another that narwhals supports.

    The index of a pandas frame becomes the column "ds", unless it is only a row number; two levels become "unique_id"
    and "ds". Times with a time zone are converted to UTC. Raises ConfigError for any other object.
    """
    import narwhals as nw

    native = _without_index(frame)
    try:
        table = nw.from_native(native, eager_only=True, allow_series=True)
    except TypeError as error:
        raise ConfigError(
            f"expected a pandas or polars data frame or series, arrays, or a dictionary of them. "
            f"Received: {type(frame).__name__}"
        ) from error
    if isinstance(table, nw.Series):
        table = (table if table.name else table.alias("y")).to_frame()
    columns: dict[str, Any] = {}
    for name in table.columns:
        column = table[name]
        if isinstance(column.dtype, nw.Datetime) and column.dtype.time_zone is not None:
            column = column.dt.convert_time_zone("UTC").dt.replace_time_zone(None)
        columns[str(name)] = column
    if not len(table):
        raise DataError("the data frame: expected rows. Received: none")
    return FrameSource(columns, len(table))


def _without_index(frame: Any) -> Any:
    """Return a pandas frame with its index as a column, if the index is meaningful."""
    index = getattr(frame, "index", None)
    if index is None or not hasattr(index, "nlevels"):
        return frame
    table = frame.to_frame(name="y" if frame.name is None else frame.name) if hasattr(frame, "to_frame") else frame
    named = [str(name) for name in table.columns]
    if len(set(named)) < len(named):
        raise DataError(f"the data frame: expected every column's name once. Received: {', '.join(map(repr, named))}")
    table = table.rename(columns=str)
    if index.nlevels > 2:
        raise DataError(f"the data frame: expected an index of one or two levels. Received: {index.nlevels}")
    if index.nlevels == 2:
        return table.reset_index(names=["unique_id", "ds"])
    counts = type(index).__name__ == "RangeIndex" and index.start == 0 and index.step == 1
    # Other integers are usually row numbers left after filtering; they are times only if all columns are numbers.
    left_over = index.dtype.kind in "iu" and any(dtype.kind not in "iufb" for dtype in table.dtypes)
    if counts or left_over or "ds" in named:
        return table.reset_index(drop=True)
    if hasattr(index, "to_timestamp"):
        table = table.set_axis(index.to_timestamp(), axis=0)
    return table.reset_index(names="ds")
