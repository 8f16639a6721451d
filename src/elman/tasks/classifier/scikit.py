"""What scikit-learn asks of an estimator beside fit and predict. It is never imported unless a program uses it."""

from __future__ import annotations

import sys
import warnings
from typing import Any

import numpy as np

from elman.errors import ConfigError, DataError

__all__ = ["NoProbabilities", "check_columns", "flat_labels", "matrix_columns", "not_trained", "tags"]


class NoProbabilities(ConfigError, AttributeError):
    """A model of scores has no `predict_proba`: `hasattr` says so too."""


def not_trained() -> ConfigError:
    """The error for a model without `fit`; scikit-learn's NotFittedError too, where a program uses that."""
    message = "expected a model that is trained: call fit() or elman.load() first. Received: one that is not"
    if sys.modules.get("sklearn") is None:
        return ConfigError(message)
    from sklearn.exceptions import NotFittedError

    kind: type[ConfigError] = type("NotTrained", (ConfigError, NotFittedError), {"__module__": __name__})
    return kind(message)


def tags(*, scores: bool) -> Any:
    """What an estimator is: a classifier, or of scores a regressor, of series or texts."""
    from sklearn.utils import ClassifierTags, InputTags, RegressorTags, Tags, TargetTags

    return Tags(
        estimator_type="regressor" if scores else "classifier",
        target_tags=TargetTags(required=True),
        classifier_tags=None if scores else ClassifierTags(),
        regressor_tags=RegressorTags() if scores else None,
        input_tags=InputTags(three_d_array=True, string=True),
    )


def matrix_columns(X: Any) -> int | None:
    """T of a matrix of numbers whose rows are series, scikit-learn's number of features; None for all else.

    A matrix is an array or a data frame, or a list of lists of numbers of one length. A list of arrays is none.
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


def check_columns(X: Any, expected: int | None) -> None:
    """Raise DataError when X is a matrix with other columns than that of the training."""
    found = matrix_columns(X)
    if expected is not None and found is not None and found != expected:
        raise DataError(
            f"X has {found} features, but Classifier is expecting {expected} features as input; series of another "
            f"length than in training are given as a list of arrays. Received: {found} columns"
        )


def flat_labels(y: Any, *, scores: bool) -> Any:
    """Labels without the axis of a column vector, with scikit-learn's warning where that is in use.

    Raises DataError for numbers that are no classes, unless `scores` are learnt.
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
    if numbers and not scores and not np.array_equal(found, np.round(found), equal_nan=True):
        raise DataError(
            "y: expected classes; numbers are learnt with kind='score'. Received: Unknown label type: continuous"
        )
    return y
