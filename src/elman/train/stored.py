"""Values of a checkpoint and of elman.json; they are checked when they are read. Does not import torch."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, TypeVar, cast

from elman.errors import ArtifactError

__all__ = ["Stored", "broken", "finite", "read", "stored_threads"]

T = TypeVar("T")

_WORDS: dict[type[Any], str] = {
    bool: "true or false",
    int: "a whole number",
    float: "a number",
    str: "a text",
    list: "a list",
    dict: "a table",
}


class Stored(dict[str, Any]):
    """The values of a checkpoint by name; `where` names it in messages. A missing name is an ArtifactError."""

    def __init__(self, values: Mapping[str, Any], where: str) -> None:
        super().__init__(values)
        self.where = where

    def __missing__(self, name: str) -> Any:
        raise broken(self, name, "none")


def broken(values: Mapping[str, Any], expected: str, received: object) -> ArtifactError:
    """Return the error for values of a checkpoint, `Stored` or not, that are not as expected."""
    where = getattr(values, "where", "the checkpoint")
    return ArtifactError(f"{where} is broken: expected {expected}. Received: {str(received)[:80]}")


def read(values: Mapping[str, Any], name: str, kind: type[T]) -> T:
    """Return the value `name` of a checkpoint, which has the type `kind`; a float may be a whole number.

    Raises ArtifactError if there is none, or one of another type.
    """
    value: Any = values.get(name)
    if not isinstance(value, (int, float) if kind is float else kind) or isinstance(value, bool) != (kind is bool):
        raise broken(values, f"{name} to be {_WORDS[kind]}", "none" if value is None else repr(value))
    return cast("T", value)


def stored_threads(facts: Mapping[str, Any]) -> int:
    """Return the number of threads of a checkpoint. Raises ArtifactError."""
    threads = read(facts, "threads", int)
    if not 1 <= threads <= 4096:
        raise broken(facts, "threads from 1 to 4096", threads)
    return threads


def finite(metrics: Mapping[str, float]) -> dict[str, float]:
    """Return the metrics without infinities and NaN, which JSON cannot represent."""
    return {name: value for name, value in metrics.items() if math.isfinite(value)}
