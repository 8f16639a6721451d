"""Pairs of words that are joined to phrases, such as new_york (Mikolov et al. 2013, as in word2phrase)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from elman.data.vocabulary.base import Ids

__all__ = ["Pairs", "Phrases", "learn_phrases"]

Pairs: TypeAlias = Sequence[tuple[int, int]]
Flags = npt.NDArray[np.bool_]

# Different pairs that are counted; the rarest are dropped beyond that, to bound the memory.
_MOST_PAIRS = 20_000_000
_SHIFT = 32


class Phrases:
    """Passes that join two symbols to one: pair i of all passes becomes the symbol `base_size` + i."""

    def __init__(self, base_size: int, passes: Sequence[Pairs]) -> None:
        self.base_size = base_size
        self.passes = [list(pairs) for pairs in passes]
        self.size = base_size + sum(map(len, self.passes))
        self._tables = []
        first = base_size
        for pairs in self.passes:
            keys = np.array([one << _SHIFT | other for one, other in pairs], dtype=np.int64)
            order = np.argsort(keys, kind="stable")
            self._tables.append((keys[order], first + order))
            first += len(pairs)

    def join(self, symbols_T: Ids) -> Ids:
        """Return the symbols with each pass applied from left to right."""
        for keys, symbols in self._tables:
            if len(keys) and len(symbols_T) > 1:
                symbols_T = _joined(symbols_T, keys, symbols)
        return symbols_T


def _joined(symbols_T: Ids, keys: Ids, symbols: Ids) -> Ids:
    pairs = symbols_T[:-1] << _SHIFT | symbols_T[1:]
    places = np.minimum(np.searchsorted(keys, pairs), len(keys) - 1)
    found = keys[places] == pairs
    # Of pairs that overlap, the first one is joined: those at even places of a run.
    at = np.flatnonzero(found)
    if not len(at):
        return symbols_T
    begins = np.r_[True, np.diff(at) > 1]
    run = np.cumsum(begins) - 1
    taken = at[(np.arange(len(at)) - np.flatnonzero(begins)[run]) % 2 == 0]
    joined = symbols_T.copy()
    joined[taken] = symbols[places[taken]]
    return np.delete(joined, taken + 1)


def learn_phrases(
    known: Phrases, text: Callable[[], Iterable[Ids]], left_out: Flags, *, min_count: int, threshold: float
) -> Phrases:
    """Return `known` with one more pass: the pairs of neighbours whose score is above `threshold`.

    The score of a pair is (count of the pair - min_count) / (count of one * count of other) * count of all words.

    text      returns the base ids of the training text in blocks
    left_out  the base symbols that are no words
    """
    counts = np.zeros(known.size, dtype=np.int64)
    apart = np.r_[left_out, np.zeros(known.size - len(left_out), dtype=bool)]
    keys, totals = np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.int64)
    for ids in text():
        symbols = known.join(ids)
        counts += np.bincount(symbols, minlength=known.size)
        usable = ~(apart[symbols[:-1]] | apart[symbols[1:]])
        new, times = np.unique((symbols[:-1] << _SHIFT | symbols[1:])[usable], return_counts=True)
        merged, where = np.unique(np.r_[keys, new], return_inverse=True)
        totals = np.bincount(where, weights=np.r_[totals, times], minlength=len(merged)).astype(np.int64)
        keys = merged
        least = 1
        while len(keys) > _MOST_PAIRS:
            least += 1
            keys, totals = keys[totals >= least], totals[totals >= least]
    counts[apart] = 0
    one, other = keys >> _SHIFT, keys & ((1 << _SHIFT) - 1)
    frequent = (counts[one] >= min_count) & (counts[other] >= min_count)
    scores = (totals - min_count) / np.maximum(counts[one] * counts[other].astype(float), 1.0) * counts.sum()
    chosen = frequent & (scores > threshold)
    pairs = list(zip(one[chosen].tolist(), other[chosen].tolist(), strict=True))
    return Phrases(known.base_size, [*known.passes, pairs])
