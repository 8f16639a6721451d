"""Columns by name: the names of a data frame's columns, their order as in training, and columns of row numbers."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from elman.errors import DataError

__all__ = [
    "Name",
    "are_row_numbers",
    "comparable",
    "flat_name",
    "frame_columns",
    "frame_labels",
    "have_names",
    "is_unnamed",
    "order_of",
    "real_columns",
]

# Labels of columns are texts, or whole numbers, which are compared if both sides have the same ones.
Name = str | int

# The name of an index without a name: empty in files, and this in the frames that pandas reads from them.
_UNNAMED = re.compile(r"|Unnamed: \d+(?:_level_\d+)?(?:\.\d+)*")
_SHOWN = 20


def is_unnamed(name: Name) -> bool:
    """Return whether a column has no name, as the index in a table that pandas wrote."""
    return isinstance(name, str) and _UNNAMED.fullmatch(name.strip()) is not None


def are_row_numbers(name: Name, values: npt.NDArray[Any]) -> bool:
    """Return whether a column has no name and only whole numbers: the row numbers that pandas writes with a table."""
    if not is_unnamed(name) or values.dtype.kind not in "iuf" or not len(values):
        return False
    return bool(np.isfinite(values).all() and (values % 1 == 0).all())


def real_columns(
    names: Sequence[Name], values: Callable[[int], npt.NDArray[Any]], chosen: Sequence[str] = ()
) -> list[int]:
    """Return the indices of the columns that are not row numbers.

    values  returns the values of a column
    chosen  the columns that an option names, which are read whatever they have
    """
    return [
        place
        for place, name in enumerate(names)
        if name in chosen or not (is_unnamed(name) and are_row_numbers(name, values(place)))
    ]


def have_names(names: Sequence[Name]) -> bool:
    """Return whether columns have names other than their numbers."""
    return any(isinstance(name, str) and name not in ("", str(number)) for number, name in enumerate(names, 1))


def comparable(wanted: Sequence[Name], given: Sequence[Name]) -> bool:
    """Return whether columns go by name: if both sides have names, or the same ones in any order."""
    if not wanted or not given:
        return False
    same = len(set(wanted)) == len(wanted) == len(given) and set(wanted) == set(given)
    return same or (have_names(wanted) and have_names(given))


def flat_name(label: Any) -> str:
    """Return the label of a column as text; the levels of a label are joined by a slash, empty ones are left out."""
    return "/".join(str(part) for part in label if str(part)) if isinstance(label, tuple) else str(label)


def frame_columns(frame: Any) -> tuple[str, ...]:
    """Return the names of a data frame's columns if they are different texts; otherwise, and for other objects, ()."""
    labels = frame_labels(frame)
    return tuple(str(label) for label in labels) if all(isinstance(label, str) for label in labels) else ()


def frame_labels(frame: Any) -> tuple[Name, ...]:
    """Return the labels of a data frame's columns if they are different texts or whole numbers; otherwise ()."""
    labels = getattr(frame, "columns", None)
    if labels is None or not hasattr(frame, "to_numpy"):
        return ()
    found = list(labels)
    names: list[Name] = [int(label) if _is_whole(label) else flat_name(label) for label in found]
    alike = all(map(_is_whole, found)) or all(isinstance(label, str | tuple) for label in found)
    return tuple(names) if alike and len(set(names)) == len(names) else ()


def _is_whole(label: Any) -> bool:
    return isinstance(label, int | np.integer) and not isinstance(label, bool)


def order_of(
    wanted: Sequence[Name],
    given: Sequence[Name],
    name: str,
    *,
    what: str = "column",
    like: str = "in training",
    values: Callable[[int], npt.NDArray[Any]] | None = None,
) -> list[int] | None:
    """Return the index in `given` of each of `wanted`, or None if both are the same.

    name    name of the data in messages; `what` is that of a column, and `like` says where `wanted` comes from
    values  returns the values of a given column: row numbers that are not in `wanted` are left out

    Raises DataError, with the names, for a column that is missing and for one that is unknown.
    """
    if tuple(wanted) == tuple(given):
        return None
    missing = [each for each in wanted if each not in given]
    unknown = [
        each
        for place, each in enumerate(given)
        if each not in wanted and (values is None or not is_unnamed(each) or not are_row_numbers(each, values(place)))
    ]
    if missing or unknown:
        wrong = [f"missing: {_listed(missing)}"] * bool(missing) + [f"unknown: {_listed(unknown)}"] * bool(unknown)
        raise DataError(
            f"{name}: expected the {what}s {_listed(wanted)}, as {like}, in any order ({'; '.join(wrong)}). "
            f"Received: the {what}s {_listed(given)}"
        )
    return [list(given).index(each) for each in wanted]


def _listed(names: Sequence[Name]) -> str:
    shown = ", ".join(repr(str(name)[:40]) for name in names[:_SHOWN])
    return f"{shown}, ... ({len(names)} in all)" if len(names) > _SHOWN else shown
