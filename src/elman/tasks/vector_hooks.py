"""`VectorHooks`: what a task says about embeddings that vectors of a file may initialise, and how a run takes them."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from elman.data.borrowed_vectors import borrow, check_kind, vector_size, words_of
from elman.data.token_counts import counts_of
from elman.data.vocabulary import Vocabulary
from elman.data.word_vectors import WordTable, read_table
from elman.errors import ConfigError, DataError
from elman.nn.ensemble import members_of
from elman.nn.vector_options import FREEZING
from elman.nn.word_vectors import put_vectors
from elman.options import DefaultSize
from elman.tasks import registry

__all__ = ["VECTOR_OPTIONS", "VectorHooks", "WordEmbedding", "open_table", "word_embedding"]

# The options that name a file of vectors, each with the one that chooses the tokens.
_TOKENS = {"vectors": "tokens", "source_vectors": "tokens", "target_vectors": "target_tokens"}
_WORDS = "vectors_words"
VECTOR_OPTIONS = frozenset({*_TOKENS, *FREEZING, _WORDS})


class WordEmbedding(NamedTuple):
    """An embedding of a network that the vectors of a file may initialise.

    option     the option that names the file
    module     the name of the embedding in the network, or in each member of an ensemble
    words      the word of each row, as `words_of` returns; rows after these have none
    counts     returns how often each of the words occurs in the training data
    deviation  the standard deviation that its values get; None for that of its initial values
    """

    option: str
    module: str
    words: Sequence[str]
    counts: Callable[[], npt.NDArray[np.int64]]
    deviation: float | None = None


def word_embedding(
    vocabulary: Vocabulary,
    ids: Callable[[], Iterable[npt.NDArray[Any]]],
    option: str = "vectors",
    module: str = "embed",
    deviation: float | None = None,
) -> WordEmbedding:
    """Return the embedding of a vocabulary; `ids` returns the token ids of the training data."""
    words = words_of(vocabulary, option)
    return WordEmbedding(option, module, words, lambda: counts_of(ids(), len(words)), deviation)


class VectorHooks:
    """Base class of `Setup`: how a run takes vectors from files.

    A task whose section `network` has the option `vectors`, or another of `VECTOR_OPTIONS`, and `embedding`, only
    defines `word_embeddings`.
    """

    config: Any
    network: Any
    resumed: bool
    start_facts: Mapping[str, Any]
    # Remarks on the vectors of a new run.
    vector_notes: Sequence[str] = ()

    def word_embeddings(self) -> Sequence[WordEmbedding]:
        """Return the embeddings of words; none for data without words."""
        return ()

    @classmethod
    def check_vectors(cls, config: Any) -> None:
        """Raise ConfigError for options of vectors that exclude each other."""
        network = getattr(config, "network", None)
        options = [name for name in _TOKENS if hasattr(network, name)]
        files = vector_files(config)
        others = [name for name in (*FREEZING, _WORDS) if getattr(network, name, False)]
        if others and not files:
            raise ConfigError(f"expected {' or '.join(options)} with {others[0]}. Received: neither of them")
        for name in files:
            check_kind(_kind_of_tokens(config, _TOKENS[name]), name)
        size = getattr(network, "embedding", 1)
        if files and not size and not isinstance(size, DefaultSize):
            raise ConfigError(
                f"expected an embedding with {next(iter(files))}. Received: embedding=0 (none, or one-hot)"
            )
        if getattr(network, "tied", None) == "all" and len(files) > 1:
            raise ConfigError(
                "expected one file of vectors with tied=all, where both sides share one table. Received: two"
            )

    @classmethod
    def with_vector_size(cls, config: Any) -> Any:
        """Return the options with the size of the vectors as `embedding`, if that was not given.

        Raises DataError for vectors of another size than a given one, and for files of different sizes.
        """
        sizes = {path: _size_of(path) for path in vector_files(config).values()}
        if not sizes:
            return config
        given = config.network.embedding
        wanted = next(iter(sizes.values())) if isinstance(given, DefaultSize) else given
        for path, size in sizes.items():
            if size != wanted:
                raise DataError(
                    f"{path}: expected vectors of {wanted} numbers, the size of the embedding; embedding={size} takes "
                    f"them. Received: {size}"
                )
        return dataclasses.replace(config, network=dataclasses.replace(config.network, embedding=int(wanted)))

    def words_of_vectors(self) -> list[str]:
        """Return the first words of the file `vectors`, as many as `vectors_words`, for the vocabulary of a new run."""
        network = self.config.network
        return list(islice(open_table(network.vectors).words, network.vectors_words)) if network.vectors_words else []

    def take_vectors(self) -> None:
        """Initialise the embeddings of a new run with the vectors of their files, and freeze them if requested.

        Raises ConfigError for files for data without words, and as `borrow` does.
        """
        files = vector_files(self.config)
        if not files:
            return
        embeddings = {each.option: each for each in self.word_embeddings() if each.option in files}
        if useless := files.keys() - embeddings.keys():
            raise ConfigError(f"expected words as input with {sorted(useless)[0]}. Received: data without words")
        network = self.config.network
        for option, embedding in embeddings.items():
            # The checkpoint of a resumed run contains them.
            if not self.resumed:
                self._take(embedding, files[option])
            if network.freeze_vectors or network.freeze_vectors_until:
                for member in members_of(self.network):
                    member.get_submodule(embedding.module).frozen_until = network.freeze_vectors_until or math.inf

    def _take(self, embedding: WordEmbedding, path: str) -> None:
        vectors = borrow(open_table(path), embedding.words)
        for member in members_of(self.network):
            table = member.get_submodule(embedding.module)
            put_vectors(table, vectors.matrix_VE, vectors.how_V >= 0, embedding.deviation)
        coverage = vectors.coverage(path, embedding.words, embedding.counts())
        self.vector_notes = [*self.vector_notes, str(coverage)]
        taken = [*self.start_facts.get("vectors", ()), {"option": embedding.option, **coverage.to_json()}]
        self.start_facts = {**self.start_facts, "vectors": taken}


def open_table(path: str) -> WordTable:
    """Return the words and vectors of a file, or of a model of word vectors in a folder.

    Raises ConfigError for a model that is not one of word vectors, ArtifactError for an invalid folder, and as
    `read_table` does for a file.
    """
    if not is_model(path):
        return read_table(path)
    model = registry.load(path)
    table = getattr(model, "table", None)
    if not isinstance(table, WordTable):
        raise ConfigError(f"expected a file of vectors, or a model of word vectors. Received: {path}, another model")
    return table


def _size_of(path: str) -> int:
    return open_table(path).size if is_model(path) else vector_size(path)


def is_model(path: str) -> bool:
    """Return whether a path is a model's folder."""
    return (Path(path) / "elman.json").is_file()


def vector_files(config: Any) -> dict[str, str]:
    """Return the files of vectors that the options name, by the name of the option."""
    network = getattr(config, "network", None)
    return {name: path for name in _TOKENS if (path := getattr(network, name, ""))}


def _kind_of_tokens(config: Any, option: str) -> str:
    """Return the kind of tokens that an option chooses; that of `tokens` if it chooses none, or "" without options."""
    values = [getattr(section, name, "") for section in vars(config).values() for name in (option, "tokens")]
    return next((value for value in values if value), "")
