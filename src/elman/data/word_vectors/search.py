"""Search for the words with the highest scores, over a table that may be larger than memory. Does not import torch.

Shapes: N queries, V words, E numbers of a vector; P words that an analogy adds or subtracts.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from elman.data.word_vectors.table import BLOCK_ROWS, WordTable, vector_norms
from elman.errors import ConfigError

__all__ = ["Scores", "add_scores", "check_top", "cosine_scores", "highest", "mul_scores", "unit_rows"]

Floats: TypeAlias = npt.NDArray[np.float32]
# Returns `scores_VN` of N queries for a block of V unit vectors.
Scores: TypeAlias = Callable[[Floats], Floats]

# Added to the denominator of 3CosMul, as in the paper.
_EPSILON = 1e-6


def unit_rows(rows_NE: npt.NDArray[np.floating], norms_N: npt.NDArray[np.float64] | None = None) -> Floats:
    """Return vectors of length 1; vectors of zeros stay zero."""
    norms = vector_norms(rows_NE) if norms_N is None else norms_N
    divisors = np.where(norms > 0, norms, 1.0)[:, None]
    return np.divide(rows_NE, divisors, out=np.empty(rows_NE.shape, np.float32), casting="same_kind")


def check_top(top: object) -> int:
    """Return a number of answers. Raises ConfigError unless it is a whole number from 1."""
    if isinstance(top, bool) or not isinstance(top, int | np.integer) or top < 1:
        raise ConfigError(f"expected top to be a whole number of at least 1. Received: {top!r}")
    return int(top)


def cosine_scores(units_NE: Floats) -> Scores:
    """Return the cosines of N unit vectors with those of a table."""
    return lambda units_VE: units_VE @ units_NE.T


def add_scores(plus_NPE: Floats, minus_NPE: Floats) -> Scores:
    """Return 3CosAdd (Mikolov et al. 2013): the cosine with the sum of the unit vectors, those of `minus` negative."""
    targets_NE = plus_NPE.sum(axis=1, dtype=np.float64) - minus_NPE.sum(axis=1, dtype=np.float64)
    return cosine_scores(unit_rows(targets_NE))


def mul_scores(plus_NPE: Floats, minus_NPE: Floats) -> Scores:
    """Return 3CosMul (Levy and Goldberg 2014): the product of the cosines of `plus` over that of `minus`.

    Cosines are moved to the range from 0 to 1 first.
    """
    parts = []
    for vectors in (plus_NPE, minus_NPE):
        count, each, size = vectors.shape
        parts.append((vectors.reshape(count * each, size), count, each))

    def scores(units_VE: Floats) -> Floats:
        plus, minus = (
            ((1 + (units_VE @ flat.T).reshape(len(units_VE), count, each)) / 2).prod(axis=2)
            for flat, count, each in parts
        )
        found: Floats = plus / (minus + np.float32(_EPSILON))
        return found

    return scores


def highest(
    table: WordTable,
    scores: Scores,
    queries: int,
    top: int,
    *,
    excluded: Sequence[Collection[int]] = (),
    restrict: int | None = None,
) -> list[list[tuple[int, float]]]:
    """Return for each query the rows with the highest scores, and the scores, highest first; the earlier row of a tie.

    excluded  rows that do not count, for each query; empty for none
    restrict  search the first rows only; None for all
    """
    words = len(table) if restrict is None else min(restrict, len(table))
    norms = table.norms()
    best_N = np.empty((0, queries), dtype=np.float32)
    rows_N = np.empty((0, queries), dtype=np.int64)
    for first in range(0, words, BLOCK_ROWS):
        stop = min(first + BLOCK_ROWS, words)
        found = scores(unit_rows(table.matrix_VE[first:stop], norms[first:stop]))
        for query, without in enumerate(excluded):
            inside = [row - first for row in without if first <= row < stop]
            found[inside, query] = -np.inf
        numbers = np.broadcast_to(np.arange(first, stop)[:, None], found.shape)
        best_N, rows_N = _kept(np.concatenate([best_N, found]), np.concatenate([rows_N, numbers]), top)
    return [
        [
            (int(row), float(score))
            for row, score in zip(rows_N[:, query].tolist(), best_N[:, query].tolist(), strict=True)
            if score > -np.inf
        ]
        for query in range(queries)
    ]


def _kept(scores: Floats, rows: npt.NDArray[np.int64], top: int) -> tuple[Floats, npt.NDArray[np.int64]]:
    """Return the `top` highest scores of each column and their rows, highest first."""
    if len(scores) > top:
        places = np.argpartition(-scores, top - 1, axis=0)[:top]
        scores, rows = np.take_along_axis(scores, places, 0), np.take_along_axis(rows, places, 0)
    order = np.lexsort((rows, -scores), axis=0)
    return np.take_along_axis(scores, order, 0), np.take_along_axis(rows, order, 0)
