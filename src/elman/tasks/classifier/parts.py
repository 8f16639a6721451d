"""From paths or arrays to the training, validation and test part of a classifier's examples."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from elman.data.examples import Examples, ExamplesConfig, read_examples, split_rows
from elman.data.tokens import Progress
from elman.errors import ConfigError, DataError
from elman.tasks.classifier.config import ClassifierConfig

__all__ = ["Parts", "Sources", "make_parts", "read_parts"]

Paths = Sequence[str | os.PathLike[str]]


class Sources:
    """The files that a classifier is made from: `train`, and `valid` and `test` where they are files of their own.

    `labels` is a file of labels beside them, if the options name one.
    """

    def __init__(self, train: Paths, valid: Paths = (), test: Paths = (), labels: str = "") -> None:
        self.train = [os.fspath(path) for path in train]
        self.valid = [os.fspath(path) for path in valid]
        self.test = [os.fspath(path) for path in test]
        self.labels = labels

    def to_json(self) -> dict[str, Any]:
        """The paths, made absolute, so that a run can be resumed from any folder."""

        def absolute(path: str) -> str:
            return path if path == "-" else os.path.abspath(path)

        parts = {name: [absolute(path) for path in getattr(self, name)] for name in ("train", "valid", "test")}
        return {**parts, "labels": os.path.abspath(self.labels) if self.labels else ""}

    @staticmethod
    def from_json(values: Mapping[str, Any]) -> Sources:
        """What `to_json` gave."""
        return Sources(**values)

    def names(self) -> list[str]:
        """Of every path its last part."""
        return [os.path.basename(path) or path for path in self.train + self.valid + self.test]


@dataclass(frozen=True)
class Parts:
    """Examples to learn from, and those held out; None where a part has none.

    known  the labels of all examples of the training data, held-out shares of it included; None for no labels
    """

    train: Examples
    valid: Examples | None
    test: Examples | None
    known: Examples

    def fingerprint(self) -> str:
        """Changes with any input, label or part."""
        held = [part.fingerprint() if part is not None else "-" for part in (self.train, self.valid, self.test)]
        return "+".join(held)


def read_parts(sources: Sources, config: ClassifierConfig, progress: Progress | None = None) -> Parts:
    """Read and split the files. Raises DataError, EncodingError, ConfigError or StorageError."""
    if not sources.train:
        raise ConfigError("expected at least one file to train on. Received: none")
    data: ExamplesConfig = dataclasses.replace(config.data, labels=sources.labels or config.data.labels)
    alone = dataclasses.replace(data, labels="")  # held-out files cannot share the training data's labels
    train = read_examples(sources.train, data, progress=progress)
    valid = read_examples(sources.valid, alone, progress=progress) if sources.valid else None
    test = read_examples(sources.test, alone, progress=progress) if sources.test else None
    return make_parts(train, config, valid=valid, test=test)


def make_parts(
    examples: Examples, config: ClassifierConfig, *, valid: Examples | None = None, test: Examples | None = None
) -> Parts:
    """Split `examples`; a part of its own takes the place of a share, which then stays in the training part.

    Raises DataError for no labels, and for a training part with nothing in it; ConfigError for shares that are none.
    """
    if examples.labels is None:
        raise DataError(f"{examples.places[0]}: expected a label for every example. Received: none")
    shares = list(config.data.split)
    for part, own in ((1, valid), (2, test)):
        if own is not None and len(shares) == 3:
            shares[0], shares[part] = shares[0] + shares[part], 0.0
    of_classes = config.target.kind == "classes"
    rows = split_rows(
        examples.labels if of_classes else None,
        len(examples),
        shares,
        seed=config.training.seed,
        stratify=config.data.stratify and of_classes,
    )
    if not len(rows[0]):
        raise DataError(f"expected examples in the training part. Received: {len(examples)} in all, split by {shares}")
    parts = [examples.take(part) if len(part) else None for part in rows]
    train = parts[0] or examples
    return Parts(train, valid or parts[1], test or parts[2], examples)
