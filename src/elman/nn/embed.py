"""Input layers for tokens: embeddings and one-hot vectors."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from elman.errors import ConfigError
from elman.kernels import Lookup

__all__ = ["Embedding", "OneHot", "embed_tokens"]

_MAX_ONE_HOT = 2000


class OneHot(nn.Module):
    """One-hot encoding of token ids: int64 `B x T` to float `B x T x V`.

    Raises ConfigError for a vocabulary of more than 2000 tokens.
    """

    def __init__(self, vocabulary_size: int) -> None:
        super().__init__()
        if vocabulary_size > _MAX_ONE_HOT:
            raise ConfigError(
                f"expected at most {_MAX_ONE_HOT} tokens for one-hot input; give an embedding size instead, such as "
                f"embedding=128 (--embedding 128), or fewer tokens (vocabulary_size). "
                f"Received: {vocabulary_size} tokens"
            )
        self.vocabulary_size = vocabulary_size

    def forward(self, tokens_BT: Tensor) -> Tensor:
        """Return the one-hot vectors."""
        return F.one_hot(tokens_BT, self.vocabulary_size).float()

    def lookup(self, tokens_BT: Tensor) -> Lookup:
        """Return the one-hot vectors as a `Lookup` of rows of the identity matrix, without computing them."""
        return Lookup(tokens_BT, torch.eye(self.vocabulary_size, device=tokens_BT.device))


class Embedding(nn.Embedding):
    """torch's embedding with a `lookup` method for kernels that look up the rows themselves.

    frozen_until  the epoch from which on it is trained; infinity for never
    """

    frozen_until: float = 0.0

    def lookup(self, tokens_BT: Tensor) -> Lookup:
        """Return the embeddings as a `Lookup` of rows of the weight, without computing them."""
        return Lookup(tokens_BT, self.weight)


def embed_tokens(vocabulary_size: int, embedding_size: int) -> tuple[OneHot | Embedding, int]:
    """Build the input layer for token ids; return it and its feature size. `embedding_size` 0 means one-hot vectors.

    Raises ConfigError as `OneHot` does.
    """
    if embedding_size == 0:
        return OneHot(vocabulary_size), vocabulary_size
    return Embedding(vocabulary_size, embedding_size), embedding_size
