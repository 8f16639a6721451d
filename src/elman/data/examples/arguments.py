"""Conversion of the arguments X and y of an estimator to `Examples`.

X may be paths, texts, arrays or data frames; labels may have any type.
"""

from __future__ import annotations

import logging
import os
import sys
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from elman.data.bad_rows import bad_rows_of, index_places, picked
from elman.data.blank_lines import is_blank
from elman.data.columns import Name, comparable, frame_columns
from elman.data.examples.base import Examples
from elman.data.examples.config import ExamplesConfig
from elman.data.examples.in_memory import examples_from, labels_from, usable_examples
from elman.data.examples.lines import incoming_texts
from elman.data.examples.reading import read_examples
from elman.data.examples.weights import checked_weights, with_weights
from elman.data.labels import label_texts, type_of_labels
from elman.data.sources import as_paths, is_path
from elman.errors import DataError

_log = logging.getLogger("elman.data")

__all__ = [
    "InMemoryExamples",
    "check_columns",
    "evaluation_examples",
    "example_groups",
    "flat_labels",
    "held_out",
    "labelled_examples",
    "matrix_columns",
    "unlabelled_examples",
]

# Examples that are predicted together by `example_groups`.
_AT_ONCE = 512


@dataclass(frozen=True)
class InMemoryExamples:
    """Labelled examples made from Python objects.

    classes   the sorted distinct labels, as given; None for a regression
    names     the text of each class
    values    type of the labels, one of `LABEL_TYPES`
    features  T if X is a matrix with one series per row, else None
    """

    examples: Examples
    classes: npt.NDArray[Any] | None
    names: list[str] | None
    values: str
    features: int | None


def labelled_examples(
    X: Any, y: Any, config: ExamplesConfig, *, regression: bool, sample_weight: Any = None
) -> InMemoryExamples:
    """Convert training data X and y, with classes or, for a `regression`, numbers as labels.

    Raises DataError, also for labels of several types and for invalid weights.
    """
    if y is None:
        raise DataError(
            "expected a label for every example of X: training requires y to be passed, but the target y is None. "
            "Received: none"
        )
    y = flat_labels(y, regression=regression)
    examples, rows = usable_examples(X, y, images=config.images, missing=config.missing)
    places = picked(index_places("y", y, len(labels_from(y))), rows)
    if rows is not None:
        weights_N = checked_weights(sample_weight, len(labels_from(y)))
        sample_weight = None if weights_N is None else weights_N[rows]
        y = picked(labels_from(y), rows)
    examples = with_weights(examples, sample_weight, classes=not regression)
    features = matrix_columns(X) if examples.kind == "series" else None
    if regression:
        return InMemoryExamples(examples, None, None, "number", features)
    values = type_of_labels(labels_from(y), "y", places)
    classes = np.unique(np.asarray(y))
    return InMemoryExamples(examples, classes, label_texts(classes.tolist(), "y"), values, features)


def held_out(part: Any, config: ExamplesConfig) -> Examples | None:
    """Convert a pair (X, y) of validation or test data, or None. Raises DataError for anything else."""
    if part is None:
        return None
    if not isinstance(part, tuple) or len(part) != 2:
        raise DataError(f"expected a pair (X, y) as held-out data. Received: {type(part).__name__}")
    return _examples(*part, config)


def evaluation_examples(X: Any, y: Any, config: ExamplesConfig) -> Examples:
    """Return labelled examples for evaluation: from X and y, from paths, or `Examples` as given. Raises DataError."""
    if y is not None:
        return _examples(X, y, config)
    if isinstance(X, Examples):
        return X
    if not is_path(X):
        raise DataError("expected a label y for every example of X. Received: none")
    with bad_rows_of(config) as bad:
        examples = read_examples(as_paths(X), config)
    for note in bad.remarks:
        _log.warning("%s", note)
    return examples


def unlabelled_examples(X: Any, config: ExamplesConfig, *, texts: bool) -> Examples:
    """Return examples for prediction: from a path, from X as for training, or `Examples` as given.

    With `texts`, strings are texts, and only `os.PathLike` objects are paths. Raises DataError.
    """
    if isinstance(X, Examples):
        return X
    if isinstance(X, os.PathLike) or (not texts and is_path(X)):
        return read_examples(as_paths(X), config, labelled=False, texts=texts)
    if texts and isinstance(X, str):
        raise DataError(f"expected a list of texts, or a pathlib.Path to a file of them. Received: the text {X[:40]!r}")
    return _examples(X, None, config)


def example_groups(
    paths: Sequence[str], given: Sequence[str] | None, config: ExamplesConfig, *, texts: bool
) -> Iterator[Examples]:
    """Yield examples for prediction in groups: of the texts `given`, or else of files.

    With `texts`, lines of standard input ("-") are yielded as soon as they arrive. Texts and lines may be empty.
    """
    if given is not None:
        if all(map(is_blank, given)):
            raise DataError("--text: expected a text. Received: an empty one")
        yield Examples("text", list(given), None, [f"--text, number {number}" for number in range(1, len(given) + 1)])
    elif texts and list(paths) == ["-"]:
        yield from incoming_texts(config)
    else:
        examples = read_examples(list(paths), config, labelled=False, blank=True, texts=texts)
        for start in range(0, len(examples), _AT_ONCE):
            yield examples.take(range(start, min(start + _AT_ONCE, len(examples))))


def _examples(X: Any, y: Any, config: ExamplesConfig) -> Examples:
    return examples_from(X, y, images=config.images, missing=config.missing)


def matrix_columns(X: Any) -> int | None:
    """Return the number of columns if X is a matrix (scikit-learn's number of features), else None.

    A matrix is an array or data frame of 2 dimensions, or a list of equally long lists of numbers. A list of arrays is
    not a matrix.
    """
    if isinstance(X, list | tuple):
        rows = [row for row in X if isinstance(row, list | tuple)]
        lengths = {len(row) for row in rows}
        plain = len(rows) == len(X) and len(lengths) == 1 and lengths != {0} and isinstance(rows[0][0], int | float)
        return lengths.pop() if plain else None
    if not (hasattr(X, "shape") or hasattr(X, "__array__")):
        return None
    shape = X.shape if hasattr(X, "shape") else np.asarray(X).shape
    return int(shape[1]) if len(shape) == 2 else None


def check_columns(X: Any, expected: int | None, names: Sequence[Name] = ()) -> None:
    """Raise DataError if X is a matrix with another number of columns than in training.

    Columns with names are compared with the `names` of training when they are encoded.
    """
    found = None if comparable(names, frame_columns(X)) else matrix_columns(X)
    if expected is not None and found is not None and found != expected:
        raise DataError(
            f"X has {found} features, but Classifier is expecting {expected} features as input; pass series of "
            f"another length than in training as a list of arrays. Received: {found} columns"
        )


def flat_labels(y: Any, *, regression: bool) -> Any:
    """Return labels with column vectors flattened; gives scikit-learn's warning for these if it is imported.

    Raises DataError for fractional numbers, except for a `regression`.
    """
    found = np.asarray(y) if hasattr(y, "__array__") else y
    if isinstance(found, np.ndarray) and found.ndim == 2 and found.shape[1] == 1:
        if sys.modules.get("sklearn") is not None:
            from sklearn.exceptions import DataConversionWarning

            warnings.warn(
                "A column-vector y was passed when a 1d array was expected; its column is taken.",
                DataConversionWarning,
                stacklevel=4,
            )
        y = found = found[:, 0]
    numbers = isinstance(found, np.ndarray) and found.dtype.kind == "f"
    if numbers and not regression and not np.array_equal(found, np.round(found), equal_nan=True):
        raise DataError(
            "y: expected classes; use kind='regression' to learn real numbers. Received: Unknown label type: continuous"
        )
    return y
