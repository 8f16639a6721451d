"""Labels as text: from values of any type, and looked up whatever the spelling of a whole number."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from types import MappingProxyType
from typing import Any

from elman.data.decimal_sign import has_decimal_comma, pointed
from elman.errors import DataError
from elman.options import python_value

__all__ = [
    "LABEL_TYPES",
    "LabelIndex",
    "common_spelling",
    "label_text",
    "label_texts",
    "names_in_files",
    "pointed_labels",
    "type_of_labels",
]

# Above this, not every integer is exact as a float.
_WHOLE = 2.0**53
# A whole number in a file, also as a float is written; with leading zeros it is a code, such as a postcode.
_WHOLE_NUMBER = re.compile(r"(0|-?[1-9][0-9]{0,14})(?:\.0*)?")

# Converts the text of a label back to the type that it had in the data.
LABEL_TYPES: Mapping[str, Callable[[str], Any]] = MappingProxyType(
    {"text": str, "integer": int, "number": float, "boolean": lambda text: text == "True"}
)


def label_text(value: Any, place: str) -> str:
    """Return a label as text: whole numbers without a decimal point, so that 1, 1.0 and "1" are one label.

    Raises DataError, with the place, for a value that is missing, not finite, or neither a text nor a number.
    """
    if hasattr(value, "item"):
        with suppress(ValueError, RuntimeError):  # arrays and tensors of several values
            value = value.item()
    if isinstance(value, str):
        return value
    if isinstance(value, bool | int):
        return str(value)
    if isinstance(value, float) and math.isfinite(value):
        return str(int(value)) if value.is_integer() and abs(value) < _WHOLE else repr(value)
    raise DataError(f"{place}: expected a label that is a text or a finite number. Received: {str(value)[:40]}")


def label_texts(values: Iterable[Any], name: str) -> list[str]:
    """Return every label as text; `name` is their name in messages."""
    return [label_text(value, f"{name}, number {row}") for row, value in enumerate(values, 1)]


def type_of_labels(values: Sequence[Any], name: str, places: Sequence[str] = ()) -> str:
    """Return the type of labels, one of `LABEL_TYPES`; whole and real numbers together are of the type "number".

    Raises DataError, with the place or by default the index from 0, for a label of another type than the first: 1 and
    "1" would be one label.
    """
    kinds = ((str, "text"), (bool, "boolean"), (int, "integer"), (float, "number"))
    alone = set(map(type, values))
    if len(alone) == 1 and (only := dict(kinds).get(alone.pop())):
        return only
    found = ""
    for row, value in enumerate(values):
        plain = python_value(value)
        kind = next((kind for python, kind in kinds if isinstance(plain, python)), "text")
        if found and kind != found and not {kind, found} <= {"integer", "number"}:
            place = places[row] if places else f"{name}, index {row}"
            raise DataError(f"{place}: expected labels of one type, as the first, a {found}. "
                            f"Received: the {kind} {plain!r}")  # fmt: skip
        found = "number" if found and kind != found else kind
    return found or "text"


def common_spelling(label: str) -> str:
    """Return a whole number without its decimal point, and any other label unchanged."""
    found = _WHOLE_NUMBER.fullmatch(label)
    return found[1] if found else label


def names_in_files(labels: Iterable[str]) -> tuple[set[str], str]:
    """Return the different labels of files, and their type, "integer" or "text".

    If every label is a whole number, 1 and 1.0 are one label, the integer 1.
    """
    names = set(labels)
    if names and all(_WHOLE_NUMBER.fullmatch(name) for name in names):
        return {common_spelling(name) for name in names}, "integer"
    return names, "text"


def pointed_labels(labels: list[str], decimal: str) -> list[str]:
    """Return labels of files that are all numbers with a decimal point, if the `decimal` sign is a comma.

    Other labels, of which some are texts, or all are whole numbers, are unchanged.
    """
    different = dict.fromkeys(labels)
    numbers = {label for label in different if has_decimal_comma(label)} if decimal == "," else set()
    if not numbers or not all(label in numbers or label.lstrip("+-").isdecimal() for label in different):
        return labels
    return [pointed(label) for label in labels]


class LabelIndex:
    """The indices of labels by name. A whole number is found in any spelling: "1.0" if only "1" has an index."""

    def __init__(self, names: Sequence[str]) -> None:
        self.names = names
        self._exact = {name: number for number, name in enumerate(names)}
        self._common: dict[str, int] = {}
        for number, name in enumerate(names):
            self._common.setdefault(common_spelling(name), number)

    def find(self, label: str) -> int | None:
        """Return the index of a label, or None for an unknown one."""
        found = self._exact.get(label)
        return self._common.get(common_spelling(label)) if found is None else found

    def name(self, label: str) -> str:
        """Return a label as `names` spells it; an unknown label unchanged."""
        found = self.find(label)
        return label if found is None else self.names[found]
