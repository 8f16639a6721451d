"""Probabilities of a word between two others: a mixture of counts of the words before, after, and on both sides.

    P(w) = a P(w | two words before) + b P(w | two words after) + c P(w | the word before, the word after)

The first two are interpolated n-grams, of the text and of the text read backward. The third takes from each pair of
neighbours, by Witten and Bell's formula, a share for its counts and leaves the rest to the mean of both bigrams:

    P(w | l, r) = (c(l, w, r) + t(l, r) (P(w | l) + P(w | r)) / 2) / (c(l, r) + t(l, r))

with c(l, w, r) the count of w between l and r, c(l, r) the sum over all w, and t(l, r) the number of different w. The
shares a, b and c are those that are most likely for the end of the training text (expectation maximisation).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from elman.baselines.lookup import distinct, find
from elman.baselines.ngrams import InterpolatedNGrams, Smoothing
from elman.errors import ConfigError

__all__ = ["TwoSidedNGrams"]

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]

# The shares are chosen on this part of the training text, the last one, in so many steps.
_HELD_OUT, _STEPS = 20, 50


class TwoSidedNGrams:
    """Mixture of n-grams to the left, to the right, and of both neighbours.

    Args:
        smoothing: that of the n-grams, as of `InterpolatedNGrams`.

    Attributes:
        shares: the shares a, b and c of the mixture after `fit`.
    """

    def __init__(self, smoothing: Smoothing = "kneser-ney") -> None:
        self.smoothing = smoothing
        self.size = 0
        self.shares: Floats = np.full(3, 1 / 3)

    def fit(self, tokens_T: ArrayLike, size: int, order: int = 3) -> TwoSidedNGrams:
        """Count, and choose the shares. Returns the instance.

        Args:
            tokens_T: token ids from 0 to `size - 1`.
            size: number of tokens in the vocabulary.
            order: length of the n-grams of one side, at least 2.
        """
        if order < 2:
            raise ConfigError(f"expected an order of 2 or more. Received: {order}")
        text_T = np.asarray(tokens_T, np.int64)
        held_out = len(text_T) // _HELD_OUT
        if held_out:
            self._count(text_T[:-held_out], size, order)
            self.shares = _likeliest(self._parts(text_T[-held_out:]))
        self._count(text_T, size, order)
        return self

    def log_probabilities(self, tokens_T: ArrayLike) -> Floats:
        """Return the natural log probability of each token, given those before and after it."""
        if not self.size:
            raise ConfigError("expected fit() before log_probabilities(). Received: a model without counts")
        return np.log(self.shares @ self._parts(np.asarray(tokens_T, np.int64)))

    def _count(self, text_T: Ints, size: int, order: int) -> None:
        self.size = size
        self._left = InterpolatedNGrams(self.smoothing).fit(text_T, size, order)
        self._right = InterpolatedNGrams(self.smoothing).fit(text_T[::-1], size, order)
        self._pairs_N, places_T, self._counts_N = distinct(_neighbours(text_T, size))
        self._triples_N, _, self._between_N = distinct(places_T * size + text_T[1:-1])
        self._kinds_N = np.bincount(self._triples_N // size, minlength=len(self._pairs_N))

    def _parts(self, text_T: Ints) -> Floats:
        """Return the probability of each token by each part of the mixture, `3 x T`."""
        left, right = self._left, self._right
        before_T, after_T = (
            np.exp(model.log_probabilities(text, order=2)) for model, text in ((left, text_T), (right, text_T[::-1]))
        )
        both_T = (before_T + after_T[::-1]) / 2
        if len(text_T) > 2 and len(self._pairs_N):
            pairs_N = find(self._pairs_N, _neighbours(text_T, self.size))
            known_N = np.flatnonzero(pairs_N >= 0)
            pairs_N, inside_N = pairs_N[known_N], known_N + 1
            triples_N = find(self._triples_N, pairs_N * self.size + text_T[inside_N])
            counts_N = np.where(triples_N >= 0, self._between_N[triples_N], 0)
            kinds_N = self._kinds_N[pairs_N]
            both_T[inside_N] = (counts_N + kinds_N * both_T[inside_N]) / (self._counts_N[pairs_N] + kinds_N)
        return np.stack(
            [
                np.exp(left.log_probabilities(text_T)),
                np.exp(right.log_probabilities(text_T[::-1]))[::-1],
                both_T,
            ]
        )


def _neighbours(text_T: Ints, size: int) -> Ints:
    """Return a number for the neighbours of each token but the first and the last one."""
    return text_T[:-2] * size + text_T[2:]


def _likeliest(parts_CT: Floats) -> Floats:
    """Return the shares with the largest likelihood of a text, from its probabilities by each part."""
    shares_C = np.full(len(parts_CT), 1 / len(parts_CT))
    for _ in range(_STEPS):
        joint_CT = shares_C[:, None] * parts_CT
        shares_C = (joint_CT / joint_CT.sum(axis=0)).mean(axis=1)
    return shares_C
