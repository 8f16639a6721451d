"""`EmbeddingsNetwork`: the tables of vectors of input and output words."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn

from elman.kernels.word_vectors import padded_table
from elman.nn import StoredModule

__all__ = ["EmbeddingsNetwork", "Tables"]


class Tables(NamedTuple):
    """The weights as the kernel reads them."""

    input_NE: Tensor
    output_VE: Tensor
    bias_V: Tensor | None


class EmbeddingsNetwork(StoredModule):
    """Vectors of the words as inputs, which are the word vectors, and as outputs.

    Args:
        words: number of words V.
        size: size E of a vector.
        bias: whether output words have a bias.
    """

    def __init__(self, words: int, size: int, *, bias: bool = False) -> None:
        super().__init__()
        self.input_vectors = nn.Parameter(padded_table(words, size))
        self.output_vectors = nn.Parameter(padded_table(words, size))
        self.output_bias = nn.Parameter(torch.zeros(words)) if bias else None

    def initialise(self) -> None:
        """Draw the input vectors from -0.5/E to 0.5/E (as word2vec does), with torch's generator; others are zero."""
        with torch.no_grad():
            rows, size = self.input_vectors.shape
            self.input_vectors.copy_((torch.rand(rows, size) - 0.5) / size)

    def tables(self) -> Tables:
        """Return the weights: those of the network, or copies if they are in memory that the kernel cannot read."""
        bias_V = None if self.output_bias is None else self.output_bias.detach()
        return Tables(_readable(self.input_vectors.detach()), _readable(self.output_vectors.detach()), bias_V)


def _readable(table_NE: Tensor) -> Tensor:
    padded = padded_table(*table_NE.shape)
    if table_NE.stride() == padded.stride() and table_NE.data_ptr() % 64 == 0:
        return table_NE
    return padded.copy_(table_NE)
