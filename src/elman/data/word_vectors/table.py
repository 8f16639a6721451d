"""`WordTable`: words with their vectors, in memory or in a mapped file. Does not import torch."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable, Sequence
from typing import Protocol, TypeAlias, runtime_checkable

import numpy as np
import numpy.typing as npt

from elman.errors import DataError

__all__ = ["Composer", "IndexedWords", "WordTable"]

Vectors: TypeAlias = npt.NDArray[np.float32]
# Makes the vector of a word that the table does not have, for example from the word's subwords; None if it cannot.
Composer: TypeAlias = Callable[[str], Vectors | None]

# Rows per block of an operation on all vectors, so that a mapped table larger than memory can be used.
BLOCK_ROWS = 16384
# Words, from the first, among which near spellings are searched: files have the commonest first.
_MOST_COMPARED = 50_000
_LONGEST_SHOWN = 60


@runtime_checkable
class IndexedWords(Protocol):
    """Words that are found without a dictionary, such as those of a mapped file."""

    def find(self, word: str) -> int | None:
        """Return the row of `word`, or None."""


class WordTable:
    """V different words, each with a vector of E numbers.

    Args:
        words: the words, commonest first where an order is known.
        matrix_VE: their vectors, float32; it may be memory-mapped, and is never changed.
        counts_V: int64, how often each word occurred in the training text; None if not known.
        composer: makes vectors of words that are not in the table; None for none.
        form: returns a word as the training text had it, such as in lower case; None for words as they are.
        name: the file or model, for messages.
        norms_V: the lengths of the vectors, if they are known.

    Raises DataError for shapes that do not agree, an empty table and a word that occurs twice.
    """

    def __init__(
        self,
        words: Sequence[str],
        matrix_VE: Vectors,
        counts_V: npt.NDArray[np.int64] | None = None,
        *,
        composer: Composer | None = None,
        form: Callable[[str], str] | None = None,
        name: str = "the word vectors",
        norms_V: npt.NDArray[np.float64] | None = None,
    ) -> None:
        if matrix_VE.ndim != 2 or len(matrix_VE) != len(words) or not matrix_VE.size:
            raise DataError(
                f"{name}: expected at least one word, and a vector for each. Received: {len(words)} words and an array "
                f"of shape {matrix_VE.shape}"
            )
        if counts_V is not None and counts_V.shape != (len(words),):
            raise DataError(f"{name}: expected {len(words)} counts. Received: an array of shape {counts_V.shape}")
        self.words = words
        self.matrix_VE = matrix_VE
        self.counts_V = counts_V
        self.composer = composer
        self._form = form
        self.name = name
        self._norms_V = norms_V
        self._rows: dict[str, int] | None = None
        if not isinstance(words, IndexedWords):
            self._rows = {word: row for row, word in enumerate(words)}
            if len(self._rows) != len(words):
                twice = next(word for row, word in enumerate(words) if self._rows[word] != row)
                raise DataError(f"{name}: expected different words. Received: {twice!r} twice")

    @property
    def size(self) -> int:
        """The number E of numbers of a vector."""
        return int(self.matrix_VE.shape[1])

    def __len__(self) -> int:
        return len(self.words)

    def __contains__(self, word: object) -> bool:
        return isinstance(word, str) and self.find(word) is not None

    def find(self, word: str) -> int | None:
        """Return the row of `word`, or None if the table does not have it."""
        if self._rows is not None:
            return self._rows.get(word)
        return self.words.find(word)  # type: ignore[attr-defined]

    def row(self, word: str) -> int | None:
        """Return the row of `word`, or of its form in the training text; None if the table has neither."""
        row = self.find(word)
        return row if row is not None or self._form is None else self.find(self._form(word))

    def index(self, word: str) -> int:
        """Return the row of `word`. Raises DataError with near spellings if the table does not have it."""
        row = self.find(word)
        if row is None:
            raise self.unknown(word)
        return row

    def vector(self, word: str) -> Vectors:
        """Return a copy of the vector of `word`, composed if the table does not have it and has a composer.

        Raises DataError with near spellings for an unknown word.
        """
        row = self.row(word)
        if row is not None:
            return np.array(self.matrix_VE[row], dtype=np.float32)
        found = self.compose(word)
        if found is None:
            raise self.unknown(word)
        return np.array(found, dtype=np.float32)

    def knows(self, word: str) -> bool:
        """Whether `vector` returns a vector for `word`."""
        return self.row(word) is not None or self.compose(word) is not None

    def compose(self, word: str) -> Vectors | None:
        """Return a vector that the composer makes of the parts of `word`; None if it cannot."""
        if self.composer is None:
            return None
        return self.composer(word if self._form is None else self._form(word))

    def norms(self) -> npt.NDArray[np.float64]:
        """Return the Euclidean lengths of the vectors, computed once, in blocks of rows."""
        if self._norms_V is None:
            self._norms_V = np.empty(len(self))
            for first in range(0, len(self), BLOCK_ROWS):
                self._norms_V[first : first + BLOCK_ROWS] = vector_norms(self.matrix_VE[first : first + BLOCK_ROWS])
        return self._norms_V

    def unknown(self, word: str) -> DataError:
        """Return the error for a word that is not in the table, with near spellings."""
        near = self.near(word)
        hint = f"; near spellings: {', '.join(map(repr, near))}" if near else ""
        return DataError(
            f"expected one of the {len(self):,} words of {self.name}{hint}. Received: {word[:_LONGEST_SHOWN]!r}"
        )

    def near(self, word: str, most: int = 3) -> list[str]:
        """Return words with nearly this spelling: other cases first, then those of `difflib` among the commonest."""
        cases = (word.lower(), word.capitalize(), word.upper(), word.title(), word.replace(" ", "_"))
        found = list(dict.fromkeys(case for case in cases if case != word and self.find(case) is not None))
        if len(word) <= _LONGEST_SHOWN and len(found) < most:
            compared = self.words[: min(len(self), _MOST_COMPARED)]
            folded = word.lower()
            near = difflib.get_close_matches(folded, _alike(folded, compared), n=most, cutoff=0.7)
            found += [each for each in near if each not in found]
        return found[:most]


def vector_norms(rows_NE: npt.NDArray[np.floating]) -> npt.NDArray[np.float64]:
    """Return the Euclidean lengths of N vectors, computed in float64."""
    rows = rows_NE.astype(np.float64)
    norms_N: npt.NDArray[np.float64] = np.sqrt(np.einsum("ne,ne->n", rows, rows))
    return norms_N


def _alike(word: str, words: Iterable[str]) -> list[str]:
    """Return the words whose length and letters are near enough to those of `word` to be worth a comparison."""
    letters = set(word)
    spread = 1 + len(word) // 4
    return [
        each
        for each in words
        if abs(len(each) - len(word)) <= spread and 3 * len(letters.intersection(each)) >= 2 * len(letters)
    ]
