"""`EmbeddingsNetwork`: the tables of vectors of input and output words."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn

from elman.kernels.word_vectors import padded_table
from elman.nn import StoredModule

__all__ = ["EmbeddingsNetwork", "Tables"]

# Buffers that a run needs and a model does not.
_STATE = "state_"


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
        buckets: input vectors of n-grams, after those of the words.
        adagrad: whether input words have a bias too, and all weights the sums of AdaGrad.
        basis: columns of the basis of a decomposition; 0 for none.
    """

    state_input: Tensor
    state_output: Tensor
    state_input_bias: Tensor
    state_output_bias: Tensor
    state_basis: Tensor

    def __init__(
        self,
        words: int,
        size: int,
        *,
        bias: bool = False,
        buckets: int = 0,
        adagrad: bool = False,
        basis: int = 0,
    ) -> None:
        super().__init__()
        device = torch.get_default_device()  # meta where only shapes are needed
        self.input_vectors = nn.Parameter(padded_table(words + buckets, size, device))
        self.output_vectors = nn.Parameter(padded_table(words, size, device))
        self.output_bias = nn.Parameter(torch.zeros(words)) if bias or adagrad else None
        self.input_bias = nn.Parameter(torch.zeros(words)) if adagrad else None
        self.adagrad = adagrad
        if adagrad:
            for name in ("input", "output"):
                self.register_buffer(f"{_STATE}{name}", torch.ones(words, size))
                self.register_buffer(f"{_STATE}{name}_bias", torch.ones(words))
        if basis:
            self.register_buffer(f"{_STATE}basis", torch.zeros(words, min(basis, words)))

    def initialise(self) -> None:
        """Draw the input vectors from -0.5/E to 0.5/E (as word2vec does), with torch's generator; others are zero.

        With AdaGrad (as GloVe does) the output vectors and the biases too, and the basis of a decomposition is drawn.
        """
        drawn: list[Tensor | None] = [self.input_vectors]
        if self.adagrad:
            drawn += [self.output_vectors, self.input_bias, self.output_bias]
        size = self.input_vectors.shape[1]
        with torch.no_grad():
            for table in drawn:
                if table is not None:
                    table.copy_((torch.rand(table.shape) - 0.5) / size)
            if f"{_STATE}basis" in dict(self.named_buffers()):
                self.state_basis.normal_()

    def stored(self) -> dict[str, Tensor]:
        """Return the tensors to save: the weights."""
        return {name: tensor for name, tensor in super().stored().items() if not name.startswith(_STATE)}

    def tables(self) -> Tables:
        """Return the weights: those of the network, or copies if they are in memory that the kernel cannot read."""
        bias_V = None if self.output_bias is None else self.output_bias.detach()
        return Tables(_readable(self.input_vectors.detach()), _readable(self.output_vectors.detach()), bias_V)


def _readable(table_NE: Tensor) -> Tensor:
    padded = padded_table(*table_NE.shape)
    if table_NE.stride() == padded.stride() and table_NE.data_ptr() % 64 == 0:
        return table_NE
    return padded.copy_(table_NE)
