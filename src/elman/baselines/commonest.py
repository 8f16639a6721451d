"""The same answer for every input: the commonest label or text, the shares of the labels, the mean."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from elman.errors import DataError

__all__ = ["commonest_label", "commonest_text", "label_shares", "labels_of", "mean"]

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]


def commonest_label(labels_N: ArrayLike, classes: int) -> int:
    """Return the label that is most frequent; of equally frequent ones, the first."""
    return int(label_shares(labels_N, classes).argmax())


def label_shares(labels_N: ArrayLike, classes: int) -> Floats:
    """Return the share of each class among the labels."""
    labels_N = labels_of(labels_N, np.size(labels_N), classes)
    return np.bincount(labels_N, minlength=classes) / len(labels_N)


def commonest_text(texts: Sequence[str]) -> str:
    """Return the text that is most frequent; of equally frequent ones, the first."""
    if not len(texts):
        raise DataError("expected at least one text. Received: none")
    return Counter(texts).most_common(1)[0][0]


def mean(targets_NY: ArrayLike) -> Floats:
    """Return the mean of the targets, which are numbers `N` or `NY`. NaN is left out; the mean of NaN alone is 0."""
    targets = np.asarray(targets_NY, np.float64)
    if not targets.size:
        raise DataError("expected at least one target. Received: none")
    known = ~np.isnan(targets)
    return np.where(known, targets, 0).sum(0) / np.maximum(known.sum(0), 1)


def labels_of(labels_N: ArrayLike, items: int, classes: int) -> Ints:
    """Return the labels as integers, after checking them. Raises DataError if they are no labels of `items` items."""
    labels = np.asarray(labels_N)
    if labels.shape != (items,) or not items:
        raise DataError(f"expected a label for each of at least one item. Received: {labels.shape} for {items} items")
    if labels.dtype.kind not in "iu":
        raise DataError(f"expected integers as labels. Received: {labels.dtype}")
    if labels.min() < 0 or labels.max() >= classes:
        raise DataError(
            f"expected integers from 0 to {classes - 1} as labels. Received: {labels.min()} to {labels.max()}"
        )
    return labels.astype(np.int64, copy=False)
