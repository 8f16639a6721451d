"""Rows that cannot be used: left out with a remark, or refused, as the option `bad_rows` says.

A reader of files, or a function that converts data in memory, collects the error of each bad row and calls `usable`,
which decides. Rows are left out only within `bad_rows_of`, in which training and evaluation data is read; elsewhere,
such as for predictions, the first error is raised.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, TypeVar

from elman.display import places_of
from elman.errors import DataError

__all__ = ["BAD_ROWS", "BadRows", "bad_rows_of", "checked", "collect", "index_places", "picked", "usable"]

T = TypeVar("T")

BAD_ROWS = ("auto", "skip", "error")
# The share of the rows of a file, or of data in memory, that "auto" leaves out.
_SHARE = 0.01


class BadRows:
    """How bad rows are handled, "auto", "skip" or "error", and remarks on those that were left out."""

    def __init__(self, mode: str) -> None:
        self.mode = mode
        self.remarks: list[str] = []

    def leave_out(self, count: int, problems: Mapping[int, DataError]) -> None:
        """Add a remark on bad rows among `count`. Raises the error of the first one if they must not be left out."""
        first = problems[min(problems)]
        if self.mode == "error" or len(problems) >= count:
            raise first
        if self.mode == "auto" and len(problems) > _SHARE * count:
            raise first
        reasons = dict.fromkeys(reason for row in sorted(problems) if (reason := _reason(problems[row])))
        places = places_of([_place(problems[row]) for row in sorted(problems)])
        why = f" ({'; '.join(list(reasons)[:2])})" if reasons else ""
        self.remarks.append(
            f"{len(problems):,} of {count:,} rows cannot be used and are left out: {places}"
            f"{why}; bad_rows=error refuses such data"
        )


_CURRENT: ContextVar[BadRows | None] = ContextVar("elman_bad_rows", default=None)


@contextmanager
def bad_rows_of(section: Any, *, strict: bool = False) -> Iterator[BadRows]:
    """Context manager for reading data with the option `bad_rows` of a section; "error" for one without it.

    With `strict`, "auto" is "error".
    """
    mode = getattr(section, "bad_rows", "error")
    bad = BadRows("error" if strict and mode == "auto" else mode)
    token = _CURRENT.set(bad)
    try:
        yield bad
    finally:
        _CURRENT.reset(token)


def collect(problems: dict[int, DataError], row: int, error: DataError) -> None:
    """Add the error of a bad row to `problems`, or raise it at once where no row may be left out."""
    bad = _CURRENT.get()
    if bad is None or bad.mode == "error":
        raise error
    problems.setdefault(row, error)


def usable(count: int, problems: Mapping[int, DataError]) -> list[int] | None:
    """Return the indices of the rows that can be used; None for all of them.

    count     the number of rows
    problems  the error of each bad row

    Raises the error of the first bad row unless they are left out.
    """
    if not problems:
        return None
    bad = _CURRENT.get()
    if bad is None:
        raise problems[min(problems)]
    bad.leave_out(count, problems)
    return [row for row in range(count) if row not in problems]


def checked(rows: int, check: Callable[[int], T]) -> tuple[list[T], list[int] | None]:
    """Return `check(row)` of each of so many rows that can be used, and their indices as `usable` returns them.

    `check` raises DataError for a row that cannot be used.
    """
    found: list[T] = []
    problems: dict[int, DataError] = {}
    for row in range(rows):
        try:
            found.append(check(row))
        except DataError as error:
            collect(problems, row, error)
    return found, usable(rows, problems)


def index_places(name: str, values: Any, count: int) -> list[str]:
    """Return the places of the items of data in memory: their index from 0, or their label in the index of pandas.

    Labels are shown where they are different, and not the numbers from 0.
    """
    index: Any = getattr(values, "index", None)
    labels = index.tolist() if hasattr(index, "tolist") and len(index) == count else []
    places = [f"{name}, index label {label!r}" for label in labels]
    # Several NaN are different labels, but one place.
    if not labels or labels == list(range(count)) or len(set(places)) < count:
        return [f"{name}, index {row}" for row in range(count)]
    return places


def picked(values: Sequence[Any] | None, rows: Sequence[int] | None) -> Any:
    """Return the values at these indices as a list, or `values` itself for None."""
    return values if rows is None or values is None else [values[row] for row in rows]


def _place(error: DataError) -> str:
    return str(error).partition(": expected")[0]


def _reason(error: DataError) -> str:
    """Return what was expected; empty for a message that does not begin with its place."""
    message = str(error).partition(": expected")[2].partition(". Received")[0].strip()
    return f"expected {message}" if message else ""
