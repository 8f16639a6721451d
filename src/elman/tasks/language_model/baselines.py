"""Simple rules that a language model is compared with: n-grams of its own tokens."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from elman.baselines.ngrams import InterpolatedNGrams, Smoothing, held_out_scores
from elman.data.corpus import HeldOutText
from elman.data.token_file import TokenFile
from elman.data.vocabulary import UNKNOWN_ID
from elman.decode.engine import TokenNetwork
from elman.metrics.likelihood import token_nats
from elman.metrics.verdict import Figure, mean_of
from elman.tasks.comparison import Comparison, Doubles, SimpleRule, piece_counts

__all__ = ["ITEM", "comparison_of", "figure_of", "noun_of"]

# Maximum number of held-out tokens.
_MOST = 250_000
# Tokens of an item, whose losses are not independent; and those of the first fit of a rule.
ITEM, _FIRST = 100, 50_000
# Orders and smoothing of n-grams, which are chosen on the end of the training text, by so many tokens.
_ORDERS, _CHOSEN_ON = (2, 3, 4, 5, 6, 7), 200_000
_SMOOTHINGS: tuple[Smoothing, ...] = ("witten-bell", "kneser-ney")

_ADVICE = "Try more time, --preset large, or --tokens subwords."


def comparison_of(
    network: TokenNetwork, train: TokenFile, held: HeldOutText, size: int, unit: str, part: str, limit: int
) -> Comparison:
    """Return the comparison on the first `limit` tokens of a held-out text (0: of as many as a comparison uses)."""
    tokens = min(limit or _MOST, _MOST, held.limit)
    # The first token has no predecessor.
    text_T = held.tokens.read(0, tokens).astype(np.int64)

    def frequencies(items: int) -> Doubles:
        return piece_counts(-InterpolatedNGrams().fit(training(items), size, 1).log_probabilities(text_T)[1:], ITEM)

    def ngrams(items: int) -> Doubles:
        train_T = training(items)
        scores = {
            (order, smoothing): score
            for smoothing in _SMOOTHINGS
            for order, score in held_out_scores(train_T[-_CHOSEN_ON:], size, _ORDERS, smoothing).items()
        }
        order, smoothing = max(scores, key=lambda each: scores[each])
        return piece_counts(
            -InterpolatedNGrams(smoothing).fit(train_T, size, order).log_probabilities(text_T)[1:], ITEM
        )

    def training(items: int) -> npt.NDArray[np.int64]:
        """Return the last tokens of the training text, which are next to the held-out text."""
        return train.read(len(train) - items, len(train)).astype(np.int64)

    return Comparison(
        part=part,
        noun=noun_of(unit, float(np.mean(text_T[1:] == UNKNOWN_ID)) if tokens > 1 else 0.0),
        figure=figure_of(unit),
        network=lambda: piece_counts(token_nats(network, held(tokens)[0]), ITEM),
        rules=[
            SimpleRule(f"frequencies of {unit}s", len(train), frequencies, _FIRST),
            SimpleRule("interpolated n-grams", len(train), ngrams, _FIRST),
        ],
        advice=_ADVICE,
    )


def noun_of(unit: str, unknown: float = 0.0) -> str:
    """Return the name of the pieces of a text of such tokens, with the share of unknown tokens."""
    return f"pieces of {ITEM} {unit}s" + (f" ({unknown:.1%} of them unknown)" if unknown else "")


def figure_of(unit: str) -> Figure:
    """Return the loss of such tokens."""
    return mean_of("loss", f"nats per {unit}")
