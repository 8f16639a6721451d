"""The table of the word vectors of a trained network."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from elman.data.word_text.subwords import composed, ngrams_of, row_of
from elman.data.word_text.vocabulary import EmbeddingVocabulary
from elman.data.word_vectors import WordTable
from elman.tasks.embeddings.config import EmbeddingsNetworkConfig
from elman.tasks.embeddings.network import EmbeddingsNetwork
from elman.tasks.embeddings.predictive import parts_of

__all__ = ["made_table"]


def made_table(
    network: EmbeddingsNetwork, vocabulary: EmbeddingVocabulary, config: EmbeddingsNetworkConfig
) -> WordTable:
    """Return the words with their vectors and counts.

    Vectors are those of the words as inputs; with n-grams the means of their parts, also for unknown words, which are
    brought into the case and the Unicode form of the training text first; of GloVe the sums with those of the words as
    outputs.
    """
    words, counts_V = vocabulary.words, vocabulary.counts_V
    table_NE = network.input_vectors.detach().numpy()
    if config.objective == "glove":
        return WordTable(words, table_NE + network.output_vectors.detach().numpy(), counts_V, name="the model")
    parts = parts_of(config, vocabulary)
    if parts is None:
        return WordTable(words, table_NE, counts_V, name="the model")

    def composer(word: str) -> npt.NDArray[np.float32] | None:
        ngrams = ngrams_of(word, config.min_n, config.max_n)
        if not ngrams:
            return None
        rows = [len(vocabulary) + row_of(ngram, config.buckets) for ngram in ngrams]
        return np.asarray(table_NE[rows].mean(axis=0, dtype=np.float32))

    return WordTable(
        words, composed(table_NE, parts), counts_V, composer=composer, form=vocabulary.base.in_case, name="the model"
    )
