"""Embeddings that start from a file of word vectors. Knows nothing about networks or training."""

from __future__ import annotations

import torch

from elman.data.vectors import read_vectors
from elman.data.vocabulary import Vocabulary
from elman.data.vocabulary.base import display
from elman.errors import DataError
from elman.nn.embed import Embedding

__all__ = ["take_vectors"]

_SPACE = display(" ")


def take_vectors(path: str, embed: Embedding, vocabulary: Vocabulary) -> str:
    """Give an embedding the vectors of a file. Returns a sentence on how many of the tokens have one.

    A token that the file does not have keeps its random start. Raises DataError for vectors of another size than the
    embedding, and as `read_vectors`.
    """
    words = [_word(vocabulary, number) for number in range(vocabulary.size)]
    matrix, found = read_vectors(path, words)
    if matrix.shape[1] != embed.embedding_dim:
        raise DataError(
            f"{path}: expected vectors of {embed.embedding_dim} numbers, the size of the embedding; embedding="
            f"{matrix.shape[1]} takes them. Received: {matrix.shape[1]}"
        )
    known = torch.from_numpy(found)
    # Vectors come in any scale; the network expects that of its own start.
    given = torch.from_numpy(matrix)[known]
    given = given * (embed.weight.detach().std() / given.std().clamp_min(1e-12)).to(given)
    with torch.no_grad():
        embed.weight[: len(words)][known] = given.to(embed.weight)
    return f"{path}: vectors of {int(found.sum()):,} of {vocabulary.size:,} tokens"


def _word(vocabulary: Vocabulary, number: int) -> str:
    """What a token is called in a file of vectors: of subwords, those that begin a word are called as that word is,
    and others, which are parts, have no name there."""
    token = vocabulary.token(number)
    if vocabulary.kind != "subwords":
        return token
    space, word = token[:1], token[1:]
    return word if space == _SPACE else ""
