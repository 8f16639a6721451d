"""`Embeddings`: word vectors."""

from __future__ import annotations

from elman.data.word_vectors import WordTable
from elman.errors import ConfigError
from elman.tasks.embeddings.queries import WordQueries

__all__ = ["Embeddings"]


class Embeddings(WordQueries):
    """Word vectors of a file."""

    @property
    def table(self) -> WordTable:
        """The words with their vectors. Raises ConfigError before `from_file`."""
        if self._file_table is None:
            raise ConfigError("expected word vectors: call from_file() first. Received: none")
        return self._file_table
