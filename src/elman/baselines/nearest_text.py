"""The most similar training text, by the cosine of tf-idf weights of words, or of characters in texts without spaces.

Salton and Buckley 1988, Term-weighting approaches in automatic text retrieval; Manning et al. 2008, Introduction to
information retrieval. The weight of a word is its count in the text times log((1 + n) / (1 + n_w)) + 1, with n texts in
training and n_w of them with the word.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from elman.baselines.sparse import InvertedIndex, SparseRows
from elman.baselines.text_features import CharacterCounts, TextCounts, WordCounts
from elman.errors import ConfigError, DataError

__all__ = ["NearestText"]

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]

# Similarities that are in memory at once.
_MOST_SCORES = 8_000_000
# Decimals of a cosine that decide; others are errors of rounding, which differ between equal texts.
_DECIMALS = 9
# Length of the sequences of characters, where texts have no spaces.
_CHARACTERS = 3


class NearestText:
    """An index of training texts."""

    def __init__(self) -> None:
        self._counts: TextCounts | None = None
        self._weights_F = np.zeros(0)
        self._index: InvertedIndex | None = None

    def fit(self, texts: Sequence[str]) -> NearestText:
        """Index the texts. Returns the instance. Raises DataError without texts."""
        if not len(texts):
            raise DataError("expected at least one text. Received: none")
        spaced = sum(len(text.split()) > 1 for text in texts)
        self._counts = WordCounts(pairs=False) if 2 * spaced >= len(texts) else CharacterCounts(1, _CHARACTERS)
        counts_NF = self._counts.fit(texts).features()
        frequencies_F = np.bincount(counts_NF.columns_N, minlength=counts_NF.width)
        self._weights_F = np.log((1 + len(texts)) / (1 + frequencies_F)) + 1
        self._index = InvertedIndex(self._weighted(counts_NF))
        return self

    def nearest(self, texts: Sequence[str]) -> Ints:
        """Return for each text the index of the most similar training text, the first one of equally similar ones.

        It is the first training text if no text has a word in common.
        """
        if self._counts is None or self._index is None:
            raise ConfigError("expected fit() before nearest(). Received: an index without texts")
        rows_BF = self._weighted(self._counts.transform(texts).features())
        step = max(1, _MOST_SCORES // self._index.targets)
        found = [np.zeros(0, np.int64)]
        for first in range(0, len(texts), step):
            scores_BN = self._index.scores(rows_BF.part(first, min(first + step, len(texts))))
            found.append(np.round(scores_BN, _DECIMALS).argmax(1))
        return np.concatenate(found)

    def _weighted(self, counts: SparseRows) -> SparseRows:
        """Return rows of length 1; a row without features stays 0."""
        values_N = counts.values_N * self._weights_F[counts.columns_N]
        squares = np.bincount(counts.rows, values_N**2, minlength=counts.height)
        norms = np.sqrt(np.where(squares > 0, squares, 1))
        return counts._replace(values_N=values_N / norms[counts.rows])
