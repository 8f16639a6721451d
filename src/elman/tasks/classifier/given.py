"""What people hand a classifier, as examples: paths, texts, arrays and data frames, with labels of any type."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from elman.data.examples import Examples, examples_from, read_examples
from elman.data.examples.labels import label_texts
from elman.errors import DataError
from elman.tasks.classifier.config import ClassifierConfig
from elman.tasks.classifier.fitted import Fitted
from elman.tasks.classifier.scikit import flat_labels, matrix_columns

__all__ = [
    "Given",
    "are_paths",
    "as_paths",
    "examples_to_judge",
    "held_out",
    "labelled_examples",
    "unlabelled_examples",
]


@dataclass(frozen=True)
class Given:
    """Labelled examples that were in memory.

    classes   every class as it was given, sorted; None for scores
    names     the text of each
    values    what labels were: "text", "integer", "number" or "boolean"
    features  T, where X is one matrix whose rows are series; else None
    """

    examples: Examples
    classes: npt.NDArray[Any] | None
    names: list[str] | None
    values: str
    features: int | None


def are_paths(X: Any) -> bool:
    """Whether X is a path, or several."""
    if isinstance(X, str | os.PathLike):
        return True
    return isinstance(X, list | tuple) and len(X) > 0 and all(isinstance(part, str | os.PathLike) for part in X)


def as_paths(X: Any) -> list[str | os.PathLike[str]]:
    """One path, several or none, as a list. Raises DataError for anything else."""
    if X is None or (isinstance(X, list | tuple) and not X):
        return []
    if not are_paths(X):
        raise DataError(f"expected a path, or several, as for the training data. Received: {type(X).__name__}")
    return [X] if isinstance(X, str | os.PathLike) else list(X)


def labelled_examples(X: Any, y: Any, config: ClassifierConfig) -> Given:
    """X and y as given to `fit`. Raises DataError."""
    if y is None:
        raise DataError(
            "expected a label for every example of X: training requires y to be passed, but the target y is None. "
            "Received: none"
        )
    y = flat_labels(y, scores=config.target.kind == "score")
    examples = _examples(X, y, config)
    features = matrix_columns(X) if examples.kind == "series" else None
    if config.target.kind == "score":
        return Given(examples, None, None, "number", features)
    classes = np.unique(np.asarray(y))
    kinds = {"b": "boolean", "i": "integer", "u": "integer", "f": "number"}
    values = kinds.get(classes.dtype.kind, "text")
    return Given(examples, classes, label_texts(classes.tolist(), "y"), values, features)


def held_out(part: Any, config: ClassifierConfig) -> Examples:
    """A pair (X, y) as given for validation or test. Raises DataError for anything else."""
    if not isinstance(part, tuple) or len(part) != 2:
        raise DataError(f"expected a pair (X, y) as held-out data. Received: {type(part).__name__}")
    return _examples(*part, config)


def examples_to_judge(X: Any, y: Any, fitted: Fitted) -> Examples:
    """Labelled examples: X and y, or paths. Raises DataError."""
    if y is not None:
        return _examples(X, y, fitted.config)
    if not are_paths(X):
        raise DataError("expected a label y for every example of X. Received: none")
    return read_examples(as_paths(X), fitted.config.data)


def unlabelled_examples(X: Any, fitted: Fitted) -> Examples:
    """Examples to answer for: a path, or what `fit` takes as X. Texts are texts and no paths. Raises DataError."""
    reads_text = fitted.encoder.kind == "text"
    if isinstance(X, os.PathLike) or (not reads_text and are_paths(X)):
        return read_examples(as_paths(X), fitted.config.data, labelled=False)
    if reads_text and isinstance(X, str):
        raise DataError(f"expected a list of texts, or a pathlib.Path to a file of them. Received: the text {X[:40]!r}")
    return _examples(X, None, fitted.config)


def _examples(X: Any, y: Any, config: ClassifierConfig) -> Examples:
    return examples_from(X, y, images=config.data.images, missing=config.data.missing)
