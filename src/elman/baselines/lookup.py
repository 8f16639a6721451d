"""Integers that are sorted, grouped and found, and consecutive ranges of positions."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

__all__ = ["blocks", "distinct", "find", "order", "ranges"]

Ints = NDArray[np.int64]


# Bits of a digit. numpy sorts integers of 16 bits by counting, which is several times faster than by comparing.
_DIGIT = 16


def order(keys_N: Ints) -> Ints:
    """Return the indices that sort integers from 0 on; equal ones stay in their order."""
    bits = int(keys_N.max(initial=0)).bit_length()
    digits = [(keys_N >> shift).astype(np.uint16) for shift in range(0, max(bits, 1), _DIGIT)]
    return np.lexsort(digits)


def distinct(keys_N: Ints) -> tuple[Ints, Ints, Ints]:
    """Return the sorted distinct integers, the position of each of `keys_N` among them, and their counts."""
    order_N = order(keys_N)
    sorted_N = keys_N[order_N]
    new_N = np.ones(len(keys_N), np.bool_)
    new_N[1:] = sorted_N[1:] != sorted_N[:-1]
    positions_N = np.empty(len(keys_N), np.int64)
    positions_N[order_N] = np.cumsum(new_N) - 1
    return sorted_N[new_N], positions_N, np.diff(np.flatnonzero(new_N), append=len(keys_N))


def find(sorted_N: Ints, keys: Ints) -> Ints:
    """Return the position of each key in `sorted_N`, which has each integer once; -1 if it is absent."""
    if not len(sorted_N):
        return np.full(keys.shape, -1, np.int64)
    positions = np.minimum(np.searchsorted(sorted_N, keys), len(sorted_N) - 1)
    return np.where(sorted_N[positions] == keys, positions, -1)


def ranges(starts_N: Ints, lengths_N: Ints) -> Ints:
    """Return all ranges `start, start + 1, ...` of the given lengths, one after the other."""
    ends_N = np.cumsum(lengths_N)
    total = int(ends_N[-1]) if len(ends_N) else 0
    return np.arange(total) + np.repeat(starts_N - (ends_N - lengths_N), lengths_N)


def blocks(sizes_N: Ints, limit: int) -> Iterator[tuple[int, int]]:
    """Yield `(first, end)` of consecutive items whose sizes sum to at most `limit`. A larger item is a block alone."""
    ends_N = np.cumsum(sizes_N)
    first = 0
    while first < len(ends_N):
        before = int(ends_N[first - 1]) if first else 0
        end = max(first + 1, int(np.searchsorted(ends_N, before + limit, side="right")))
        yield first, end
        first = end
