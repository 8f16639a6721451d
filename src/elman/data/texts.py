"""Sequences of texts and of other items from Python objects."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Set
from typing import Any

from elman.errors import DataError

__all__ = ["is_sequence", "listed_texts", "texts_from"]


def is_sequence(values: Any) -> bool:
    """Return whether an object is a list, an array, a column or another sequence of items, but no text."""
    unordered = isinstance(values, str | bytes | Mapping | Set)
    return not unordered and hasattr(values, "__len__") and getattr(values, "ndim", 1) != 0


def listed_texts(values: Iterable[Any], what: str) -> list[Any]:
    """Return items that should be texts as a list. Raises DataError for a single text, and for no sequence."""
    if isinstance(values, str | bytes) or not isinstance(values, Iterable) or getattr(values, "ndim", 1) == 0:
        raise DataError(f"expected {what} as a list of sentences. Received: one {type(values).__name__}")
    return list(values)


def texts_from(values: Iterable[str], what: str) -> list[str]:
    """Return texts as a list; `what` is their name in messages. Raises DataError for anything but several texts."""
    found = listed_texts(values, what)
    for row, value in enumerate(found):
        if not isinstance(value, str):
            raise DataError(f"expected {what} that are texts. Received: {type(value).__name__} at index {row}")
    return found
