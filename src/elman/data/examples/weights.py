"""Weights of examples: scikit-learn's `sample_weight`."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np

from elman.data.examples.base import Examples, Floats
from elman.errors import DataError

__all__ = ["checked_weights", "with_weights"]


def checked_weights(sample_weight: Any, count: int) -> Floats | None:
    """Return the weights of `count` examples; None if there are none.

    Raises DataError for other than `count` numbers of at least 0 that float32 can hold, and if all of them are zero.
    """
    if sample_weight is None:
        return None
    try:
        given = np.asarray(sample_weight)
    except ValueError:
        given = np.empty(0, dtype=object)
    if given.dtype.kind not in "biuf" or given.shape != (count,):
        received = (
            f"{given.dtype} of shape {given.shape}" if given.dtype.kind in "biuf" else type(sample_weight).__name__
        )
        raise DataError(f"sample_weight: expected a number for each of the {count:,} examples. Received: {received}")
    with np.errstate(over="ignore"):
        weights_N = given.astype(np.float32)
    wrong = np.flatnonzero(~(np.isfinite(weights_N) & (weights_N >= 0)))
    if len(wrong):
        raise DataError(
            f"sample_weight, index {wrong[0]}: expected a finite weight of at least 0. Received: {given[wrong[0]]}"
        )
    if not weights_N.any():
        raise DataError("expected at least one sample_weight above zero. Received: weights that are all zero")
    return weights_N


def with_weights(examples: Examples, sample_weight: Any, *, classes: bool) -> Examples:
    """Return labelled examples with weights, without those of weight 0.

    With `classes`, at least two must have examples of a weight above 0. Raises DataError.
    """
    weights_N = checked_weights(sample_weight, len(examples))
    if weights_N is None:
        return examples
    weighted = {label for label, weight in zip(examples.labels or (), weights_N, strict=True) if weight > 0}
    if classes and len(weighted) < 2 <= len(set(examples.labels or ())):
        raise DataError(
            "sample_weight: expected examples of at least two classes with a weight above 0. "
            f"Received: one class only, {', '.join(weighted)}"
        )
    weighted_examples = dataclasses.replace(examples, weights=weights_N)
    return weighted_examples if weights_N.all() else weighted_examples.take(np.flatnonzero(weights_N))
