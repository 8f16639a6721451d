"""The simple rule that word vectors are compared with: the frequencies of words."""

from __future__ import annotations

import numpy as np

from elman.data.word_text.vocabulary import EmbeddingVocabulary
from elman.kernels.word_vectors import Sums
from elman.metrics.verdict import mean_of
from elman.tasks.comparison import Comparison, Doubles, SimpleRule
from elman.tasks.embeddings.config import EmbeddingsNetworkConfig
from elman.tasks.embeddings.network import EmbeddingsNetwork
from elman.tasks.embeddings.predictive import HeldOutPairs

__all__ = ["comparison_of"]

_ADVICE = "Try more text, or more time, such as --max-epochs 20."


def comparison_of(
    network: EmbeddingsNetwork,
    held: HeldOutPairs,
    config: EmbeddingsNetworkConfig,
    vocabulary: EmbeddingVocabulary,
    part: str,
    limit: int,
) -> Comparison:
    """Return the comparison on the pairs of a held-out text: the network, and a rule that ignores the context."""

    def frequencies(items: int) -> Doubles:
        del items  # the counts of the whole text are known
        return piece_counts(held.sums(held.frequency_tables(config, vocabulary), limit))

    return Comparison(
        part=part,
        noun="pieces of text",
        figure=mean_of("loss", "nats per pair"),
        network=lambda: piece_counts(held.sums(network.tables(), limit)),
        rules=[SimpleRule("frequencies of words, without the context", 1, frequencies)],
        advice=_ADVICE,
    )


def piece_counts(sums: Sums) -> Doubles:
    """Return the loss and the number of pairs of each piece that has some."""
    counts_NK = np.stack([sums.losses_N, sums.pairs_N.astype(np.float64)], axis=1)
    return counts_NK[sums.pairs_N > 0]
