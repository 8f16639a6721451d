"""Sources: the files that a model is made from. Knows nothing about what is in them."""

from __future__ import annotations

import os
from collections.abc import Sequence

__all__ = ["Paths", "Sources"]

Paths = Sequence[str | os.PathLike[str]]


class Sources:
    """The files that a model is made from: `train`, and `valid` and `test` where they are files of their own."""

    def __init__(self, train: Paths, valid: Paths = (), test: Paths = ()) -> None:
        self.train = [os.fspath(path) for path in train]
        self.valid = [os.fspath(path) for path in valid]
        self.test = [os.fspath(path) for path in test]

    def to_json(self) -> dict[str, list[str]]:
        """The paths, made absolute, so that a run can be resumed from any folder."""

        def absolute(path: str) -> str:
            return path if path == "-" else os.path.abspath(path)

        return {name: [absolute(path) for path in paths] for name, paths in vars(self).items()}

    def names(self) -> list[str]:
        """Of every path its last part."""
        return [os.path.basename(path) or path for path in self.train + self.valid + self.test]
