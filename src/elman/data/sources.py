"""The files that a model is made from."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from elman.errors import DataError

__all__ = ["Paths", "Sources", "as_paths", "is_path"]

Paths = Sequence[str | os.PathLike[str]]


class Sources:
    """The files that a model is made from: `train`, and `valid` and `test` where they are files of their own.

    `labels` is a file of labels of the training data, where the options name one.
    """

    def __init__(self, train: Paths, valid: Paths = (), test: Paths = (), labels: str = "") -> None:
        self.train = [os.fspath(path) for path in train]
        self.valid = [os.fspath(path) for path in valid]
        self.test = [os.fspath(path) for path in test]
        self.labels = labels

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Sources:
        """What `to_json` gave, or the `paths` that earlier versions kept of a forecaster's run."""
        known = dict(values)
        return cls(known.pop("train", None) or known.pop("paths", []), **known)

    def to_json(self) -> dict[str, Any]:
        """The paths, made absolute, so that a run can be resumed from any folder."""

        def absolute(path: str) -> str:
            return path if path == "-" else os.path.abspath(path)

        parts = {name: [absolute(path) for path in getattr(self, name)] for name in ("train", "valid", "test")}
        return {**parts, "labels": os.path.abspath(self.labels)} if self.labels else parts

    def names(self) -> list[str]:
        """Of every path its last part."""
        return [os.path.basename(path) or path for path in self.train + self.valid + self.test]


def is_path(value: Any) -> bool:
    """Whether `value` is a path, or a list of one or more."""
    if isinstance(value, str | os.PathLike):
        return True
    return (
        isinstance(value, list | tuple) and bool(value) and all(isinstance(each, str | os.PathLike) for each in value)
    )


def as_paths(paths: Any, expected: str = "paths of files") -> list[str | os.PathLike[str]]:
    """One path, several or none, as a list. Raises DataError, naming what was `expected`, for what is no path."""
    if paths is None:
        return []
    if isinstance(paths, str | os.PathLike):
        return [paths]
    if isinstance(paths, Iterable):
        found = list(paths)
        if all(isinstance(path, str | os.PathLike) for path in found):
            return found
    raise DataError(f"expected {expected}. Received: {type(paths).__name__} alone")
