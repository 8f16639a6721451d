"""Tokens in, features out: an embedding or one-hot vectors. Knows nothing about cells or vocabularies."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from elman.errors import ConfigError
from elman.kernels import Lookup

__all__ = ["Embedding", "OneHot", "embed_tokens"]

_MOST_ONE_HOT = 2000


class OneHot(nn.Module):
    """Token numbers as one-hot vectors: int64 `B x T` in, float `B x T x V` out."""

    def __init__(self, vocabulary_size: int) -> None:
        super().__init__()
        if vocabulary_size > _MOST_ONE_HOT:
            raise ConfigError(
                f"expected at most {_MOST_ONE_HOT} tokens for one-hot input; give an embedding size instead. "
                f"Received: {vocabulary_size} tokens"
            )
        self.vocabulary_size = vocabulary_size

    def forward(self, tokens_BT: Tensor) -> Tensor:
        """One-hot vectors."""
        return F.one_hot(tokens_BT, self.vocabulary_size).float()

    def lookup(self, tokens_BT: Tensor) -> Lookup:
        """The same, not made yet: rows of the identity matrix."""
        return Lookup(tokens_BT, torch.eye(self.vocabulary_size, device=tokens_BT.device))


class Embedding(nn.Embedding):
    """torch's embedding, which can also leave the looking up to a kernel."""

    def lookup(self, tokens_BT: Tensor) -> Lookup:
        """The embeddings, not made yet: rows of the weight."""
        return Lookup(tokens_BT, self.weight)


def embed_tokens(vocabulary_size: int, embedding_size: int) -> tuple[OneHot | Embedding, int]:
    """A module from token numbers to features, and the features' size; `embedding_size` 0 means one-hot vectors."""
    if embedding_size == 0:
        return OneHot(vocabulary_size), vocabulary_size
    return Embedding(vocabulary_size, embedding_size), embedding_size
