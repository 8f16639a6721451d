"""Simple rules that a filler is compared with: how frequent words are, and counts on both sides."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from elman.baselines.ngrams import InterpolatedNGrams
from elman.baselines.two_sided import TwoSidedNGrams
from elman.data.segments import TokenSegments
from elman.data.token_file import TokenFile
from elman.metrics.verdict import mean_of
from elman.tasks.comparison import Comparison, Doubles, SimpleRule, piece_counts
from elman.tasks.filler.measure import word_nats
from elman.tasks.filler.network import FillerNetwork

__all__ = ["FIGURE", "ITEM", "NOUN", "comparison_of"]

# Maximum number of held-out words.
_MOST = 250_000
# Words of an item, whose losses are not independent; and those of the first fit of a rule.
ITEM, _FIRST = 100, 50_000
NOUN = f"pieces of {ITEM} words"
FIGURE = mean_of("loss", "nats per word")

_ADVICE = "Try more time, or --preset large for a long text."


def comparison_of(
    network: FillerNetwork, train: TokenFile, held: TokenSegments, size: int, part: str, limit: int
) -> Comparison:
    """Return the comparison on the first `limit` words of a held-out text (0: of as many as a comparison uses)."""
    words = min(limit or _MOST, _MOST, held.limit)
    places_N = np.concatenate([np.arange(start, stop) for start, stop in held.ranges_N2.tolist()])[:words]
    # The words after the last one are read too.
    text_T = held.tokens.read(0, min(len(held.tokens), int(places_N[-1]) + 3))

    def training(items: int) -> npt.NDArray[np.int64]:
        """Return the last tokens of the training text, which are next to the held-out text."""
        return train.read(len(train) - items, len(train))

    def frequencies(items: int) -> Doubles:
        rule = InterpolatedNGrams().fit(training(items), size, 1)
        return piece_counts(-rule.log_probabilities(text_T)[places_N], ITEM)

    def both_sides(items: int) -> Doubles:
        rule = TwoSidedNGrams().fit(training(items), size)
        return piece_counts(-rule.log_probabilities(text_T)[places_N], ITEM)

    return Comparison(
        part=part,
        noun=NOUN,
        figure=FIGURE,
        network=lambda: piece_counts(word_nats(network, held, words), ITEM),
        rules=[
            SimpleRule("frequencies of words", len(train), frequencies, _FIRST),
            SimpleRule("n-grams on both sides", len(train), both_sides, _FIRST),
        ],
        advice=_ADVICE,
    )
