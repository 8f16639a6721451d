"""Embeddings that start from files of word vectors. Knows nothing about networks or training."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from elman.data.pairs import PairVocabulary
from elman.data.vectors import read_vectors
from elman.data.vocabulary import Vocabulary
from elman.data.vocabulary.base import display
from elman.errors import ConfigError, DataError
from elman.nn.embed import Embedding

__all__ = ["PairVectors", "take_vectors"]

_SPACE = display(" ")


@dataclass(frozen=True)
class PairVectors:
    """Files of vectors for the embeddings of a source and a target.

    source, target  their paths; empty for none
    frozen          keep given embeddings as they are
    one_table       whether both sides share one embedding
    """

    source: str = ""
    target: str = ""
    frozen: bool = False
    one_table: bool = False

    def check(self) -> None:
        """Raise ConfigError for options that do not go together."""
        if self.frozen and not (self.source or self.target):
            raise ConfigError("expected source_vectors or target_vectors with freeze_vectors. Received: neither")
        if self.one_table and self.source and self.target:
            raise ConfigError(
                "expected one file of vectors with tied=all, where both sides share one table. Received: two"
            )

    def take(self, source: Embedding, target: Embedding, vocabulary: PairVocabulary) -> list[str]:
        """Give the embeddings the vectors of the files. Returns a sentence a file; raises as `take_vectors`."""
        sides = ((self.source, source, vocabulary.source), (self.target, target, vocabulary.target))
        return [take_vectors(path, embed, tokens) for path, embed, tokens in sides if path]

    def freeze(self, source: Embedding, target: Embedding) -> None:
        """Let the embeddings with given vectors stay as they are in training, where that is wanted."""
        if self.frozen:
            source.weight.requires_grad_(not self.source)
            if self.target or not self.one_table:
                target.weight.requires_grad_(not self.target)


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
