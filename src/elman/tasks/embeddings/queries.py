"""`WordQueries`: what can be asked of word vectors. Does not import torch."""

from __future__ import annotations

import os
from abc import abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple, Self, TypeAlias, TypeVar, overload

import numpy as np
import numpy.typing as npt

from elman.data.vocabulary.kinds.words import WordVocabulary
from elman.data.word_vectors import WordTable, read_table, write_table
from elman.data.word_vectors.projection import Projection, project_vectors
from elman.data.word_vectors.search import (
    Scores,
    add_scores,
    check_top,
    cosine_scores,
    highest,
    mul_scores,
    unit_rows,
)
from elman.display import Progress
from elman.errors import ConfigError, DataError, ShapeError
from elman.metrics.analogies import METHODS, AnalogyScores, evaluate_analogies, read_questions
from elman.metrics.word_similarity import PairScores, evaluate_pairs, read_pairs
from elman.tasks.embeddings.expression import parse_expression

__all__ = ["Neighbour", "WordQueries"]

Floats: TypeAlias = npt.NDArray[np.float32]
# A word, or a vector.
Query: TypeAlias = "str | npt.NDArray[Any]"
D = TypeVar("D")

WEIGHTS = ("mean", "frequency")
# Words that are projected if none are named.
_PROJECTED = 200


class Neighbour(NamedTuple):
    """A word and its score: the cosine, or that of `method="mul"`."""

    word: str
    score: float


class WordQueries:
    """Queries of a table of word vectors, which is also a mapping from words to vectors.

    A subclass defines the property `table`, which is `_file_table` after `from_file`.
    """

    _file_table: WordTable | None = None

    @classmethod
    def from_file(
        cls,
        path: str | os.PathLike[str],
        *,
        format: str = "auto",
        encoding: str = "utf-8",
        errors: str = "strict",
        progress: Progress | None = None,
    ) -> Self:
        """Open a file of word vectors of another program, which can be queried but not trained.

        format    "word2vec", "word2vec-binary", "glove" or "fasttext" (its .vec files); "auto" recognises it
        encoding  of the words
        errors    what to do with bytes that are not text: "strict", "replace" or "ignore"

        `.gz` files are decompressed. Raises DataError with the file and the line for anything that is not a word and
        its numbers, EncodingError, ConfigError, StorageError.
        """
        model = cls()
        model._file_table = read_table(path, format=format, encoding=encoding, errors=errors, progress=progress)
        return model

    @property
    @abstractmethod
    def table(self) -> WordTable:
        """The words and their vectors."""

    def __getitem__(self, word: str) -> Floats:
        """Return a copy of the vector of a word. Raises DataError with near spellings for an unknown one."""
        return self.table.vector(word)

    def __contains__(self, word: object) -> bool:
        return word in self.table

    def __len__(self) -> int:
        return len(self.table)

    def __bool__(self) -> bool:
        """A model is true, whatever it has learnt."""
        return True

    def __iter__(self) -> Iterator[str]:
        return iter(self.table.words)

    def keys(self) -> Sequence[str]:
        """Return the words, commonest first where an order is known."""
        return self.table.words

    def values(self) -> Iterator[Floats]:
        """Yield the vectors in the order of `keys`."""
        return (np.array(row) for row in self.table.matrix_VE)

    def items(self) -> Iterator[tuple[str, Floats]]:
        """Yield words and vectors."""
        return zip(self.table.words, self.values(), strict=True)

    @overload
    def get(self, word: str) -> Floats | None: ...
    @overload
    def get(self, word: str, default: D) -> Floats | D: ...
    def get(self, word: str, default: Any = None) -> Any:
        """Return the vector of a word, or `default` for one that the table does not have."""
        return self.table.vector(word) if word in self.table else default

    def neighbours(self, words: Query | Sequence[Query], top: int = 10, *, restrict: int | None = None) -> Any:
        """Return the `top` words with the highest cosine, highest first: a list of `Neighbour`.

        For several words or vectors, in a list or in the rows of an array, there is one such list for each. A word is
        not its own neighbour. `restrict` searches the first words of the table only.

        Raises DataError for an unknown word and for a vector of zeros, ShapeError for a vector of another size,
        ConfigError.
        """
        single = isinstance(words, str) or (isinstance(words, np.ndarray) and words.ndim == 1)
        queries: list[Query] = [words] if single else list(words)  # type: ignore[list-item]
        if not queries:
            return []
        units_NE = np.stack([self._unit(query) for query in queries])
        own = [self.table.row(query) if isinstance(query, str) else None for query in queries]
        excluded = [() if row is None else (row,) for row in own]
        found = self._highest(cosine_scores(units_NE), len(queries), top, excluded, restrict)
        return found[0] if single else found

    def analogy(
        self,
        expression: str | None = None,
        *,
        plus: Iterable[Query] = (),
        minus: Iterable[Query] = (),
        method: str = "add",
        top: int = 10,
        restrict: int | None = None,
    ) -> list[Neighbour]:
        """Return the words that answer an analogy, such as "king - man + woman", best first.

        expression  the words, with + and - between them; or `plus` and `minus` instead
        method      "add" for 3CosAdd: the cosine with the sum; "mul" for 3CosMul: the product of the cosines of `plus`
                    over that of `minus`
        restrict    search the first words of the table only

        Words of the question are no answers. Raises ConfigError for a question that is none, DataError for an unknown
        word and for words that cancel out.
        """
        plus, minus = list(plus), list(minus)
        if expression is not None:
            if plus or minus:
                raise ConfigError("expected an analogy either as text or by plus and minus. Received: both")
            plus, minus = parse_expression(expression)
        if len(plus) + len(minus) < 2:
            raise ConfigError(f"expected at least two words in an analogy. Received: {len(plus) + len(minus)}")
        if method not in METHODS:
            raise ConfigError(f"expected method to be one of {', '.join(METHODS)}. Received: {method!r}")
        sides = [np.stack([self._unit(word) for word in words])[None] if words else None for words in (plus, minus)]
        nothing = np.empty((1, 0, self.table.size), dtype=np.float32)
        plus_1PE, minus_1PE = (nothing if side is None else side for side in sides)
        if method == "add":
            total = plus_1PE.sum(axis=1, dtype=np.float64) - minus_1PE.sum(axis=1, dtype=np.float64)
            if not np.abs(total).max() > 1e-6:
                raise DataError("expected words whose vectors do not cancel out. Received: a sum of zeros")
        rows = {self.table.row(word) for word in (*plus, *minus) if isinstance(word, str)}
        scores = (add_scores if method == "add" else mul_scores)(plus_1PE, minus_1PE)
        return self._highest(scores, 1, top, [[row for row in rows if row is not None]], restrict)[0]

    def evaluate_analogies(
        self,
        questions: str | os.PathLike[str],
        *,
        method: str = "add",
        restrict: int | None = 300_000,
        fold_case: bool = True,
        progress: Progress = lambda stage, share: None,
    ) -> AnalogyScores:
        """Answer the analogy questions of a file such as questions-words.txt; as gensim's evaluate_word_analogies.

        Questions with an unknown word are left out; the coverage is the share of the others. Arguments and errors as in
        `elman.metrics.analogies`.
        """
        sections = read_questions(questions)
        return evaluate_analogies(
            self.table, sections, method=method, restrict=restrict, fold_case=fold_case, progress=progress
        )

    def evaluate_pairs(
        self, pairs: str | os.PathLike[str], *, restrict: int | None = 300_000, fold_case: bool = True
    ) -> PairScores:
        """Return the correlations of cosines with people's scores in a file of pairs such as WordSim-353."""
        return evaluate_pairs(self.table, read_pairs(pairs), restrict=restrict, fold_case=fold_case)

    @overload
    def similarity(self, a: Query, b: Query) -> float: ...
    @overload
    def similarity(self, a: str | os.PathLike[str], b: None = None) -> PairScores: ...
    def similarity(self, a: Any, b: Any = None) -> float | PairScores:
        """Return the cosine of two words or vectors; for the path of a file of pairs alone, as `evaluate_pairs`."""
        if b is None:
            return self.evaluate_pairs(a)
        first, second = (self._vector(each).astype(np.float64) for each in (a, b))
        return float(np.clip(first @ second / (np.linalg.norm(first) * np.linalg.norm(second)), -1.0, 1.0))

    def transform(
        self, texts: Iterable[str], *, weights: str = "mean", smoothing: float = 1e-3, lowercase: bool = False
    ) -> Floats:
        """Return a vector for each text: the mean of the vectors of its words that are known.

        weights    "mean" counts every word alike; "frequency" weights a word by a / (a + p) (smooth inverse frequency,
                   Arora et al. 2017), where p is its share of the training text
        smoothing  a
        lowercase  read the texts in lower case

        Raises DataError for a text without a known word, and for "frequency" without counts; ConfigError.
        """
        if isinstance(texts, str):
            raise ConfigError(f"expected several texts, such as a list. Received: one text, {texts[:40]!r}")
        if weights not in WEIGHTS:
            raise ConfigError(f"expected weights to be one of {', '.join(WEIGHTS)}. Received: {weights!r}")
        if not smoothing > 0:
            raise ConfigError(f"expected smoothing to be more than 0. Received: {smoothing}")
        if weights == "frequency" and self.table.counts_V is None:
            raise DataError(
                "expected vectors with the counts of words for weights='frequency'. "
                f"Received: {self.table.name}, which has none"
            )
        total = 0 if self.table.counts_V is None else int(self.table.counts_V.sum())
        found = []
        for number, text in enumerate(texts, 1):
            words = [word for word in self._words_of(text.lower() if lowercase else text) if self.table.knows(word)]
            if not words:
                raise DataError(f"text {number}: expected at least one word of {self.table.name}"
                                f"{'' if lowercase else '; lowercase=True reads it in lower case'}. "
                                f"Received: {text[:60]!r}")  # fmt: skip
            vectors = np.stack([self.table.vector(word) for word in words]).astype(np.float64)
            factors = [smoothing / (smoothing + self._share(word, total)) for word in words]
            used = np.array(factors if weights == "frequency" else [1.0] * len(words))
            found.append(used @ vectors / len(words))
        if not found:
            return np.empty((0, self.table.size), dtype=np.float32)
        return np.stack(found).astype(np.float32)

    def to_file(self, path: str | os.PathLike[str], format: str = "auto") -> None:
        """Write the vectors to a file that other programs read: "word2vec", "word2vec-binary", "glove" or "fasttext".

        By default the suffix says which: .bin, .vec, or anything else for word2vec's text; .gz compresses. Raises
        DataError for words with white space, ConfigError, StorageError.
        """
        write_table(self.table, path, format)

    def to_frame(self, kind: str = "pandas") -> Any:
        """Return a data frame of pandas or polars with a row for each word: word, count where known, and the numbers.

        Raises ConfigError for another kind, or one that is not installed.
        """
        if kind not in ("pandas", "polars"):
            raise ConfigError(f"expected a frame of pandas or polars. Received: {kind!r}")
        table = self.table
        columns: dict[str, Any] = {"word": list(table.words)}
        if table.counts_V is not None:
            columns["count"] = table.counts_V
        columns |= {str(number): table.matrix_VE[:, number] for number in range(table.size)}
        try:
            if kind == "polars":
                import polars

                return polars.DataFrame(columns)
            import pandas  # type: ignore[import-untyped]

            return pandas.DataFrame(columns)
        except ImportError as error:
            raise ConfigError(f"expected {kind} to be installed: pip install {kind}. Received: {error}") from error

    def project(
        self, words: Sequence[str] | None = None, *, method: str = "pca", top: int = _PROJECTED, seed: int = 0
    ) -> Projection:
        """Project words to two dimensions by "pca", "tsne" or "umap"; the first `top` words if none are named.

        Raises DataError for unknown words and fewer than three; ConfigError for a missing package.
        """
        chosen = list(dict.fromkeys(self.table.words[: check_top(top)] if words is None else words))
        rows_NE = np.stack([self.table.vector(word) for word in chosen]) if chosen else np.empty((0, 1))
        return project_vectors(chosen, rows_NE, method=method, seed=seed)

    def _words_of(self, text: str) -> list[str]:
        """Return the words of a text: what white space separates if that is known, else its words and marks."""
        split = WordVocabulary([]).split
        return [word for part in text.split() for word in ([part] if self.table.knows(part) else split(part))]

    def _share(self, word: str, total: int) -> float:
        row = self.table.find(word)
        return 0.0 if row is None or self.table.counts_V is None else int(self.table.counts_V[row]) / max(total, 1)

    def _unit(self, query: Query) -> Floats:
        """Return the unit vector of a word or vector."""
        return unit_rows(self._vector(query)[None])[0]

    def _vector(self, query: Query) -> npt.NDArray[Any]:
        """Return the vector of a word, or a vector. Raises DataError for zeros, ShapeError for another size."""
        if isinstance(query, str):
            vector: npt.NDArray[Any] = self.table.vector(query)
        else:
            vector = np.asarray(query)
            if vector.shape != (self.table.size,) or vector.dtype.kind not in "fiu":
                raise ShapeError(
                    f"expected a word or a vector of {self.table.size} numbers. Received: shape {vector.shape}, "
                    f"{vector.dtype}"
                )
        if not np.isfinite(vector).all() or not vector.any():
            shown = f" for {query!r}" if isinstance(query, str) else ""
            raise DataError(f"expected a finite vector that is not all zeros{shown}. Received: {vector[:5]}")
        return vector

    def _highest(
        self, scores: Scores, queries: int, top: int, excluded: Sequence[Sequence[int]], restrict: int | None
    ) -> list[list[Neighbour]]:
        if restrict is not None and restrict < 1:
            raise ConfigError(f"expected restrict of at least 1 word. Received: {restrict}")
        found = highest(self.table, scores, queries, check_top(top), excluded=excluded, restrict=restrict)
        return [[Neighbour(self.table.words[row], score) for row, score in rows] for rows in found]
