"""`Embeddings`: train, evaluate, save and load word vectors."""

from __future__ import annotations

from typing import Any

from elman.data.vocabulary import Vocabulary
from elman.data.word_text.blocks import HeldOutWords
from elman.data.word_text.vocabulary import EmbeddingVocabulary
from elman.data.word_vectors.table import WordTable
from elman.display import Progress
from elman.errors import ConfigError, DataError
from elman.tasks.corpus_model import CorpusModel, Paths
from elman.tasks.embeddings.config import EmbeddingsConfig
from elman.tasks.embeddings.network import EmbeddingsNetwork
from elman.tasks.embeddings.predictive import PREDICTIVE, HeldOutPairs, make_kernel
from elman.tasks.embeddings.queries import WordQueries
from elman.tasks.embeddings.setup import EmbeddingsSetup
from elman.tasks.embeddings.tables import made_table

__all__ = ["Embeddings"]


class Embeddings(WordQueries, CorpusModel[EmbeddingsConfig, EmbeddingsNetwork]):
    """Word vectors.

    Args:
        preset: "auto" (chosen by the data), "small", "base", "large" or "plain", the options to start from.
        options: any option of `elman train embeddings` by its name, such as `objective="cbow"`, `embedding=300`.

    Example:
        >>> vectors = elman.Embeddings(max_epochs=10).fit("book.txt")  # doctest: +SKIP
        >>> vectors.neighbours("captain")  # doctest: +SKIP
        >>> vectors.save("model/")  # doctest: +SKIP

    Raises ConfigError for an unknown option or a value that is not allowed.
    """

    setup_class = EmbeddingsSetup
    # The network and the table of its vectors.
    _table: tuple[EmbeddingsNetwork, WordTable] | None

    def __repr__(self) -> str:
        network = self.config.network
        shape = f"{network.objective}, {network.embedding} numbers"
        if self._network is None and self._file_table is not None:
            return f"<Embeddings of a file, {self._file_table.size} numbers, {len(self._file_table):,} words>"
        if self._network is None:
            return f"<Embeddings {shape}, not trained>"
        return f"<Embeddings {shape}, {len(self.words):,} words>"

    @property
    def words(self) -> EmbeddingVocabulary:
        """The words that have vectors. Raises ConfigError before `fit`."""
        found: Any = self.vocabulary
        words: EmbeddingVocabulary = found
        return words

    @property
    def _text_vocabulary(self) -> Vocabulary:
        return self.words.base

    @property
    def network(self) -> EmbeddingsNetwork:
        """The network. Raises ConfigError before `fit`, and for vectors of a file, which have none."""
        self._expect_trained()
        return super().network

    @property
    def vocabulary(self) -> Any:
        """The vocabulary. Raises ConfigError before `fit`, and for vectors of a file, which have none."""
        self._expect_trained()
        return super().vocabulary

    def _expect_trained(self) -> None:
        if self._network is None and self._file_table is not None:
            raise ConfigError(
                "expected a trained model; vectors of a file can be queried, and written with to_file. "
                f"Received: {self._file_table.name}"
            )

    @property
    def table(self) -> WordTable:
        """The words with their vectors and counts. Raises ConfigError before `fit` and `from_file`."""
        if self._file_table is not None and self._network is None:
            return self._file_table
        network = self.network
        if self._table is None or self._table[0] is not network:
            vocabulary = self.words
            self._table = (network, made_table(network, vocabulary, self.config.network))
        return self._table[1]

    def _words_of(self, text: str) -> list[str]:
        # A trained model reads a text as it read the training text: its case, phrases and Unicode form.
        if self._network is None:
            return super()._words_of(text)
        found = self.words.split(text)
        if self.table.composer is not None:
            base = self.words.base
            numbers = base.encode(text).tolist()
            found += [word for word, number in zip(base.split(text), numbers, strict=True) if number == base.unknown_id]
        return found

    def _forget(self) -> None:
        super()._forget()
        self._table = None
        self._file_table = None

    def evaluate(
        self,
        text: Paths,
        *,
        limit: int | None = None,
        encoding: str = "",
        errors: str = "",
        progress: Progress | None = None,
    ) -> dict[str, float]:
        """Return the mean loss of the pairs of a text, and the share of noise with a lower score than the true word.

        The windows and the noise are the same in every evaluation. `limit` is the number of tokens to use; `encoding`
        and `errors` default to those of the training text; `progress` is called with the name of the stage and the
        completed fraction. Raises DataError, EncodingError and StorageError for a text that cannot be read, DataError
        for one without two known words next to each other.
        """
        reading = self._reading(encoding, errors)
        config = self.config.network
        with self.encoded(text, reading=reading, progress=progress) as tokens:
            held = HeldOutWords(tokens, self.words, limit)
        kernel = make_kernel(config, self.words, cbow=config.objective == "cbow")
        found = HeldOutPairs(kernel, held).metrics(self.network.tables())
        if config.objective not in PREDICTIVE:
            found.pop("loss", None)
        if not found:
            raise DataError(
                f"expected a text in which words of the model are next to each other. Received: {len(held.words_T)} "
                "known words"
            )
        return found
