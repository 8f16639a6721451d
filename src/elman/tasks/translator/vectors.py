"""Embeddings that start from a file of word vectors. Knows nothing about training."""

from __future__ import annotations

import torch

from elman.data.pairs import PairVocabulary
from elman.data.vectors import read_vectors
from elman.data.vocabulary import Vocabulary
from elman.data.vocabulary.base import display
from elman.errors import ConfigError, DataError
from elman.nn.embed import Embedding
from elman.tasks.translator.config import NetworkConfig
from elman.tasks.translator.network import TranslatorNetwork

__all__ = ["check_vectors", "freeze_vectors", "take_vectors"]

_SPACE = display(" ")


def check_vectors(config: NetworkConfig) -> None:
    """Raise ConfigError for options of vectors that do not go together."""
    if config.freeze_vectors and not (config.source_vectors or config.target_vectors):
        raise ConfigError("expected source_vectors or target_vectors with freeze_vectors. Received: neither")
    if config.tied == "all" and config.source_vectors and config.target_vectors:
        raise ConfigError("expected one file of vectors with tied=all, where both sides share one table. Received: two")


def take_vectors(network: TranslatorNetwork, vocabulary: PairVocabulary, config: NetworkConfig) -> list[str]:
    """Give the embeddings the vectors of the files that `config` names, and tell how many were found in each.

    A token that a file does not have keeps its random start. Raises DataError for vectors of another size than the
    embeddings, and as `read_vectors`.
    """
    told = []
    for path, embed, tokens in (
        (config.source_vectors, network.source_embed, vocabulary.source),
        (config.target_vectors, network.target_embed, vocabulary.target),
    ):
        if path:
            found = _take(path, embed, tokens)
            told.append(f"{path}: vectors of {found:,} of {tokens.size:,} tokens")
    return told


def _word(vocabulary: Vocabulary, number: int) -> str:
    """What a token is called in a file of vectors: of subwords, those that begin a word are called as that word is,
    and others, which are parts, have no name there."""
    token = vocabulary.token(number)
    if vocabulary.kind != "subwords":
        return token
    space, word = token[:1], token[1:]
    return word if space == _SPACE else ""


def _take(path: str, embed: Embedding, vocabulary: Vocabulary) -> int:
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
    return int(found.sum())


def freeze_vectors(network: TranslatorNetwork, config: NetworkConfig) -> None:
    """Let the embeddings with given vectors stay as they are in training, where `config` says so."""
    if config.freeze_vectors:
        network.source_embed.weight.requires_grad_(not config.source_vectors)
        if config.target_vectors or config.tied != "all":
            network.target_embed.weight.requires_grad_(not config.target_vectors)
