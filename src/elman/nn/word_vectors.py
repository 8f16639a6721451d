"""Initialise embeddings from files of pretrained word vectors."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from elman.data.pairs import PairVocabulary
from elman.data.vocabulary import Vocabulary
from elman.data.vocabulary.base import display
from elman.data.word_vectors import read_vectors
from elman.errors import ConfigError, DataError
from elman.nn.embed import Embedding

__all__ = ["WordVectorOptions", "load_word_vectors"]

_SPACE = display(" ")


@dataclass(frozen=True)
class WordVectorOptions:
    """Files of word vectors for the source and target embeddings of a network.

    source, target  paths of the files; empty for none
    frozen          whether the embeddings that are read from files are not trained
    one_table       whether source and target share one embedding
    """

    source: str = ""
    target: str = ""
    frozen: bool = False
    one_table: bool = False

    def check(self) -> None:
        """Raise ConfigError for options that exclude each other."""
        if self.frozen and not (self.source or self.target):
            raise ConfigError("expected source_vectors or target_vectors with freeze_vectors. Received: neither")
        if self.one_table and self.source and self.target:
            raise ConfigError(
                "expected one file of vectors with tied=all, where both sides share one table. Received: two"
            )

    def take(self, source: Embedding, target: Embedding, vocabulary: PairVocabulary) -> list[str]:
        """Copy the vectors of the files to the embeddings and return one sentence per file.

        Raises DataError as `load_word_vectors` does.
        """
        sides = ((self.source, source, vocabulary.source), (self.target, target, vocabulary.target))
        return [load_word_vectors(path, embed, tokens) for path, embed, tokens in sides if path]

    def freeze(self, source: Embedding, target: Embedding) -> None:
        """Exclude the embeddings that are read from files from training, if `frozen`."""
        if self.frozen:
            source.weight.requires_grad_(not self.source)
            if self.target or not self.one_table:
                target.weight.requires_grad_(not self.target)


def load_word_vectors(path: str, embed: Embedding, vocabulary: Vocabulary) -> str:
    """Copy the vectors of a file to an embedding and return a sentence that says how many tokens have one.

    Tokens that are not in the file keep their random initial vectors. Raises DataError for vectors whose size is not
    that of the embedding, and as `read_vectors` does.
    """
    words = [_word(vocabulary, number) for number in range(vocabulary.size)]
    matrix, found = read_vectors(path, words)
    if matrix.shape[1] != embed.embedding_dim:
        raise DataError(
            f"{path}: expected vectors of {embed.embedding_dim} numbers, the size of the embedding; embedding="
            f"{matrix.shape[1]} takes them. Received: {matrix.shape[1]}"
        )
    known = torch.from_numpy(found)
    # Scale the vectors to the standard deviation of the embedding's initial values, which the network expects.
    vectors = torch.from_numpy(matrix)[known]
    vectors = vectors * (embed.weight.detach().std() / vectors.std().clamp_min(1e-12)).to(vectors)
    with torch.no_grad():
        embed.weight[: len(words)][known] = vectors.to(embed.weight)
    return f"{path}: vectors of {int(found.sum()):,} of {vocabulary.size:,} tokens"


def _word(vocabulary: Vocabulary, number: int) -> str:
    """Return the word under which a file of vectors has a token.

    For subwords, this is the token without its leading space, or "" for a token that does not begin a word.
    """
    token = vocabulary.token(number)
    if vocabulary.kind != "subwords":
        return token
    space, word = token[:1], token[1:]
    return word if space == _SPACE else ""
