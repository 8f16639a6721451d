"""Rows of cells in the text of a CSV or TSV table, with or without quotation marks around cells."""

from __future__ import annotations

import csv
import io
import logging
import re
from collections.abc import Generator, Iterable, Sequence
from contextlib import closing

from elman.errors import ConfigError, DataError

__all__ = ["QUOTING", "csv_line", "is_quoted", "quoted_cells", "rows_of_cells"]

_log = logging.getLogger("elman.data")

# Values of the option `quoting`.
QUOTING = ("auto", "on", "off")
# Maximum number of characters in a cell, which may have a whole book.
_LONGEST_CELL = 1 << 28


def is_quoted(quoting: str, kind: str, delimiter: str) -> bool:
    """Return whether quotation marks enclose cells: with "auto", in csv, and in a table of unknown kind without tabs.

    Raises ConfigError for an unknown value of `quoting`.
    """
    if quoting not in QUOTING:
        raise ConfigError(f"expected quoting among {', '.join(QUOTING)}. Received: {quoting!r}")
    return quoting == "on" or (quoting == "auto" and (kind == "csv" or (kind != "tsv" and delimiter != "\t")))


def csv_line(cells: Sequence[object]) -> str:
    """Return the cells as a line of CSV, with its end; a cell with a carriage return has quotation marks around it."""
    returns = any(isinstance(cell, str) and "\r" in cell for cell in cells)
    line = io.StringIO()
    csv.writer(line, lineterminator="\n", quoting=csv.QUOTE_ALL if returns else csv.QUOTE_MINIMAL).writerow(cells)
    return line.getvalue()


def rows_of_cells(text: str, name: str, delimiter: str, *, quoted: bool) -> Generator[tuple[int, list[str]]]:
    """Yield each row that is not empty, with the number of its first line.

    Only line feeds end rows; a carriage return is part of its cell. Raises DataError, with the line at which a
    quotation mark opens, for one that is not closed at the end of a cell.
    """
    return (_rows_with_returns if "\r" in text else _rows)(text, name, delimiter, quoted)


def _rows_with_returns(text: str, name: str, delimiter: str, quoted: bool) -> Generator[tuple[int, list[str]]]:
    # The reader of the library takes a carriage return for a line end.
    stand_in = next(chr(code) for code in range(0xE000, 0x110000) if chr(code) not in text)
    with closing(_rows(text.replace("\r", stand_in), name, delimiter, quoted)) as rows:
        for line, row in rows:
            yield line, [cell.replace(stand_in, "\r") for cell in row]


def quoted_cells(lines: Iterable[str], name: str) -> list[list[str]]:
    """Return the cells of each line, with tabs between them and quotation marks around some; none spans two lines.

    Raises DataError, with the line, for a quotation mark that is not closed at the end of a cell.
    """
    found = []
    for number, line in enumerate(lines, 1):
        try:
            # The reader of the library takes a carriage return for a line end.
            cells = [] if not line else next(csv.reader([line.replace("\r", " ")], delimiter="\t", strict=True))
        except csv.Error as error:
            raise _refusal(line, name, "\t", 1, 1, error, before=number - 1) from error
        found.append(cells or [""])
    return found


def _rows(text: str, name: str, delimiter: str, quoted: bool) -> Generator[tuple[int, list[str]]]:
    # StringIO would need four bytes per character.
    lines = io.TextIOWrapper(io.BytesIO(text.encode("utf-8", "surrogatepass")), "utf-8", "surrogatepass", newline="\n")
    if quoted:
        reader = csv.reader(lines, delimiter=delimiter, strict=True)
    else:
        reader = csv.reader(lines, delimiter=delimiter, strict=True, quoting=csv.QUOTE_NONE)
    before = csv.field_size_limit(_LONGEST_CELL)
    begin = 1
    try:
        for row in reader:
            end = reader.line_num
            if row:
                if end > begin + 1:
                    _warn_of_rows_inside(row, name, begin, end, delimiter)
                yield begin, row
            begin = end + 1
    except csv.Error as error:
        if not quoted:
            raise DataError(_unreadable(name, delimiter, reader.line_num, error)) from error
        raise _refusal(text, name, delimiter, begin, reader.line_num, error) from error
    finally:
        csv.field_size_limit(before)


def _warn_of_rows_inside(row: list[str], name: str, begin: int, end: int, delimiter: str) -> None:
    """Log a warning if a cell of several lines may be rows between two quotation marks that do not belong together."""
    most = len(row) - 1
    for place, cell in enumerate(row):
        first, *middle, last = [line.count(delimiter) for line in cell.split("\n")] if "\n" in cell else (0, 0)
        if middle and most and place + first == most and last == place and all(count == most for count in middle):
            _log.warning(
                "%s, lines %d to %d: one cell between quotation marks, although each line has as many cells as a row; "
                "quoting=off reads quotation marks as text", name, begin, end
            )  # fmt: skip


def _refusal(
    text: str, name: str, delimiter: str, begin: int, end: int, error: csv.Error, *, before: int = 0
) -> DataError:
    """Return the error for a row of `text` from line `begin` to line `end`; `before` lines precede the text."""
    opened, closed = _last_quotation(text, delimiter, begin)
    if opened is None or "limit" in str(error):
        return DataError(_unreadable(name, delimiter, before + end, error))
    hint = "(quoting=off reads quotation marks as text)"
    if not closed:
        return DataError(
            f"{name}, line {before + opened}: expected the quotation mark that begins a cell here to be closed {hint}. "
            "Received: one that is never closed"
        )
    return DataError(
        f"{name}, line {before + opened}: expected {delimiter!r} or a line end after the closing quotation mark of the "
        f"cell that begins here {hint}. Received: other text, in line {before + end}"
    )


def _unreadable(name: str, delimiter: str, line: int, error: csv.Error) -> str:
    return f"{name}, line {line}: expected cells with {delimiter!r} between them. Received: {error}"


def _last_quotation(text: str, delimiter: str, begin: int) -> tuple[int | None, bool]:
    """Return the line at which the last quoted cell of a row begins, and whether it is closed.

    The row begins at line `begin`, and ends where something else than `delimiter` follows a quoted cell.
    """
    at = 0
    for _ in range(begin - 1):
        at = text.index("\n", at) + 1
    opened: int | None = None
    closed = True
    border = re.compile(f"[{re.escape(delimiter)}\n]")
    while at <= len(text):
        if text[at : at + 1] == '"':
            opened = at
            at = _closing(text, at)
            closed = at > 0
            if not closed or text[at + 1 : at + 2] != delimiter:
                break
            at += 2
        else:
            found = border.search(text, at)
            if found is None or found[0] == "\n":
                break
            at = found.end()
    return None if opened is None else text.count("\n", 0, opened) + 1, closed


def _closing(text: str, opened: int) -> int:
    """Return the place of the quotation mark that closes the one at `opened`; -1 if there is none."""
    at = text.find('"', opened + 1)
    while at >= 0 and text[at + 1 : at + 2] == '"':
        at = text.find('"', at + 2)
    return at
