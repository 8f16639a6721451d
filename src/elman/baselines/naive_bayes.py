"""Multinomial naive Bayes on the words or the characters of texts.

McCallum and Nigam 1998, A comparison of event models for naive Bayes text classification.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from elman.baselines.commonest import labels_of
from elman.baselines.sparse import InvertedIndex, SparseRows
from elman.baselines.text_features import Counts, text_counts
from elman.errors import ConfigError

__all__ = ["NaiveBayes"]

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]

# What is added to each count, in the order of preference; the fewest texts to choose it on a tenth of them; and the
# most scores to choose it by, beyond which fewer texts do, but some.
_ADDED = (1.0, 0.3, 0.1)
_FEWEST_TO_CHOOSE = 50
_MOST_CHOOSING = 1_000_000
_FEWEST_CHOOSING = 200
# Scores that are in memory at once, and texts whose features are.
_MOST_SCORES = 4_000_000
_MOST_TEXTS = 10_000


class NaiveBayes:
    """Multinomial naive Bayes.

    The time for characters grows with the classes: with more than some ten thousand, prefer words.

    Args:
        features: `words`, words and pairs of words, or `characters`, up to five of them within words.
        added: what is added to each count; by default chosen among 1, 0.3 and 0.1 by the accuracy on a tenth of the
            training texts, or 1 if there are fewer than 50 texts.

    Raises ConfigError for invalid arguments.
    """

    def __init__(self, features: Literal["words", "characters"] = "words", added: float | None = None) -> None:
        if added is not None and not 0 < added < np.inf:
            raise ConfigError(f"expected a number above 0 to add to counts. Received: {added}")
        self.added = added
        self._counts = text_counts(features)
        self._model: _Model | None = None

    def fit(self, texts: Sequence[str], labels_N: ArrayLike, classes: int) -> NaiveBayes:
        """Count the features of each class. Returns the instance.

        Labels are from 0 to `classes - 1`. Raises DataError for other labels, or without texts.
        """
        labels_N = labels_of(labels_N, len(texts), classes)
        counts = self._counts.fit(texts)
        added = _chosen(counts, labels_N, classes) if self.added is None else self.added
        self._model = _Model(counts, labels_N, classes, added)
        return self

    def log_scores(self, texts: Sequence[str]) -> Floats:
        """Return the log probability of each class for each text; minus infinity for classes without examples."""
        model = self._fitted()
        scores_NC = model.scores(self._counts.transform(texts), 0, len(texts))
        if not len(texts):
            return scores_NC
        scores_NC -= scores_NC.max(1, keepdims=True)
        return scores_NC - np.log(np.exp(scores_NC).sum(1, keepdims=True))

    def predict(self, texts: Sequence[str]) -> Ints:
        """Return the class with the best score for each text, the first one of equally good classes."""
        return self._fitted().predict(self._counts.transform(texts))

    def _fitted(self) -> _Model:
        if self._model is None:
            raise ConfigError("expected fit() before predictions. Received: a naive Bayes model without counts")
        return self._model


class _Model:
    """Log probabilities, as those of a feature without a count and what each count adds to it."""

    def __init__(self, counts: Counts, labels_N: Ints, classes: int, added: float) -> None:
        classes_CF = Counts(counts.texts.summed_by(labels_N, classes), counts.units).features()
        self.seen_F = np.bincount(classes_CF.columns_N, minlength=classes_CF.width) > 0
        totals_C = np.bincount(classes_CF.rows, classes_CF.values_N, minlength=classes)
        sizes_C = np.bincount(labels_N, minlength=classes)
        self.added = added
        self.prior_C = np.full(classes, -np.inf)
        self.prior_C[sizes_C > 0] = np.log(sizes_C[sizes_C > 0] / len(labels_N))
        self.uncounted_C = np.log(added) - np.log(totals_C + added * max(int(self.seen_F.sum()), 1))
        self.index = InvertedIndex(classes_CF._replace(values_N=np.log1p(classes_CF.values_N / added)))

    def scores(self, counts: Counts, first: int, end: int) -> Floats:
        """Return the log of the joint probability of texts and classes."""
        rows: SparseRows = Counts(counts.texts.part(first, end), counts.units).features()
        lengths_N = np.bincount(rows.rows, rows.values_N * self.seen_F[rows.columns_N], minlength=rows.height)
        return self.index.scores(rows) + np.outer(lengths_N, self.uncounted_C) + self.prior_C

    def predict(self, counts: Counts) -> Ints:
        """Return the class with the best score for each text."""
        texts, step = counts.texts.height, max(1, min(_MOST_TEXTS, _MOST_SCORES // len(self.prior_C)))
        parts = [self.scores(counts, first, min(first + step, texts)).argmax(1) for first in range(0, texts, step)]
        return np.concatenate([np.zeros(0, np.int64), *parts])


def _chosen(counts: Counts, labels_N: Ints, classes: int) -> float:
    """Return what to add to counts, by the accuracy on a tenth of the texts."""
    if len(labels_N) < _FEWEST_TO_CHOOSE:
        return _ADDED[0]
    order_N = np.random.default_rng(0).permutation(len(labels_N))
    held_out = min(len(labels_N) // 10, max(_FEWEST_CHOOSING, _MOST_CHOOSING // classes))
    scored_N, fitted_N = order_N[:held_out], order_N[held_out:]
    fitted = Counts(counts.texts.take(fitted_N), counts.units)
    scored = Counts(counts.texts.take(scored_N), counts.units)

    def correct(added: float) -> int:
        predicted_N = _Model(fitted, labels_N[fitted_N], classes, added).predict(scored)
        return int((predicted_N == labels_N[scored_N]).sum())

    return max(_ADDED, key=correct)
