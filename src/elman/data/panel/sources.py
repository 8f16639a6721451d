"""Sources of a panel: tables and data frames as columns of numbers, texts and times."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import islice
from types import MappingProxyType
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from elman.data.decimal_sign import has_decimal_comma, number_hint
from elman.data.panel.frame_index import without_index
from elman.data.panel.times import LocalRule, Times, compact_dates, parse_times
from elman.data.table import MISSING, Table
from elman.data.values import NO_NUMBERS, is_missing
from elman.display import listed
from elman.errors import ConfigError, DataError
from elman.options import suggestion

__all__ = ["FrameSource", "Source", "TableSource", "open_frame"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


# Cells in which decimal commas are looked for.
_LOOKED_AT = 1000
# A whole number of 64 bits as it is usually written: without leading zeros and signs.
_WHOLE = re.compile(r"0|-?[1-9]\d{0,17}", re.ASCII)


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

    def labels(self, name: str) -> Sequence[Any]:
        """Return the values of a column as they are, or nothing if its type is one of real numbers or times."""

    def times(self, name: str, time_format: str, dated: bool | None, local: LocalRule) -> Times:
        """Return a column of times; see `parse_times`.

        `dated` says whether integers may be years and compact dates. By default, they may be both in files, which have
        only text, and compact dates in data frames.
        """

    def numeric(self, name: str) -> bool:
        """Return whether more than half of the values of a column are numbers."""

    def decimal_commas(self, name: str) -> bool:
        """Return whether more than half of the values of a column of texts are numbers with a decimal comma."""

    def whole(self, name: str) -> bool:
        """Return whether all values of a column are whole numbers, in files as pandas reads and writes them."""

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
        if self.table.decimal != ".":
            return self.table.numbers(name, missing=True)
        try:
            numbers = np.array([float(cell) for cell in self.table.column(name)])  # type: ignore[arg-type]
        except (ValueError, TypeError):
            return self.table.numbers(name, missing=True)
        if np.isfinite(numbers).all() and not any("_" in cell for cell in self.table.column(name) if cell):
            return numbers
        return self.table.numbers(name, missing=True)

    def texts(self, name: str) -> Sequence[str]:
        return self.table.texts(name)

    def labels(self, name: str) -> Sequence[Any]:
        return self.table.column(name)

    def times(self, name: str, time_format: str, dated: bool | None, local: LocalRule) -> Times:
        return Times(*parse_times(self.table.texts(name), self.where, name, time_format, dated, local))

    def numeric(self, name: str) -> bool:
        cells = [cell.strip() for cell in self.table.column(name) if cell is not None]
        filled = [cell for cell in cells if cell.lower() not in MISSING]
        if self.table.decimal != ".":
            return 2 * sum(self.table.number(cell) is not None for cell in filled) > len(filled)
        return 2 * sum(map(_is_number, filled)) > len(filled)

    def decimal_commas(self, name: str) -> bool:
        cells = self.table.column(name) if self.table.decimal == "." else []
        filled = list(islice((cell for cell in cells if cell and cell.strip().lower() not in MISSING), _LOOKED_AT))
        return 2 * sum(map(has_decimal_comma, filled)) > len(filled)

    def whole(self, name: str) -> bool:
        return all(cell is not None and _WHOLE.fullmatch(cell) for cell in dict.fromkeys(self.table.column(name)))

    def first(self, name: str) -> str:
        return (self.table.column(name)[0] or "").strip()


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


class FrameSource:
    """Source of the columns of a data frame: narwhals series, or arrays.

    `zoned` has the zone's name and the local times of each column of times with a zone; `columns` has these in UTC.
    """

    def __init__(
        self,
        columns: Mapping[str, Any],
        size: int,
        name: str = "the data frame",
        place: Callable[[int], str] | None = None,
        zoned: Mapping[str, tuple[str, npt.NDArray[Any]]] = MappingProxyType({}),
    ) -> None:
        self.columns = columns
        self.zoned = zoned
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

    def array(self, name: str) -> npt.NDArray[Any]:
        """Return a column as an array. Raises DataError if there is none with this name."""
        if name not in self.columns:
            raise DataError(
                f"{self.name}: expected a column {listed([name])}. Received: the columns {listed(self.columns)}."
                f"{suggestion(name, self.columns)}"
            )
        values = self.columns[name]
        return values if isinstance(values, np.ndarray) else np.asarray(values.to_numpy())

    def numbers(self, name: str) -> Floats:
        values = self.array(name)
        if values.dtype.kind in "iufb":
            numbers = values.astype(np.float64)
        elif values.dtype.kind == "m":
            raise DataError(
                f"{self.name}: expected numbers in the column {name!r}; convert durations as numbers of a unit, such "
                f"as seconds. Received: {values.dtype}"
            )
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
        if is_missing(value):
            return np.nan
        if isinstance(value, NO_NUMBERS):
            hint = number_hint(str(value), ".").partition(" (")[0]  # the option is for files
            raise DataError(
                f"{self.where(row)}: expected a number in the column {name!r}{hint}. Received: {str(value)[:40]!r}"
            )
        try:
            return float(value)
        except (TypeError, ValueError):
            raise DataError(
                f"{self.where(row)}: expected a number in the column {name!r}. Received: {type(value).__name__}"
            ) from None

    def texts(self, name: str) -> Sequence[str]:
        values: list[Any] = self.array(name).tolist()
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
            if is_missing(value) or value != value:
                row = next(row for row, each in enumerate(values) if each is value)
                raise DataError(f"{self.where(row)}: expected a value in the column {name!r}. Received: none")
        return [known[value] for value in values]

    def labels(self, name: str) -> Sequence[Any]:
        values = self.array(name)
        return values.tolist() if values.dtype.kind in "iuOUT" else ()

    def times(self, name: str, time_format: str, dated: bool | None, local: LocalRule) -> Times:
        values = self.array(name)
        if values.dtype.kind == "M":
            found = self._dates(values, name)
            zone, wall = self.zoned.get(name, ("", values))
            if zone and local(walls := self._dates(wall, name)):
                return Times(walls, True, zone, local=True)
            return Times(found, True, zone)
        whole = values.dtype.kind == "f" and np.isfinite(values).all() and (values % 1 == 0).all()
        if whole or (values.dtype.kind in "iu" and not time_format and not dated):
            numbers = values.astype(np.int64)
            dates = compact_dates(numbers, self.where, name) if dated is None else None
            return Times(numbers, False) if dates is None else Times(dates, True)
        texts = [str(text) for text in self._moments(values, name)]
        return Times(*parse_times(texts, self.where, name, time_format, dated, local))

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
            if is_missing(value) or value != value:
                raise DataError(f"{self.where(row)}: expected a time in the column {name!r}. Received: none")
            # The time of a pandas period is its start.
            yield value.start_time if hasattr(value, "start_time") else value

    def numeric(self, name: str) -> bool:
        values = self.array(name)
        if values.dtype.kind in "iufbmM":
            return values.dtype.kind != "M"
        filled = [value for value in values if not is_missing(value) and value == value]
        return bool(filled) and 2 * sum(_is_real(value) for value in filled) > len(filled)

    def decimal_commas(self, name: str) -> bool:
        values = self.array(name)
        texts = list(islice((value for value in values if isinstance(value, str)), _LOOKED_AT))
        return 2 * sum(map(has_decimal_comma, texts)) > len(texts)

    def whole(self, name: str) -> bool:
        values = self.array(name)
        if values.dtype.kind != "O":
            return values.dtype.kind in "iu"
        return all(isinstance(value, int | np.integer) and not isinstance(value, bool) for value in values)

    def first(self, name: str) -> str:
        values = self.array(name)
        if values.dtype.kind == "M" or hasattr(values[0], "start_time"):
            return "2000-01-01"
        return str(values[0]).strip() if values.dtype.kind in "OUT" else ""


def _is_real(value: Any) -> bool:
    return hasattr(value, "__float__") and not isinstance(value, NO_NUMBERS)


def open_frame(frame: Any, id_column: str = "unique_id", time_column: str = "") -> FrameSource:
    """Return the columns of a pandas or polars data frame or series, or another that narwhals supports.

    The index of a pandas frame becomes columns as in `without_index`. Times with a time zone are converted to UTC,
    and their local times are kept.
    Raises ConfigError for any other object.
    """
    import narwhals as nw

    native = without_index(frame, id_column, time_column)
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
    zoned: dict[str, tuple[str, npt.NDArray[Any]]] = {}
    for name in table.columns:
        column = table[name]
        # narwhals does not recognise zones of pandas with an underscore in their names.
        zone = getattr(getattr(column.to_native(), "dtype", None), "tz", None)
        if zone is not None:
            times = column.to_native().dt
            zoned[str(name)] = (str(zone), times.tz_localize(None).to_numpy())
            column = times.tz_convert(None).to_numpy()
        elif isinstance(column.dtype, nw.Datetime) and column.dtype.time_zone is not None:
            zoned[str(name)] = (column.dtype.time_zone, np.asarray(column.dt.replace_time_zone(None).to_numpy()))
            column = column.dt.convert_time_zone("UTC").dt.replace_time_zone(None)
        columns[str(name)] = column
    if not len(table):
        raise DataError("the data frame: expected rows. Received: none")
    return FrameSource(columns, len(table), zoned=zoned)
