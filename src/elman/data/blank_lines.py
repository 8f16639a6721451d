"""Empty lines among the lines to answer: each has an empty answer, so that answer k belongs to line k."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TypeVar

__all__ = ["answer_lines", "is_blank"]

L = TypeVar("L", bound=str | Sequence[str])
A = TypeVar("A")


def is_blank(line: str | Sequence[str]) -> bool:
    """Return whether a line, or a sentence as words, has nothing but white space."""
    return not (line.strip() if isinstance(line, str) else line)


def answer_lines(lines: Sequence[L], answer: Callable[[list[int]], Iterable[A]], empty: Callable[[int], A]) -> list[A]:
    """Return an answer for every line, in order.

    answer  returns the answers of the lines at these indices, which are not blank; not called if there are none
    empty   returns the answer of the blank line at an index
    """
    rows = [row for row, line in enumerate(lines) if not is_blank(line)]
    found = iter(answer(rows) if rows else ())
    return [empty(row) if is_blank(line) else next(found) for row, line in enumerate(lines)]
