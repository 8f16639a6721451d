"""The simple rule that word vectors are compared with: the frequencies of words."""

from __future__ import annotations

import numpy as np

from elman.data.word_text.vocabulary import EmbeddingVocabulary
from elman.kernels.word_vectors import Sums
from elman.metrics.verdict import mean_of, ratio
from elman.tasks.comparison import Comparison, Doubles, SimpleRule
from elman.tasks.embeddings.config import EmbeddingsNetworkConfig
from elman.tasks.embeddings.network import EmbeddingsNetwork, Tables
from elman.tasks.embeddings.predictive import PREDICTIVE, HeldOutPairs

__all__ = ["comparison_of"]

_ADVICE = "Try more text, or more time."


def comparison_of(
    network: EmbeddingsNetwork,
    held: HeldOutPairs,
    config: EmbeddingsNetworkConfig,
    vocabulary: EmbeddingVocabulary,
    part: str,
    limit: int,
) -> Comparison:
    """Return the comparison on the pairs of a held-out text: the network, and a rule that ignores the context."""

    ranks = config.objective not in PREDICTIVE

    def counted(tables: Tables) -> Doubles:
        return piece_counts(held.sums(tables, limit), ranks=ranks)

    def frequencies(items: int) -> Doubles:
        del items  # the counts of the whole text are known
        return counted(held.frequency_tables(config, vocabulary))

    return Comparison(
        part=part,
        noun="pieces of text",
        figure=ratio("above_noise", "noise below true words") if ranks else mean_of("loss", "nats per pair"),
        network=lambda: counted(network.tables()),
        rules=[SimpleRule("frequencies of words, without the context", 1, frequencies)],
        advice=_ADVICE,
    )


def piece_counts(sums: Sums, *, ranks: bool = False) -> Doubles:
    """Return the loss and the number of pairs of each piece that has some; with `ranks`, the noise below true words."""
    if ranks:
        ranked_NK = np.stack([sums.ranked_N, sums.noises_N.astype(np.float64)], axis=1)
        return ranked_NK[sums.noises_N > 0]
    counts_NK = np.stack([sums.losses_N, sums.pairs_N.astype(np.float64)], axis=1)
    return counts_NK[sums.pairs_N > 0]
