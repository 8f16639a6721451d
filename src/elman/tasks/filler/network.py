"""`FillerNetwork`: from the words before and after a place to the logits of the word there; and an ensemble."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from elman.decode.ensembles import log_mean_probabilities
from elman.errors import ConfigError
from elman.kernels import reverse_rows
from elman.nn import StoredModule, linear_cross_entropy
from elman.nn.dropout import SequenceDropout
from elman.nn.embed import Embedding
from elman.nn.ensemble import Ensemble
from elman.nn.recurrent import make_stack
from elman.nn.sampled_losses import Noise, sampled_softmax_loss
from elman.tasks.filler.config import FillerNetworkConfig

__all__ = ["FillerEnsemble", "FillerNetwork"]


class FillerNetwork(StoredModule):
    """Recurrent layers that read forward, others that read backward, and an output layer on their states around a word.

    The word at place t is predicted from the output of the forward layers at t - 1 and of the backward layers at t + 1:
    nothing depends on the word itself. Beyond the first and the last word, these outputs are zero.

    Args:
        vocabulary_size: number of tokens V.
        config: the sizes and dropout rates.

    Attributes:
        noise: the distribution of the samples of the output layer `sampled`, needed for training only.
    """

    def __init__(self, vocabulary_size: int, config: FillerNetworkConfig) -> None:
        super().__init__()
        joined = config.joined or config.embedding
        if config.tied and joined != config.embedding:
            raise ConfigError(
                f"expected joined = {config.embedding}, the size of the embedding, or tied=false. Received: {joined}"
            )
        self.vocabulary_size = vocabulary_size
        self.head_kind = config.head
        self.noise: Noise | None = None
        self.dropout = config.dropout
        self.input_dropout = config.input_dropout
        self._drop = SequenceDropout(config.variational)
        self.embed = Embedding(vocabulary_size, config.embedding)
        # The forward layers and the backward ones, which read the reversed text.
        self.contexts = nn.ModuleList([make_stack(config, config.embedding) for _ in range(2)])
        self.join = nn.Linear(2 * self.contexts[0].output_size, joined)  # type: ignore[arg-type,operator]
        self.head = nn.Linear(joined, vocabulary_size)
        if config.tied:
            # As weights of the output layer, embeddings of torch's size would give far too large logits.
            nn.init.normal_(self.embed.weight, std=config.embedding**-0.5)
            self.head.weight = self.embed.weight

    def forward(self, tokens_BT: Tensor, lengths_B: Tensor | None, asked_BT: Tensor) -> Tensor:
        """Return `logits_NV` of the words at the N places where `asked_BT` is true, row by row."""
        return self.head(self.between(tokens_BT, lengths_B, asked_BT))

    def between(self, tokens_BT: Tensor, lengths_B: Tensor | None, asked_BT: Tensor) -> Tensor:
        """Return the inputs of the output layer `r_NY` at these places."""
        before_BTY = self._read(0, tokens_BT, lengths_B)
        reversed_BT = reverse_rows(tokens_BT[..., None], lengths_B)[..., 0]
        after_BTY = reverse_rows(self._read(1, reversed_BT, lengths_B), lengths_B)
        before_BTY = F.pad(before_BTY[:, :-1], (0, 0, 1, 0))
        after_BTY = F.pad(after_BTY[:, 1:], (0, 0, 0, 1))
        both_BTY = torch.cat([before_BTY, after_BTY], dim=-1)
        if self._drop.variational:
            both_BTY = self._drop(both_BTY, self.dropout)
            return torch.tanh(self.join(both_BTY[asked_BT]))
        return torch.tanh(self.join(F.dropout(both_BTY[asked_BT], self.dropout, self.training)))

    def nats(self, r_NY: Tensor, targets_N: Tensor, right: list[Tensor]) -> Tensor:
        """Return the loss of words, summed; the number of the most likely ones is added to `right` if it is known.

        In training with the output layer `sampled`, the loss is that of a sample of the vocabulary.
        """
        weight_VY, bias_V = self.head.weight, self.head.bias
        if self.noise is None or not self.training:
            return linear_cross_entropy(r_NY, weight_VY, bias_V, targets_N, right=right)
        return sampled_softmax_loss(r_NY, weight_VY, bias_V, targets_N, self.noise)

    def _read(self, direction: int, tokens_BT: Tensor, lengths_B: Tensor | None) -> Tensor:
        """Return the outputs of the layers of one direction, zero in the padding."""
        stack = self.contexts[direction]
        if self.training and self.input_dropout:
            y_BTY, _ = stack(self._drop(self.embed(tokens_BT), self.input_dropout), lengths_B)
        else:
            y_BTY, _ = stack(self.embed.lookup(tokens_BT), lengths_B)
        return y_BTY


class FillerEnsemble(Ensemble):
    """Fillers with the mean of their probabilities of every word."""

    def forward(self, tokens_BT: Tensor, lengths_B: Tensor | None, asked_BT: Tensor) -> Tensor:
        """Return the logarithms of the mean probabilities, `logits_NV`, at the N places where `asked_BT` is true."""
        members: Any = self.members
        return log_mean_probabilities([member(tokens_BT, lengths_B, asked_BT) for member in members])
