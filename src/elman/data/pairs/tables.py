"""Pairs in two columns of a table: TSV, CSV, JSON lines.

In TSV, quotation marks are part of the sentences, unless the option `quoting` is on.
"""

from __future__ import annotations

from collections.abc import Sequence

from elman.data.bad_rows import collect, usable
from elman.data.pairs.pairs import Pairs, paired, tidy
from elman.data.table import Table
from elman.display import listed
from elman.errors import DataError
from elman.options import suggestion

__all__ = ["SIDES", "Columns", "pairs_of_rows", "pairs_of_table"]

# Default names of the columns.
SIDES = ("source", "target")

# The source's and the target's column: a number from 1, a name, or empty for the default.
Columns = tuple[str, str]


def pairs_of_rows(rows: Sequence[list[str]], name: str, columns: Columns, header: str, *, with_targets: bool) -> Pairs:
    """Return the pairs in the cells of lines, from which an empty line has one empty cell.

    `header` is "yes", "no", or "auto": the first line is a header if a column is given by name, or if it has the names
    source and target. Raises DataError, with the line, if a tab is missing.
    """
    names = [cell.strip() for cell in rows[0]]
    named = [column for column in columns[: 1 + with_targets] if column and not column.isdecimal()]
    if header == "auto":
        header = "yes" if named or {name.lower() for name in names}.issuperset(SIDES) else "no"
    if header == "no":
        names = []
    wanted = [_place(names, columns[side], side, name) for side in range(1 + with_targets)]
    cells: list[list[str]] = [[] for _ in wanted]
    numbers = []
    start = 1 if names else 0
    problems: dict[int, DataError] = {}
    for number, row in enumerate(rows[start:], start + 1):
        if len(row) <= max(wanted):
            if any(cell.strip() for cell in row):
                collect(problems, number - start - 1, _too_few(row, f"{name}, line {number}", max(wanted) + 1))
                continue
            row = [""] * (max(wanted) + 1)
        numbers.append(number)
        for side, place in zip(cells, wanted, strict=True):
            side.append(row[place])
    usable(len(rows) - start, problems)
    return _made(name, cells, numbers)


def _too_few(row: list[str], where: str, columns: int) -> DataError:
    if len(row) == 1:
        expected = "a source and a target with a tab between them"
        return DataError(f"{where}: expected {expected}. Received: {row[0][:40]!r}")
    return DataError(f"{where}: expected at least {columns} columns with tabs between them. Received: {len(row)}")


def pairs_of_table(table: Table, columns: Columns, *, with_targets: bool) -> Pairs:
    """Return the pairs in two columns of a table; a missing cell is an empty sentence.

    Raises DataError for a missing column.
    """
    names = list(table.columns)
    found = [names[_place(names, columns[side], side, table.name)] for side in range(1 + with_targets)]
    return _made(table.name, [[cell or "" for cell in table.columns[name]] for name in found], table.lines)


def _place(names: Sequence[str], column: str, side: int, where: str) -> int:
    """Return the index, from 0, of a column; without names, any number is accepted."""
    if column in names:
        return names.index(column)
    if not column:
        lowered = [name.lower() for name in names]
        if SIDES[side] in lowered:
            return lowered.index(SIDES[side])
        if not names or side < len(names):
            return side
        column = str(side + 1)
    if column.isdecimal() and int(column) >= 1 and (not names or int(column) <= len(names)):
        return int(column) - 1
    raise DataError(
        f"{where}: expected a column {listed([column])} ({SIDES[side]}_column names it, or its number from 1). "
        f"Received: {listed(names) or 'no names'}.{suggestion(column, names)}"
    )


def _made(name: str, cells: list[list[str]], numbers: Sequence[int]) -> Pairs:
    if len(cells) == 1:
        return Pairs(name, list(map(tidy, cells[0])), None)
    return paired(name, cells[0], cells[1], numbers)
