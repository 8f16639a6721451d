"""Tables from CSV, TSV and JSON lines, as columns of text with the line number of each row.

Byte-order marks, Windows line ends, quoted cells with line ends in them, and `.gz` files are supported. Quotation marks
enclose cells in CSV; in TSV they are text, unless the option `quoting` says otherwise.
"""

from __future__ import annotations

import json
from array import array
from collections import Counter
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from elman.data.bad_rows import picked, usable
from elman.data.cells import is_quoted, rows_of_cells
from elman.data.decimal_sign import number_hint, pointed
from elman.data.decoding import text_in
from elman.data.inputs import find_files
from elman.data.suffixes import table_kind
from elman.display import invisible, listed
from elman.errors import ConfigError, DataError
from elman.options import suggestion

__all__ = ["MISSING", "Table", "checked_delimiter", "read_table", "separator_of", "table_of_text"]

# Cells that count as missing numbers (compared in lower case).
MISSING = frozenset({"", "na", "n/a", "nan", "null", "none", "?"})


@dataclass(frozen=True)
class Table:
    """Columns of text by name.

    name     name of the table in messages: the path of a file, or "the data frame"
    columns  columns by name, of equal length; None where JSON lines have null or no such key
    lines    line of the file at which each row begins, from 1; for other sources the row number
    decimal  decimal sign of numbers: a point or a comma
    problems  errors of rows that are not in the table, because they have another number of cells
    """

    name: str
    columns: dict[str, list[str | None]]
    lines: Sequence[int]
    decimal: str = "."
    problems: Sequence[DataError] = ()

    def __len__(self) -> int:
        return len(self.lines)

    def take(self, rows: Sequence[int] | None) -> Table:
        """Return the table of these rows; the table itself for None."""
        if rows is None:
            return self
        columns = {name: picked(values, rows) for name, values in self.columns.items()}
        return replace(self, columns=columns, lines=picked(self.lines, rows))

    def whole(self) -> Table:
        """Return the table. Raises the error of a row that was left out, where no row may be."""
        if self.problems:
            raise self.problems[0]
        return self

    def where(self, row: int) -> str:
        """Return the file and the line of a row, for messages."""
        return f"{self.name}, line {self.lines[row]}"

    def column(self, name: str, *, hint: str = "") -> list[str | None]:
        """Return a column. Raises DataError with the existing columns; `hint` says how to select another column."""
        if name not in self.columns:
            raise DataError(
                f"{self.name}: expected a column {listed([name])}{hint and f' ({hint})'}. "
                f"Received: the columns {listed(self.columns)}.{suggestion(name, self.columns)}"
            )
        return self.columns[name]

    def texts(self, name: str, *, hint: str = "") -> list[str]:
        """Return a column in which each row must have a value. Raises DataError with the line of a missing value."""
        values = self.column(name, hint=hint)
        for row, value in enumerate(values):
            if value is None:
                raise self.no_value(row, name)
        return values  # type: ignore[return-value]

    def no_value(self, row: int, name: str) -> DataError:
        """Return the error of a row without a value in a column."""
        return DataError(f"{self.where(row)}: expected a value in the column {name!r}. Received: none")

    def numbers(self, name: str, *, missing: bool = False) -> npt.NDArray[np.float64]:
        """Return a column as float64. With `missing`, missing values are NaN.

        Raises DataError with the line of a cell that is not a finite number, or that is missing without `missing`.
        """
        values = self.column(name)
        if self.decimal == "." and (quick := _plain_numbers(values)) is not None:
            return quick
        numbers = np.empty(len(values))
        for row, value in enumerate(values):
            text = "" if value is None else value.strip()
            if text.lower() in MISSING:
                if not missing:
                    shown = repr(text) if text else "an empty cell"
                    raise DataError(f"{self.where(row)}: expected a number in the column {name!r}. Received: {shown}")
                numbers[row] = np.nan
                continue
            number = self.number(text)
            if number is None:
                hint = number_hint(text, self.decimal)
                raise DataError(
                    f"{self.where(row)}: expected a number in the column {name!r}{hint}. Received: {text[:40]!r}"
                )
            numbers[row] = number
        return numbers

    def number_problems(self, name: str) -> dict[int, DataError]:
        """Return the error of each row in which `numbers` finds none."""
        values = self.column(name)
        problems: dict[int, DataError] = {}
        if self.decimal == "." and _plain_numbers(values) is not None:
            return problems
        for row, value in enumerate(values):
            text = "" if value is None else value.strip()
            if text.lower() in MISSING or self.number(text) is None:
                try:
                    self.take([row]).numbers(name)
                except DataError as error:
                    problems[row] = error
        return problems

    def number(self, text: str) -> float | None:
        """Return the number in a cell, or None if it has none that is finite."""
        plain = pointed(text) if self.decimal == "," else text
        try:
            number = float(plain)
        except ValueError:
            return None
        return number if np.isfinite(number) and "_" not in plain else None


def _plain_numbers(values: Sequence[str | None]) -> npt.NDArray[np.float64] | None:
    """Convert all cells at once; None unless every cell is a finite number (fast path of `Table.numbers`)."""
    try:
        numbers = np.fromiter(map(float, values), dtype=np.float64, count=len(values))  # type: ignore[arg-type]
    except (TypeError, ValueError):
        return None
    return numbers if np.isfinite(numbers).all() and not any("_" in value for value in values if value) else None


def checked_delimiter(delimiter: str) -> str:
    """Return the separator that an option gives. Raises ConfigError unless it is one character, or empty."""
    # From a shell, "\\t" arrives as two characters.
    delimiter = delimiter.replace("\\t", "\t")
    if len(delimiter) > 1 or delimiter in ('"', "\n", "\r"):
        raise ConfigError(f"expected a delimiter of one character, no quote and no line end. Received: {delimiter!r}")
    return delimiter


def read_table(
    path: str | Path,
    *,
    kind: str = "auto",
    header: bool = True,
    delimiter: str = "",
    quoting: str = "auto",
    decimal: str = ".",
    encoding: str = "utf-8",
    errors: str = "strict",
    skips: bool = False,
) -> Table:
    """Read the table in a file, or on standard input ("-").

    kind       "csv", "tsv", "jsonl", or "auto": by the suffix of the file, else JSON lines if the first line is a JSON
               object, and CSV otherwise
    header     whether the first row has the column names; otherwise the names are "1", "2", ...
    delimiter  separator of the cells in a row; by default a tab for tsv, and for csv detected from the first row:
               a comma, else a semicolon, else a tab; with a decimal comma, a comma comes last
    quoting    "on" or "off": whether quotation marks enclose cells, or are text; "auto": on in .csv, off in .tsv and
               in a table of another name with tabs between its cells
    decimal    decimal sign of numbers: a point or a comma
    encoding, errors  as for `open_text`
    skips      whether rows of another width may be left out, as `usable` decides, because a row is an item

    Raises DataError with file and line for a row of another width, a quotation mark that is not closed, duplicate
    column names, a file without rows, and invalid JSON; EncodingError; StorageError; ConfigError.
    """
    (file,) = find_files([path])
    try:
        if kind == "auto":
            kind = table_kind(file.path) or "auto"
        if kind not in ("auto", "csv", "tsv", "jsonl"):
            raise ConfigError(f"expected the kind of a table among auto, csv, tsv, jsonl. Received: {kind!r}")
        text = text_in(file.path, file.name, encoding=encoding, errors=errors)
        if kind == "auto" and _begins_with_object(text):
            kind = "jsonl"
        return table_of_text(
            text,
            file.name,
            kind=kind,
            header=header,
            delimiter=delimiter,
            quoting=quoting,
            decimal=decimal,
            skips=skips,
        )
    finally:
        if file.spooled:
            file.path.unlink(missing_ok=True)


def table_of_text(
    text: str,
    name: str,
    *,
    kind: str,
    header: bool = True,
    delimiter: str = "",
    quoting: str = "auto",
    decimal: str = ".",
    skips: bool = False,
) -> Table:
    """Parse the text of a table; `name` is its name in messages. Other arguments and errors as in `read_table`."""
    if kind == "jsonl":
        return replace(_from_json_lines(text, name), decimal=decimal)
    delimiter = delimiter or separator_of(text, kind, decimal)
    table = _from_cells(text, name, delimiter, header, is_quoted(quoting, kind, delimiter), skips)
    return replace(table, decimal=decimal)


def _begins_with_object(text: str) -> bool:
    """Return whether the first line that is not empty is a JSON object."""
    if not text[:100].lstrip().startswith("{"):
        return False
    try:
        return isinstance(json.loads(text.lstrip().partition("\n")[0]), dict)
    except (ValueError, RecursionError):
        return False


def separator_of(text: str, kind: str | None, decimal: str = ".") -> str:
    """Return the separator of the cells: a tab for tsv; otherwise a comma, a semicolon or a tab, by the first line.

    If numbers have a decimal comma, a comma is the separator only if the first line has it and no other.
    """
    if kind == "tsv":
        return "\t"
    first = text.partition("\n")[0]
    if decimal == ",":
        return next((separator for separator in ";\t," if separator in first), ";")
    return ";" if ";" in first and "," not in first else "," if "," in first or "\t" not in first else "\t"


def _from_cells(text: str, name: str, delimiter: str, header: bool, quoted: bool, skips: bool) -> Table:
    with closing(rows_of_cells(text, name, delimiter, quoted=quoted)) as rows:
        begin, first = next(rows, (0, []))
        if not first:
            raise DataError(f"{name}: expected a table. Received: an empty file")
        names = [cell.strip() for cell in first] if header else [str(number + 1) for number in range(len(first))]
        twice = next((each for each, count in Counter(names).items() if count > 1), None)
        if twice is not None:
            unseen = "".join(invisible(cell.strip(" \r")) for cell in first if cell.strip() == twice)
            raise DataError(
                f"{name}, line {begin}: expected every column's name once. Received: {twice!r} twice{unseen}"
            )
        columns: list[list[str | None]] = [[] for _ in names]
        lines = array("q")
        before = first
        problems: dict[int, DataError] = {}
        for line, row in rows if header else chain([(begin, first)], rows):
            if len(row) != len(names):
                problem = DataError(f"{name}, line {line}: expected {len(names)} cells, as above. Received: {len(row)}")
                if not skips:
                    raise problem
                problems[len(lines) + len(problems)] = problem
                continue
            # Strings that repeat from row to row, such as the name of a series, are stored once.
            row = [old if old == new else new for old, new in zip(before, row, strict=True)]
            for column, cell in zip(columns, row, strict=True):
                column.append(cell)
            lines.append(line)
            before = row
    if not lines and problems:
        raise problems[0]
    if not lines:
        raise DataError(f"{name}: expected rows below the names {listed(names)}. Received: none")
    usable(len(lines) + len(problems), problems)
    return Table(name, dict(zip(names, columns, strict=True)), lines, problems=list(problems.values()))


def _from_json_lines(text: str, name: str) -> Table:
    found: list[dict[str, Any]] = []
    lines: list[int] = []
    for number, line in enumerate(text.split("\n"), 1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise DataError(f"{name}, line {number}: expected one JSON object a line. Received: {error}") from error
        if not isinstance(row, dict):
            raise DataError(f"{name}, line {number}: expected a JSON object. Received: {line.strip()[:40]!r}")
        found.append(row)
        lines.append(number)
    if not found:
        raise DataError(f"{name}: expected rows of JSON. Received: an empty file")
    names = dict.fromkeys(key for row in found for key in row)
    columns = {each: [_as_text(row.get(each)) for row in found] for each in names}
    return Table(name, columns, lines)


def _as_text(value: Any) -> str | None:
    if value is None or isinstance(value, str):
        return value
    return json.dumps(value, ensure_ascii=False)
