"""Rows that cannot be used: left out with a remark, or refused, as the option `bad_rows` says.

A reader collects the error of each bad row and calls `usable`, which decides. Rows are left out only within
`bad_rows_of`, in which training and evaluation data is read; elsewhere, such as for predictions, the first error is
raised.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from elman.errors import DataError

__all__ = ["BAD_ROWS", "BadRows", "bad_rows_of", "collect", "picked", "usable"]

BAD_ROWS = ("auto", "skip", "error")
# The share of the rows of a file that "auto" leaves out.
_SHARE = 0.01
# Places that a remark names.
_PLACES = 5


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
        places = ", ".join(_place(problems[row]) for row in sorted(problems)[:_PLACES])
        more = ", ..." if len(problems) > _PLACES else ""
        why = f" ({'; '.join(list(reasons)[:2])})" if reasons else ""
        self.remarks.append(
            f"{len(problems):,} of {count:,} rows cannot be used and are left out: {places}{more}"
            f"{why}; bad_rows=error refuses such data"
        )


_CURRENT: ContextVar[BadRows | None] = ContextVar("elman_bad_rows", default=None)


@contextmanager
def bad_rows_of(section: Any) -> Iterator[BadRows]:
    """Context manager for reading data with the option `bad_rows` of a section; "error" for one without it."""
    bad = BadRows(getattr(section, "bad_rows", "error"))
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


def picked(values: Sequence[Any], rows: Sequence[int] | None) -> Any:
    """Return the values at these indices as a list, or `values` itself for None."""
    return values if rows is None else [values[row] for row in rows]


def _place(error: DataError) -> str:
    return str(error).partition(": expected")[0]


def _reason(error: DataError) -> str:
    """Return what was expected; empty for a message that does not begin with its place."""
    message = str(error).partition(": expected")[2].partition(". Received")[0].strip()
    return f"expected {message}" if message else ""
