"""`LanguageModelNetwork`: from tokens to logits of the next token; and an ensemble of such networks."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from elman.decode.ensembles import log_mean_probabilities
from elman.errors import ConfigError
from elman.nn import StoredModule, embed_tokens
from elman.nn.activation_penalty import activation_penalty
from elman.nn.adaptive_softmax import AdaptiveSoftmax
from elman.nn.dropout import SequenceDropout, check_rate, word_dropout
from elman.nn.ensemble import Ensemble
from elman.nn.recurrent import make_stack
from elman.nn.sampled_losses import Noise, nce_loss, sampled_softmax_loss
from elman.state import IGNORE_INDEX, State
from elman.tasks.language_model.config import LanguageModelNetworkConfig

__all__ = ["LanguageModelEnsemble", "LanguageModelNetwork", "TokenLoss"]


class TokenLoss(NamedTuple):
    """The loss of a batch, summed over its targets.

    total  what is minimised
    nats   the cross-entropy, which is `total` without penalties; None if it is not computed
    state  the state after the batch
    """

    total: Tensor
    nats: Tensor | None
    state: State


class LanguageModelNetwork(StoredModule):
    """Embedding or one-hot input, a stack of recurrent layers, and an output layer.

    Args:
        vocabulary_size: number of tokens V.
        config: the sizes and dropout rates.

    Attributes:
        noise: the distribution of the samples of the output layers `sampled` and `nce`, needed for training only.
    """

    def __init__(self, vocabulary_size: int, config: LanguageModelNetworkConfig) -> None:
        super().__init__()
        if config.tied and config.embedding == 0:
            raise ConfigError("expected an embedding size with tied=true. Received: embedding = 0 (one-hot)")
        self.vocabulary_size = vocabulary_size
        self.dropout = config.dropout
        self.input_dropout = config.input_dropout
        self.embedding_dropout = check_rate("embedding_dropout", config.embedding_dropout)
        self.alpha = config.activation_penalty
        self.beta = config.temporal_activation_penalty
        self._drop = SequenceDropout(config.variational)
        self.embed, features = embed_tokens(vocabulary_size, config.embedding)
        if config.embedding and config.embedding_range:
            nn.init.uniform_(self.embed.get_parameter("weight"), -config.embedding_range, config.embedding_range)
        self.stack = make_stack(config, features)
        self.head_kind = config.head
        self.noise: Noise | None = None
        self.head: Any = _head(self.stack.output_size, vocabulary_size, config)
        if config.tied:
            if config.embedding != self.stack.output_size:
                raise ConfigError(
                    f"expected embedding = {self.stack.output_size}, the size of the outputs, with tied=true. "
                    f"Received: {config.embedding}"
                )
            self.head.weight = self.embed.get_parameter("weight")

    def initial_state(self, batch_size: int) -> State:
        """Return the initial state."""
        return self.stack.initial_state(batch_size)

    def forward(self, tokens_BT: Tensor, lengths_B: Tensor | None, state: State) -> tuple[Tensor, State]:
        """Return `logits_BTV` of every next token, and the state after the last token of each sequence."""
        y_BTH, state = self.outputs(tokens_BT, lengths_B, state)
        return self.head(self._drop(y_BTH, self.dropout)), state

    def outputs(self, tokens_BT: Tensor, lengths_B: Tensor | None, state: State) -> tuple[Tensor, State]:
        """Return the outputs of the last layer `y_BTH`, before their dropout, and the state as `forward` does."""
        if not self.training or not (self.input_dropout or self.embedding_dropout):
            return self.stack(self.embed.lookup(tokens_BT), lengths_B, state)
        x_BTE = self.embed(tokens_BT)
        if self.embedding_dropout:
            x_BTE = word_dropout(x_BTE, tokens_BT, self.embedding_dropout, self.vocabulary_size)
        return self.stack(self._drop(x_BTE, self.input_dropout), lengths_B, state)

    def loss(self, tokens_BT: Tensor, lengths_B: Tensor | None, targets_BT: Tensor, state: State) -> TokenLoss:
        """Return the loss of the targets that are not `IGNORE_INDEX`, and the state as `forward` does."""
        y_BTH, state = self.outputs(tokens_BT, lengths_B, state)
        dropped_BTH = self._drop(y_BTH, self.dropout)
        total, nats = self._output_loss(dropped_BTH, targets_BT)
        if self.alpha or self.beta:
            penalty = activation_penalty(y_BTH, dropped_BTH, lengths_B, alpha=self.alpha, beta=self.beta)
            total = total + (targets_BT != IGNORE_INDEX).sum() * penalty
        return TokenLoss(total, nats, state)

    def _output_loss(self, r_BTY: Tensor, targets_BT: Tensor) -> tuple[Tensor, Tensor | None]:
        """Return the loss of the output layer, and the cross-entropy; None if only a sample of it is computed."""
        if self.head_kind == "softmax":
            logits_NV = self.head(r_BTY).flatten(0, 1).float()
            nats = F.cross_entropy(logits_NV, targets_BT.flatten(), ignore_index=IGNORE_INDEX, reduction="sum")
            return nats, nats
        counted_BT = targets_BT != IGNORE_INDEX
        r_NY, targets_N = r_BTY[counted_BT], targets_BT[counted_BT]
        if self.head_kind == "adaptive":
            nats = self.head.nats(r_NY, targets_N)
            return nats, nats
        if self.noise is None:
            raise ConfigError(
                f"expected the attribute noise before training with head={self.head_kind}. Received: none"
            )
        loss = nce_loss if self.head_kind == "nce" else sampled_softmax_loss
        return loss(r_NY, self.head.weight, self.head.bias, targets_N, self.noise), None

    def step(self, tokens_B: Tensor, state: State) -> tuple[Tensor, State]:
        """Return `logits_BV` after one more token of each sequence, and the state after it."""
        logits_BTV, state = self(tokens_B[:, None], None, state)
        return logits_BTV[:, 0], state

    @property
    def residual(self) -> bool:
        """Whether the layers have residual connections."""
        return self.stack.residual

    def cells(self) -> list[Any]:
        """Return the cell of each layer, in order."""
        return [unrolls[0].cell for unrolls in self.stack.unrolls()]

    def table(self) -> Tensor:
        """Return the embedding table `features_VE`."""
        return self.embed.lookup(torch.zeros(1, 1, dtype=torch.int64)).features_VI


def _head(size: int, vocabulary_size: int, config: LanguageModelNetworkConfig) -> nn.Module:
    """Return the output layer; its result is logits, or logarithms of probabilities."""
    if config.head == "adaptive":
        return AdaptiveSoftmax(size, vocabulary_size, config.cutoffs)
    head = nn.Linear(size, vocabulary_size)
    if config.head == "nce":
        with torch.no_grad():  # so that the probabilities without a normaliser sum to about 1 from the start
            head.bias.sub_(math.log(vocabulary_size))
    return head


class LanguageModelEnsemble(Ensemble):
    """Language models with the mean of their probabilities of every next token."""

    def forward(self, tokens_BT: Tensor, lengths_B: Tensor | None, state: State) -> tuple[Tensor, State]:
        """Return the logarithms of the mean probabilities, `logits_BTV`, and the members' states."""
        found = [member(tokens_BT, lengths_B, each) for member, each in zip(self.members, state, strict=True)]
        return log_mean_probabilities([logits_BTV for logits_BTV, _ in found]), tuple(after for _, after in found)

    def step(self, tokens_B: Tensor, state: State) -> tuple[Tensor, State]:
        """Return `logits_BV` after one more token of each sequence, and the members' states after it."""
        logits_BTV, state = self(tokens_B[:, None], None, state)
        return logits_BTV[:, 0], state
