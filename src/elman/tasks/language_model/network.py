"""`LanguageModelNetwork`: from tokens to logits of the next token; and an ensemble of such networks."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from elman.decode.ensembles import log_mean_probabilities
from elman.errors import ConfigError
from elman.nn import StoredModule, embed_tokens
from elman.nn.dropout import SequenceDropout
from elman.nn.ensemble import Ensemble
from elman.nn.recurrent import make_stack
from elman.state import State
from elman.tasks.language_model.config import LanguageModelNetworkConfig

__all__ = ["LanguageModelEnsemble", "LanguageModelNetwork"]


class LanguageModelNetwork(StoredModule):
    """Embedding or one-hot input, a stack of recurrent layers, and a linear output layer.

    Args:
        vocabulary_size: number of tokens V.
        config: the sizes and dropout rates.
    """

    def __init__(self, vocabulary_size: int, config: LanguageModelNetworkConfig) -> None:
        super().__init__()
        if config.tied and config.embedding == 0:
            raise ConfigError("expected an embedding size with tied=true. Received: embedding = 0 (one-hot)")
        self.vocabulary_size = vocabulary_size
        self.dropout = config.dropout
        self.input_dropout = config.input_dropout
        self._drop = SequenceDropout(config.variational)
        self.embed, features = embed_tokens(vocabulary_size, config.embedding)
        self.stack = make_stack(config, features)
        self.head = nn.Linear(self.stack.output_size, vocabulary_size)
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
        if self.training and self.input_dropout:
            y_BTH, state = self.stack(self._drop(self.embed(tokens_BT), self.input_dropout), lengths_B, state)
        else:
            y_BTH, state = self.stack(self.embed.lookup(tokens_BT), lengths_B, state)
        return self.head(self._drop(y_BTH, self.dropout)), state

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
