"""How often pairs of words are near each other in a text."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from elman.data.epochs import EpochStream
from elman.data.token_file import TokenFile
from elman.data.word_text.vocabulary import EmbeddingVocabulary

__all__ = ["Cooccurrences", "PassStream", "ShuffledCells", "count_cooccurrences"]

Ints = npt.NDArray[np.int64]
Doubles = npt.NDArray[np.float64]

# Tokens that are counted at a time.
_BLOCK = 1 << 19


class Cooccurrences(NamedTuple):
    """The N pairs of words that occur near each other, in order, each also with its words exchanged.

    first_N, second_N  the words
    weights_N          the sums of the weights of their distances
    """

    first_N: Ints
    second_N: Ints
    weights_N: Doubles


def count_cooccurrences(
    tokens: TokenFile, vocabulary: EmbeddingVocabulary, window: int, weight: Callable[[int], float]
) -> Cooccurrences:
    """Return the pairs of words at most `window` words apart in a document; `weight` gives that of a distance."""
    size = len(vocabulary)
    keys, sums = np.zeros(0, dtype=np.int64), np.zeros(0)
    for ids in tokens.blocks(_BLOCK):
        words_T = vocabulary.numbers(ids).astype(np.int64)
        document_T = np.cumsum(words_T < 0)
        inside = words_T >= 0
        words_T, document_T = words_T[inside], document_T[inside]
        found: list[Ints] = [keys]
        times: list[Doubles] = [sums]
        for distance in range(1, min(window, len(words_T) - 1) + 1):
            one, other = words_T[:-distance], words_T[distance:]
            same = document_T[:-distance] == document_T[distance:]
            pairs, counts = np.unique(one[same] * size + other[same], return_counts=True)
            found.append(pairs)
            times.append(counts.astype(np.float64) * weight(distance))
        keys, sums = _summed(np.concatenate(found), np.concatenate(times))
    exchanged = keys % size * size + keys // size
    keys, sums = _summed(np.concatenate([keys, exchanged]), np.concatenate([sums, sums]))
    return Cooccurrences(keys // size, keys % size, sums)


def _summed(keys: Ints, values: Doubles) -> tuple[Ints, Doubles]:
    """Return the different keys in order, with the sum of the values of each."""
    different, where = np.unique(keys, return_inverse=True)
    sums: Doubles = np.bincount(where, weights=values, minlength=len(different)).astype(np.float64)
    return different, sums


class ShuffledCells(EpochStream[tuple[int, int]]):
    """Endless stream of batches of cells of a table, in a new random order in each epoch.

    Args:
        cells: number of cells.
        batch_size: cells of a batch.
        seed: seed of the orders.
    """

    def __init__(self, cells: int, *, batch_size: int, seed: int) -> None:
        self.cells = cells
        self.batch_size = batch_size
        self.seed = seed
        self.begin()

    def draw(self, epoch: int) -> list[tuple[int, int]]:
        """Return the bounds of the batches of an epoch, whose order is drawn."""
        self._order = np.random.default_rng([self.seed, epoch]).permutation(self.cells)
        return [(start, min(start + self.batch_size, self.cells)) for start in range(0, self.cells, self.batch_size)]

    def sizes(self) -> dict[str, int]:
        """Return the number of cells, and that of a batch."""
        return {"cells": self.cells, "batch_size": self.batch_size}

    @property
    def epoch(self) -> float:
        """Passes over the cells so far."""
        return self._epoch + self._place * self.batch_size / self.cells

    def next_batch(self) -> Ints:
        """Return the numbers of the cells of the next batch."""
        order = self._order
        start, stop = self.take_next()
        return order[start:stop]


class PassStream(EpochStream[int]):
    """Endless stream whose batches are whole passes over a table of so many cells."""

    def __init__(self, cells: int) -> None:
        self.cells = cells
        self.begin()

    def draw(self, epoch: int) -> list[int]:
        """Return the number of the pass."""
        return [epoch]

    def sizes(self) -> dict[str, int]:
        """Return the number of cells."""
        return {"cells": self.cells}

    @property
    def epoch(self) -> float:
        """Passes so far."""
        return float(self._epoch)

    def next_batch(self) -> int:
        """Return the number of the next pass."""
        return self.take_next()
