"""N-gram language models with interpolated probabilities.

The probability of a token w after a context h is a share of its count, plus the context's remaining share of the
probability after the context without its first token:

    P(w | h) = share(h, w) + rest(h) P(w | shorter h)

After the empty context comes the uniform distribution. A context that training did not have is replaced by the
shorter one. With c(h, w) the count of w after h, c(h) the sum over all w, and t(h) the number of different w:

    witten-bell   share = c(h, w) / (c(h) + t(h))     rest = t(h) / (c(h) + t(h))
    kneser-ney    share = (c(h, w) - D) / c(h)        rest = D t(h) / c(h)

The shorter contexts of Kneser-Ney count, in place of occurrences, how many different tokens stand before h w. Its
discount is D = n1 / (n1 + 2 n2), with n1 and n2 the numbers of n-grams that are counted once and twice.

Witten and Bell 1991, The zero-frequency problem; Kneser and Ney 1995, Improved backing-off for m-gram language
modeling; Ney, Essen and Kneser 1994, On structuring probabilistic dependences in stochastic language modelling; Chen
and Goodman 1999, An empirical study of smoothing techniques for language modeling.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from elman.baselines.lookup import distinct, find
from elman.errors import ConfigError, DataError

__all__ = ["InterpolatedNGrams", "Smoothing", "best_order", "held_out_scores"]

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Smoothing = Literal["witten-bell", "kneser-ney"]

# Discount where no n-gram is counted once, so that Ney's formula would give 0.
_DISCOUNT = 0.5
# The order is chosen on this part of the tokens, the last one.
_HELD_OUT = 20


class _Shares(NamedTuple):
    """What each n-gram has of its context's probability, and what each context leaves to shorter contexts."""

    shares_N: Floats
    rests_C: Floats


class _Level(NamedTuple):
    """All n-grams of one length. The key of an n-gram is `context * size + token`; it is sorted by keys."""

    keys_N: Ints
    longest: _Shares  # in a model whose longest n-grams are these
    inner: _Shares  # in a model of longer n-grams


class InterpolatedNGrams:
    """N-gram language model over token ids.

    Args:
        smoothing: `witten-bell` or `kneser-ney`.

    Raises ConfigError for invalid arguments.
    """

    def __init__(self, smoothing: Smoothing = "witten-bell") -> None:
        if smoothing not in ("witten-bell", "kneser-ney"):
            raise ConfigError(f"expected the smoothing witten-bell or kneser-ney. Received: {smoothing!r}")
        self.smoothing = smoothing
        self.size = 0
        self.order = 0
        self._levels: list[_Level] = []

    def fit(self, tokens_T: ArrayLike, size: int, order: int, starts_N: ArrayLike | None = None) -> InterpolatedNGrams:
        """Count all n-grams of up to `order` tokens. Returns the instance.

        Args:
            tokens_T: token ids from 0 to `size - 1`.
            size: number of tokens in the vocabulary.
            order: length of the longest n-grams.
            starts_N: positions at which a sequence begins, if there are several; no n-gram crosses them.
        """
        if size < 1 or order < 1:
            raise ConfigError(f"expected a size and an order of 1 or more. Received: size={size}, order={order}")
        tokens_T = _token_ids(tokens_T, size)
        begins_T = _begins(len(tokens_T), starts_N)
        self.size, self.order, self._levels = size, order, []
        grams_T = np.zeros(len(tokens_T), np.int64)  # the n-gram that ends at each position; first the empty one
        contexts = 1
        for length in range(1, order + 1):
            contexts_T = grams_T if length == 1 else _before(grams_T, begins_T)
            known_N = np.flatnonzero(contexts_T >= 0)
            if not known_N.size:
                break
            keys_N, positions_N, counts_N = distinct(contexts_T[known_N] * size + tokens_T[known_N])
            grams_T = np.full(len(tokens_T), -1, np.int64)
            grams_T[known_N] = positions_N
            longest = self._shares(keys_N // size, counts_N, contexts)
            inner = longest
            if self.smoothing == "kneser-ney":
                different_N = self._predecessors(tokens_T, begins_T, grams_T, length, len(keys_N))
                inner = self._shares(keys_N // size, different_N, contexts)
            self._levels.append(_Level(keys_N, longest, inner))
            contexts = len(keys_N)
        return self

    def log_probabilities(
        self, tokens_T: ArrayLike, order: int | None = None, starts_N: ArrayLike | None = None
    ) -> Floats:
        """Return the natural log probability of each token after up to `order - 1` tokens before it.

        The first token of a sequence has no context. `order` is at most the fitted order, its default; a lower one
        gives the probabilities of a model that was fitted with it.
        """
        if not self.size:
            raise ConfigError("expected fit() before log_probabilities(). Received: a model without counts")
        order = self.order if order is None else order
        if not 1 <= order <= self.order:
            raise ConfigError(f"expected an order between 1 and {self.order}, as fitted. Received: {order}")
        tokens_T = _token_ids(tokens_T, self.size)
        begins_T = _begins(len(tokens_T), starts_N)
        levels = self._levels[:order]
        probabilities_T = np.full(len(tokens_T), 1 / self.size)
        grams_T = np.zeros(len(tokens_T), np.int64)
        for level in levels:
            contexts_T = grams_T if level is levels[0] else _before(grams_T, begins_T)
            known_N = np.flatnonzero(contexts_T >= 0)
            contexts_N = contexts_T[known_N]
            found_N = find(level.keys_N, contexts_N * self.size + tokens_T[known_N])
            shares_N, rests_C = level.longest if level is levels[-1] else level.inner
            probabilities_T[known_N] *= rests_C[contexts_N]
            probabilities_T[known_N] += np.where(found_N >= 0, shares_N[found_N], 0)
            grams_T = np.full(len(tokens_T), -1, np.int64)
            grams_T[known_N] = found_N
        return np.log(probabilities_T)

    def _shares(self, contexts_N: Ints, counts_N: Ints, contexts: int) -> _Shares:
        """Return the shares of n-grams from their counts. Every one of the contexts has an n-gram or none follows."""
        totals_C = np.bincount(contexts_N, counts_N, minlength=contexts)
        kinds_C = np.bincount(contexts_N, minlength=contexts)
        # A context at the very end of training is followed by nothing: it leaves all to the shorter context.
        empty_C = kinds_C == 0
        if self.smoothing == "witten-bell":
            sums_C = np.where(empty_C, 1, totals_C + kinds_C)
            return _Shares(counts_N / sums_C[contexts_N], np.where(empty_C, 1, kinds_C / sums_C))
        discount = _discount(counts_N)
        sums_C = np.where(empty_C, 1, totals_C)
        return _Shares((counts_N - discount) / sums_C[contexts_N], np.where(empty_C, 1, discount * kinds_C / sums_C))

    def _predecessors(self, tokens_T: Ints, begins_T: Ints, grams_T: Ints, length: int, grams: int) -> Ints:
        """Return the number of different tokens before each n-gram. The beginning of a sequence is one more token."""
        known_N = np.flatnonzero(grams_T >= 0)
        first_N = known_N - length + 1
        before_N = np.where(first_N > begins_T[known_N], tokens_T[first_N - 1], self.size)
        pairs_N = distinct(grams_T[known_N] * (self.size + 1) + before_N)[0]
        return np.bincount(pairs_N // (self.size + 1), minlength=grams)


def best_order(tokens_T: ArrayLike, size: int, orders: Iterable[int], smoothing: Smoothing = "witten-bell") -> int:
    """Return the order with the best log probability of the last twentieth of the tokens, after fitting to the rest.

    Equally good orders give the lowest one.
    """
    scores = held_out_scores(tokens_T, size, orders, smoothing)
    return max(scores, key=scores.__getitem__)


def held_out_scores(
    tokens_T: ArrayLike, size: int, orders: Iterable[int], smoothing: Smoothing = "witten-bell"
) -> dict[int, float]:
    """Return for each order, from the lowest on, the mean log probability by which `best_order` chooses.

    Without tokens to fit to, it is that of the uniform distribution.
    """
    choices = sorted(set(orders))
    if not choices:
        raise ConfigError(f"expected at least one order. Received: {choices}")
    tokens_T = _token_ids(tokens_T, size)
    cut = max(0, len(tokens_T) - max(1, len(tokens_T) // _HELD_OUT))
    model = InterpolatedNGrams(smoothing).fit(tokens_T[:cut], size, choices[-1])
    held_out_T = tokens_T[cut:]
    sums = {order: float(model.log_probabilities(held_out_T, order).sum()) for order in choices}
    return {order: total / max(1, len(held_out_T)) for order, total in sums.items()}


def _discount(counts_N: Ints) -> float:
    once, twice = int((counts_N == 1).sum()), int((counts_N == 2).sum())
    return once / (once + 2 * twice) if once else _DISCOUNT


def _before(grams_T: Ints, begins_T: Ints) -> Ints:
    """Return the n-gram that ends before each position, -1 at the beginning of a sequence."""
    contexts_T = np.roll(grams_T, 1)
    contexts_T[begins_T == np.arange(len(begins_T))] = -1
    return contexts_T


def _begins(length: int, starts_N: ArrayLike | None) -> Ints:
    """Return for each position the one at which its sequence begins."""
    starts = np.union1d([0], np.zeros(0, np.int64) if starts_N is None else np.asarray(starts_N, np.int64))
    if starts[0] < 0 or (starts[-1] > length):
        raise ConfigError(f"expected starts of sequences within {length} tokens. Received: {starts.tolist()}")
    positions = np.arange(length)
    return starts[np.searchsorted(starts, positions, side="right") - 1]


def _token_ids(tokens_T: ArrayLike, size: int) -> Ints:
    tokens = np.asarray(tokens_T)
    if not tokens.size:
        return np.zeros(0, np.int64)
    if tokens.ndim != 1 or tokens.dtype.kind not in "iu":
        raise DataError(f"expected token ids: one axis of integers. Received: shape {tokens.shape} of {tokens.dtype}")
    if tokens.min() < 0 or tokens.max() >= size:
        raise DataError(f"expected token ids from 0 to {size - 1}. Received: {tokens.min()} to {tokens.max()}")
    return tokens.astype(np.int64, copy=False)
