"""Answers as plain JSON values, the keys in them, and how two of them differ."""

from __future__ import annotations

import dataclasses
import json
import math
import re
from collections.abc import Iterator
from typing import Any

__all__ = ["differences", "keys_of", "plain", "written"]

TOLERANCE = 1e-5
# As signatures of sacrebleu, and a model's card, name what made them.
_VERSION = re.compile(r"(?<=version:)[\d.]+|(?<=elman )\d+\.\d+\.\d+")


def plain(value: Any) -> Any:
    """`value` as JSON values: arrays and tensors are lists, dataclasses and named tuples are objects."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: plain(getattr(value, field.name)) for field in dataclasses.fields(value)}
    if hasattr(value, "_asdict"):
        return plain(value._asdict())
    if isinstance(value, dict):
        return {str(key): plain(each) for key, each in value.items()}
    if hasattr(value, "tolist"):  # arrays, their numbers, and tensors
        return value.tolist()
    if isinstance(value, list | tuple):
        return [plain(each) for each in value]
    if value is None or isinstance(value, str | bool | int | float):
        return value
    raise TypeError(f"expected a value that JSON has. Received: {type(value).__name__}")


def keys_of(value: Any, path: str = "") -> list[str]:
    """The paths of all keys inside a JSON value, in their order; of a list, those that any of its items has."""
    found: dict[str, None] = {}
    if isinstance(value, dict):
        for key, each in value.items():
            inner = f"{path}.{key}" if path else key
            found[inner] = None
            found |= dict.fromkeys(keys_of(each, inner))
    elif isinstance(value, list):
        for each in value:
            found |= dict.fromkeys(keys_of(each, f"{path}[]"))
    return list(found)


def differences(expected: Any, received: Any, path: str = "") -> Iterator[str]:
    """A line for every place where two JSON values differ; numbers may do so by `TOLERANCE`, relative or absolute."""
    if _is_number(expected) and _is_number(received):
        if not math.isclose(expected, received, rel_tol=TOLERANCE, abs_tol=TOLERANCE):
            yield f"{path}: expected {expected!r}. Received: {received!r}"
    elif type(expected) is not type(received):
        yield f"{path}: expected {expected!r}. Received: {received!r}"
    elif isinstance(expected, dict):
        if list(expected) != list(received):
            yield f"{path}: expected the keys {list(expected)}. Received: {list(received)}"
        for key in expected.keys() & received.keys():
            yield from differences(expected[key], received[key], f"{path}.{key}")
    elif isinstance(expected, list):
        if len(expected) != len(received):
            yield f"{path}: expected {len(expected)} items. Received: {len(received)}"
        for place, (one, other) in enumerate(zip(expected, received, strict=False)):
            yield from differences(one, other, f"{path}[{place}]")
    elif isinstance(expected, str) and _VERSION.sub("", expected) == _VERSION.sub("", received):
        return  # the same except for the version of a package that is named in it
    elif expected != received:
        yield f"{path}: expected {expected!r}. Received: {received!r}"


def written(document: dict[str, Any]) -> str:
    """An object as JSON: a line for each key, and for each key of an object inside."""

    def line(value: Any) -> str:
        return json.dumps(value, ensure_ascii=False)

    parts = [
        f"{line(key)}: "
        + (
            "{\n  " + ",\n  ".join(f"{line(k)}: {line(v)}" for k, v in value.items()) + "\n }"
            if isinstance(value, dict) and value
            else line(value)
        )
        for key, value in document.items()
    ]
    return "{\n " + ",\n ".join(parts) + "\n}\n"


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
