"""The words of a table that an evaluation considers: the first ones, whatever their case."""

from __future__ import annotations

from collections.abc import Collection

from elman.data.word_vectors import WordTable
from elman.errors import ConfigError

__all__ = ["KnownWords"]


class KnownWords:
    """Rows of words among the first `restrict` of a table (None for all), compared in upper case with `fold_case`.

    The first of several spellings of a word is its row, as in gensim's evaluations. Raises ConfigError for a `restrict`
    below 1.
    """

    def __init__(self, table: WordTable, *, restrict: int | None, fold_case: bool) -> None:
        if restrict is not None and restrict < 1:
            raise ConfigError(f"expected restrict of at least 1 word. Received: {restrict}")
        self.table = table
        self.fold_case = fold_case
        self.restrict = len(table) if restrict is None else min(restrict, len(table))
        self._rows: dict[str, list[int]] = {}
        if fold_case:
            for row, word in enumerate(table.words[: self.restrict]):
                self._rows.setdefault(word.upper(), []).append(row)

    def row(self, word: str) -> int | None:
        """Return the row of a word, or None."""
        if self.fold_case:
            rows = self._rows.get(word.upper())
            return rows[0] if rows else None
        row = self.table.find(word)
        return row if row is not None and row < self.restrict else None

    def same(self, row: int) -> Collection[int]:
        """Return the rows with the same spelling, whatever the case if it is folded."""
        return self._rows[self.table.words[row].upper()] if self.fold_case else (row,)
