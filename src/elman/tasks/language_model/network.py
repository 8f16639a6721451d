"""The network of a language model: tokens in, a distribution over the next token out."""

from __future__ import annotations

import inspect

import torch
from torch import Tensor, nn

from elman.errors import ConfigError
from elman.nn import Stack, embed_tokens, sequence_dropout
from elman.tasks.language_model.config import NetworkConfig
from elman.types import State

__all__ = ["LanguageModelNetwork"]

# What a stack's constructor takes, or the network settles: a bidirectional language model, for one, would see what it
# is to predict.
_NOT_CELL_OPTIONS = frozenset(inspect.signature(Stack).parameters) | {
    "device",
    "dtype",
    "gate_names",
    "hidden_size",
    "learn_initial_state",
    "output_size",
}


class LanguageModelNetwork(nn.Module):
    """Embedding or one-hot input, a stack of recurrent layers, and one output product over batch x time.

    Args:
        vocabulary_size: V.
        config: the sizes and dropout rates.
    """

    def __init__(self, vocabulary_size: int, config: NetworkConfig) -> None:
        super().__init__()
        if config.tied and config.embedding == 0:
            raise ConfigError("expected an embedding size with tied=true. Received: embedding = 0 (one-hot)")
        taken = sorted(_NOT_CELL_OPTIONS & config.cell_options.keys())
        if taken:
            raise ConfigError(f"expected options of the cell alone in cell_options. Received: {', '.join(taken)}")
        self.vocabulary_size = vocabulary_size
        self.dropout = config.dropout
        self.input_dropout = config.input_dropout
        self.variational = config.variational
        self.embed, features = embed_tokens(vocabulary_size, config.embedding)
        self.stack = Stack(
            config.cell,
            features,
            config.hidden,
            layers=config.layers,
            residual=config.residual,
            dropout=config.dropout,
            variational=config.variational,
            recurrent_dropout=config.recurrent_dropout,
            weight_drop=config.weight_drop,
            learn_initial_state=config.learn_initial_state,
            **config.cell_options,
        )
        self.head = nn.Linear(self.stack.output_size, vocabulary_size)
        if config.tied:
            if config.embedding != self.stack.output_size:
                raise ConfigError(
                    f"expected embedding = {self.stack.output_size}, the size of the outputs, with tied=true. "
                    f"Received: {config.embedding}"
                )
            self.head.weight = self.embed.get_parameter("weight")

    def initial_state(self, batch_size: int) -> State:
        """The state before the first token."""
        return self.stack.initial_state(batch_size)

    def forward(self, tokens_BT: Tensor, lengths_B: Tensor | None, state: State) -> tuple[Tensor, State]:
        """Scores `logits_BTV` of every next token, and the state after each row's last token."""
        if self.training and self.input_dropout:
            y_BTH, state = self.stack(self._drop(self.embed(tokens_BT), self.input_dropout), lengths_B, state)
        else:
            y_BTH, state = self.stack(self.embed.lookup(tokens_BT), lengths_B, state)
        return self.head(self._drop(y_BTH, self.dropout)), state

    def step(self, tokens_B: Tensor, state: State) -> tuple[Tensor, State]:
        """Scores `logits_BV` after one more token in each row, and the state after it."""
        logits_BTV, state = self(tokens_B[:, None], None, state)
        return logits_BTV[:, 0], state

    def _drop(self, x_BTF: Tensor, rate: float) -> Tensor:
        return sequence_dropout(x_BTF, rate, variational=self.variational, training=self.training)

    def count_parameters(self) -> int:
        """How many numbers are learnt."""
        return sum(parameter.numel() for parameter in self.parameters())

    def expected_shapes(self) -> dict[str, tuple[int, ...]]:
        """The name and shape of every tensor that the model's file must hold."""
        return {name: tuple(tensor.shape) for name, tensor in self.stored().items()}

    def stored(self) -> dict[str, Tensor]:
        """The tensors to store: the state_dict, tied ones once."""
        seen: set[int] = set()
        tensors: dict[str, Tensor] = {}
        for name, tensor in self.state_dict(keep_vars=True).items():
            if id(tensor) not in seen:
                seen.add(id(tensor))
                tensors[name] = tensor.detach()
        return tensors

    def load_stored(self, tensors: dict[str, Tensor]) -> None:
        """Take the weights from `stored()` of another network of the same configuration."""
        own = self.stored()
        with torch.no_grad():
            for name, tensor in tensors.items():
                own[name].copy_(tensor)
