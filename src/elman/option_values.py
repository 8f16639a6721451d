"""Values of options: the check of type, choices and bounds."""

from __future__ import annotations

import dataclasses
import difflib
import math
import types
import typing
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from elman.errors import ConfigError

__all__ = ["check_text", "check_value", "choices_of", "python_value", "suggestion"]


def choices_of(field: dataclasses.Field[Any]) -> tuple[str, ...]:
    """Return the allowed values of a text option; empty if any value is allowed."""
    choices: tuple[str, ...] = field.metadata.get("choices", ())
    return choices


def suggestion(name: str, known: Iterable[str]) -> str:
    """Return a sentence that suggests the known name closest to `name`, or an empty string."""
    close = difflib.get_close_matches(name, list(known), n=1, cutoff=0.6)
    return f" Did you mean {close[0]!r}?" if close else ""


def python_value(value: Any) -> Any:
    """Return NumPy's numbers, booleans, texts and arrays of them as Python values, and any other value unchanged."""
    if isinstance(value, dict):
        return {name: python_value(each) for name, each in value.items()}
    if type(value) in (list, tuple):
        return type(value)(map(python_value, value))
    if type(value).__module__ != "numpy" or getattr(getattr(value, "dtype", None), "kind", "") not in tuple("biufU"):
        return value
    return value.tolist()


def check_value(name: str, value: Any, hint: Any, field: dataclasses.Field[Any], where: str) -> Any:
    """Check `value` and convert it to the option's type."""
    value = python_value(value)
    expected = hint
    if isinstance(hint, types.UnionType):
        if value is None:
            return None
        expected = next(arm for arm in typing.get_args(hint) if arm is not type(None))
    if typing.get_origin(expected) is tuple:
        item = typing.get_args(expected)[0]
        if not isinstance(value, list | tuple):
            raise ConfigError(f"{where}: expected {name} to be a list of values. Received: {value!r}")
        return tuple(_plain(name, entry, item, where) for entry in value)
    checked = _plain(name, value, typing.get_origin(expected) or expected, where)
    choices, least, most = choices_of(field), field.metadata.get("least"), field.metadata.get("most")
    if choices and checked not in choices:
        hint_text = suggestion(str(checked), choices)
        raise ConfigError(f"{where}: expected {name} among {', '.join(choices)}. Received: {checked!r}.{hint_text}")
    if least is not None and checked < least:
        raise ConfigError(f"{where}: expected {name} to be at least {least}. Received: {checked}")
    if most is not None and checked > most:
        raise ConfigError(f"{where}: expected {name} to be at most {most}. Received: {checked}")
    return checked


def _plain(name: str, value: Any, expected: type[Any], where: str) -> Any:
    if expected is Path and isinstance(value, str):
        value = Path(value)
    if expected is float and isinstance(value, int) and not isinstance(value, bool):
        value = float(value) if abs(value) < 2**1000 else math.inf
    wrong_bool = isinstance(value, bool) and expected is not bool
    # Options are stored as JSON, which has no infinity or NaN.
    endless = isinstance(value, float) and not math.isfinite(value)
    # Sizes of tensors have 64 bits.
    if expected is int and isinstance(value, int) and not -(2**63) <= value < 2**63:
        raise ConfigError(f"{where}: expected {name} to be a whole number within 64 bits. Received: {value}")
    if wrong_bool or endless or not isinstance(value, expected):
        raise ConfigError(f"{where}: expected {name} to be {_WORDS[expected]}. Received: {value!r}")
    return value


_WORDS = {
    bool: "true or false",
    int: "a whole number",
    float: "a number",
    str: "a text",
    dict: "a table of options",
    list: "a list of values",
    Path: "a path",
}


def check_text(text: str, what: str = "--text") -> None:
    """Raise ConfigError if a command-line argument contains bytes that are not valid text."""
    try:
        text.encode("utf-8")
    except UnicodeEncodeError as error:
        raise ConfigError(
            f"expected {what} to be valid text. Received: an invalid byte at character {error.start}"
        ) from None
