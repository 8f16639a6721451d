"""The nearest training vector, by Euclidean distance: for features, and for images as flat vectors.

Cover and Hart 1967, Nearest neighbor pattern classification.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from elman.errors import DataError, ShapeError

__all__ = ["nearest_vectors"]

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]

# Numbers that are in memory at once: distances, and vectors as float64.
_MOST_NUMBERS = 8_000_000


def nearest_vectors(train_NF: ArrayLike, test_BF: ArrayLike, most_numbers: int = _MOST_NUMBERS) -> Ints:
    """Return for each test vector the index of the nearest training vector, the first one of equally near ones.

    Axes after the first are one vector. Numbers that are not finite count as 0. `most_numbers` bounds the memory.
    Raises DataError without training vectors, ShapeError if the vectors have different sizes.
    """
    train, test = np.asarray(train_NF), np.asarray(test_BF)
    if not len(train):
        raise DataError("expected at least one training vector. Received: none")
    if train.shape[1:] != test.shape[1:]:
        raise ShapeError(
            f"expected test vectors of shape {train.shape[1:]}, as in training. Received: {test.shape[1:]}"
        )
    size = max(1, int(np.prod(train.shape[1:])))
    step = max(1, most_numbers // size)
    nearest_B = np.zeros(len(test), np.int64)
    least_B = np.full(len(test), np.inf)
    centre = _vectors(train[:step]).mean(0)
    for first in range(0, len(train), step):
        vectors_NF = _vectors(train[first : first + step]) - centre
        squares_N = np.einsum("nf,nf->n", vectors_NF, vectors_NF)
        rows = max(1, min(step, most_numbers // len(vectors_NF)))
        for start in range(0, len(test), rows):
            where = slice(start, start + rows)
            # |x - y|^2 = |x|^2 - 2 x y + |y|^2, and |x|^2 is the same for all y.
            queries_BF = _vectors(test[where]) - centre
            distances_BN = squares_N - 2 * (queries_BF @ vectors_NF.T)
            found_B = distances_BN.argmin(1)
            distances_B = distances_BN[np.arange(len(found_B)), found_B]
            nearer_B = distances_B < least_B[where]
            nearest_B[where] = np.where(nearer_B, found_B + first, nearest_B[where])
            least_B[where] = np.where(nearer_B, distances_B, least_B[where])
    return nearest_B


def _vectors(items: NDArray[np.generic]) -> Floats:
    vectors = items.reshape(len(items), -1).astype(np.float64)
    return np.nan_to_num(vectors, copy=False, nan=0.0, posinf=0.0, neginf=0.0)
