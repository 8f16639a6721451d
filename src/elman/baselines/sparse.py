"""Sparse matrices by rows, and products with an inverted index.

A product of sparse matrices first lists every product of two entries. Those are computed in blocks of rows, so that the
list stays within a bound of memory.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from elman.baselines.lookup import blocks, distinct, order, ranges

__all__ = ["InvertedIndex", "SparseRows"]

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]

# Products of entries that are computed at once.
_MOST_PRODUCTS = 4_000_000
# The most frequent features of an index form a dense matrix, of at most this many rows and numbers. A feature is
# frequent if this share of all targets has it.
_MOST_DENSE = 512
_MOST_DENSE_NUMBERS = 8_000_000
_DENSE_SHARE = 1 / 16


class SparseRows(NamedTuple):
    """A sparse matrix: row i has the entries from `starts_N[i]` to `starts_N[i + 1]` of `columns_N` and `values_N`."""

    starts_N: Ints
    columns_N: Ints
    values_N: Floats
    width: int

    @classmethod
    def from_entries(cls, rows_N: Ints, columns_N: Ints, values_N: Floats, height: int, width: int) -> SparseRows:
        """Sort entries by row and column. Entries of the same place are summed."""
        keys_N, positions_N, _ = distinct(rows_N * width + columns_N)
        sums_N: Floats = np.bincount(positions_N, values_N, minlength=len(keys_N)).astype(np.float64)
        starts_N = np.searchsorted(keys_N, np.arange(height + 1) * width)
        return cls(starts_N, keys_N % max(width, 1), sums_N, width)

    @property
    def height(self) -> int:
        """Number of rows."""
        return len(self.starts_N) - 1

    @property
    def lengths(self) -> Ints:
        """Number of entries of each row."""
        return np.diff(self.starts_N)

    @property
    def rows(self) -> Ints:
        """Row of each entry."""
        return np.repeat(np.arange(self.height), self.lengths)

    def part(self, first: int, end: int) -> SparseRows:
        """Return consecutive rows."""
        where = slice(self.starts_N[first], self.starts_N[end])
        return SparseRows(
            self.starts_N[first : end + 1] - self.starts_N[first],
            self.columns_N[where],
            self.values_N[where],
            self.width,
        )

    def take(self, rows_B: Ints) -> SparseRows:
        """Return some rows, in the order of `rows_B`."""
        lengths_B = self.lengths[rows_B]
        where_N = ranges(self.starts_N[rows_B], lengths_B)
        starts_N = np.concatenate([[0], np.cumsum(lengths_B)])
        return SparseRows(starts_N, self.columns_N[where_N], self.values_N[where_N], self.width)

    def transposed(self) -> SparseRows:
        """Exchange rows and columns."""
        order_N = order(self.columns_N)
        lengths_C = np.bincount(self.columns_N, minlength=self.width)
        starts_N = np.concatenate([[0], np.cumsum(lengths_C)])
        return SparseRows(starts_N, self.rows[order_N], self.values_N[order_N], self.height)

    def summed_by(self, groups_N: Ints, groups: int) -> SparseRows:
        """Return the sum of the rows of each group."""
        return SparseRows.from_entries(groups_N[self.rows], self.columns_N, self.values_N, groups, self.width)

    def products(self, other: SparseRows) -> tuple[Ints, Ints, Floats]:
        """Return rows, columns and values of all products of two entries; their sums are the matrix product."""
        lengths_N = other.lengths[self.columns_N]
        where_N = ranges(other.starts_N[self.columns_N], lengths_N)
        values_N = np.repeat(self.values_N, lengths_N) * other.values_N[where_N]
        return np.repeat(self.rows, lengths_N), other.columns_N[where_N], values_N

    def costs(self, other: SparseRows) -> Ints:
        """Return for each row the number of products of two entries in its product with `other`."""
        ends_N = np.concatenate([[0], np.cumsum(other.lengths[self.columns_N])])
        return np.diff(ends_N[self.starts_N])

    def times(self, other: SparseRows) -> SparseRows:
        """Return the matrix product."""
        parts = []
        for first, end in blocks(self.costs(other), _MOST_PRODUCTS):
            rows_N, columns_N, values_N = self.part(first, end).products(other)
            parts.append(SparseRows.from_entries(rows_N, columns_N, values_N, end - first, other.width))
        lengths_N = np.concatenate([np.zeros(0, np.int64), *(part.lengths for part in parts)])
        return SparseRows(
            np.concatenate([[0], np.cumsum(lengths_N)]),
            np.concatenate([np.zeros(0, np.int64), *(part.columns_N for part in parts)]),
            np.concatenate([np.zeros(0), *(part.values_N for part in parts)]),
            other.width,
        )


class InvertedIndex:
    """The targets of each feature, for products of sparse rows of features with all targets.

    Args:
        targets_CF: a row of features for each target.
    """

    def __init__(self, targets_CF: SparseRows) -> None:
        features = targets_CF.transposed()
        self.targets = targets_CF.height
        most = min(_MOST_DENSE, _MOST_DENSE_NUMBERS // max(self.targets, 1))
        frequent_F = np.flatnonzero(features.lengths > self.targets * _DENSE_SHARE)
        order_F = np.argsort(-features.lengths[frequent_F], kind="stable")[:most]
        frequent_F = frequent_F[order_F]
        frequent = features.take(frequent_F)
        self._dense_FC = np.zeros((len(frequent_F), self.targets))
        self._dense_FC[frequent.rows, frequent.columns_N] = frequent.values_N
        self._dense_of_F = np.full(features.height, -1, np.int64)
        self._dense_of_F[frequent_F] = np.arange(len(frequent_F))
        self._features = features

    def scores(self, rows_BF: SparseRows) -> Floats:
        """Return the dense product: for each row and each target the sum of products of their features."""
        dense_N = self._dense_of_F[rows_BF.columns_N]
        sparse = _entries(rows_BF, dense_N < 0)
        frequent = _entries(rows_BF, dense_N >= 0)
        width = len(self._dense_FC)
        keys_N = frequent.rows * width + self._dense_of_F[frequent.columns_N]
        weights = np.bincount(keys_N, frequent.values_N, minlength=rows_BF.height * width)
        scores_BC = weights.reshape(rows_BF.height, width) @ self._dense_FC
        for first, end in blocks(sparse.costs(self._features), _MOST_PRODUCTS):
            rows_N, targets_N, values_N = sparse.part(first, end).products(self._features)
            sums = np.bincount(rows_N * self.targets + targets_N, values_N, minlength=(end - first) * self.targets)
            scores_BC[first:end] += sums.reshape(end - first, self.targets)
        return scores_BC


def _entries(rows: SparseRows, chosen_N: NDArray[np.bool_]) -> SparseRows:
    """Return only the chosen entries."""
    before_N = np.concatenate([[0], np.cumsum(chosen_N)])
    return SparseRows(before_N[rows.starts_N], rows.columns_N[chosen_N], rows.values_N[chosen_N], rows.width)
