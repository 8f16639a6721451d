"""Paths of the files that a model is trained on."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from elman.errors import ArtifactError, DataError

__all__ = ["Paths", "Sources", "as_paths", "is_path"]

Paths = Sequence[str | os.PathLike[str]]

# Names of lists of paths in a checkpoint.
_LISTS = ("train", "valid", "test", "paths")


class Sources:
    """Paths of the training files, and of separate validation and test files where there are any.

    `labels` is the path of the labels of the training data where they are in a separate file.
    """

    def __init__(self, train: Paths, valid: Paths = (), test: Paths = (), labels: str = "") -> None:
        self.train = [os.fspath(path) for path in train]
        self.valid = [os.fspath(path) for path in valid]
        self.test = [os.fspath(path) for path in test]
        self.labels = labels

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Sources:
        """Create from the result of `to_json`, or from the `paths` in forecaster runs of earlier versions.

        Raises ArtifactError for other values.
        """
        for name, value in values.items():
            listed = isinstance(value, list) and all(isinstance(path, str) for path in value)
            if not (isinstance(value, str) if name == "labels" else name in _LISTS and listed):
                raise ArtifactError(
                    f"expected the paths of a run's data by {', '.join(_LISTS)} and labels. "
                    f"Received: {name} = {str(value)[:80]}"
                )
        known = dict(values)
        return cls(known.pop("train", None) or known.pop("paths", []), **known)

    def to_json(self) -> dict[str, Any]:
        """Return the paths as absolute paths, so that a run can be resumed from any folder."""

        def absolute(path: str) -> str:
            return path if path == "-" else os.path.abspath(path)

        parts = {name: [absolute(path) for path in getattr(self, name)] for name in ("train", "valid", "test")}
        return {**parts, "labels": os.path.abspath(self.labels)} if self.labels else parts

    def names(self) -> list[str]:
        """Return the base name of each path."""
        return [os.path.basename(path) or path for path in self.train + self.valid + self.test]


def is_path(value: Any) -> bool:
    """Return whether `value` is a path or a non-empty list of paths."""
    if isinstance(value, str | os.PathLike):
        return True
    return (
        isinstance(value, list | tuple) and bool(value) and all(isinstance(each, str | os.PathLike) for each in value)
    )


def as_paths(paths: Any, expected: str = "paths of files") -> list[str | os.PathLike[str]]:
    """Return one path, several or None as a list. Raises DataError, with what was `expected`, for other values."""
    if paths is None:
        return []
    if isinstance(paths, str | os.PathLike):
        return [paths]
    if isinstance(paths, Iterable) and getattr(paths, "ndim", 1) != 0:
        found = list(paths)
        if all(isinstance(path, str | os.PathLike) for path in found):
            return found
    raise DataError(f"expected {expected}. Received: {type(paths).__name__} alone")
