"""Features of texts: words and word pairs, characters within words, and hashed words.

Texts are compared in lower case. A word is a run of letters, digits and underscores, or another character that is no
space; characters are counted within the parts between spaces.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Sequence
from typing import Literal, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from elman.baselines.lookup import distinct, find
from elman.baselines.sparse import SparseRows
from elman.errors import ConfigError

__all__ = ["CharacterCounts", "Counts", "TextCounts", "WordCounts", "hashed_words", "text_counts", "words"]

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]

_WORD = re.compile(r"\w+|[^\w\s]")
# The longest part of a word whose characters are counted as a feature.
_LONGEST = 5


class Counts(NamedTuple):
    """How often each text has each unit, and each unit each feature. Without `units`, units are features."""

    texts: SparseRows
    units: SparseRows | None

    def features(self) -> SparseRows:
        """Return how often each text has each feature."""
        return self.texts if self.units is None else self.texts.times(self.units)


class TextCounts(Protocol):
    """Counts of features that were learnt from training texts."""

    def fit(self, texts: Sequence[str]) -> Counts:
        """Learn the features of texts, and count them."""

    def transform(self, texts: Sequence[str]) -> Counts:
        """Count the features of other texts. Others than those of training are left out."""


def words(text: str) -> list[str]:
    """Return the words of a text, in lower case."""
    return _WORD.findall(text.lower())


def text_counts(kind: Literal["words", "characters"]) -> TextCounts:
    """Return the counts of words and word pairs, or of the characters within words."""
    if kind not in ("words", "characters"):
        raise ConfigError(f"expected the features words or characters. Received: {kind!r}")
    return WordCounts() if kind == "words" else CharacterCounts()


class WordCounts:
    """Words, and pairs of adjacent words unless `pairs` is False."""

    def __init__(self, pairs: bool = True) -> None:
        self.pairs = pairs
        self._ids: dict[str, int] = {}
        self._pairs_N = np.zeros(0, np.int64)

    def fit(self, texts: Sequence[str]) -> Counts:
        """Learn the features of texts, and count them."""
        self._ids = {}
        split = [words(text) for text in texts]
        tokens_N = np.array([self._ids.setdefault(word, len(self._ids)) for each in split for word in each], np.int64)
        rows_N = _rows(split)
        if self.pairs:
            self._pairs_N = distinct(self._pair_keys(rows_N, tokens_N)[1])[0]
        return self._count(len(texts), rows_N, tokens_N)

    def transform(self, texts: Sequence[str]) -> Counts:
        """Count the features of other texts. Others than those of training are left out."""
        split = [words(text) for text in texts]
        tokens_N = np.array([self._ids.get(word, -1) for each in split for word in each], np.int64)
        return self._count(len(texts), _rows(split), tokens_N)

    def _count(self, texts: int, rows_N: Ints, tokens_N: Ints) -> Counts:
        pair_rows_N, keys_N = self._pair_keys(rows_N, tokens_N)
        pairs_N = find(self._pairs_N, keys_N)
        pairs_N = np.where(pairs_N >= 0, pairs_N + len(self._ids), -1)
        all_rows_N = np.concatenate([rows_N, pair_rows_N])
        features_N = np.concatenate([tokens_N, pairs_N])
        return Counts(_counted(all_rows_N, features_N, texts, len(self._ids) + len(self._pairs_N)), None)

    def _pair_keys(self, rows_N: Ints, tokens_N: Ints) -> tuple[Ints, Ints]:
        """Return the row and the key of each pair of adjacent known words."""
        known_N = (rows_N[1:] == rows_N[:-1]) & (tokens_N[1:] >= 0) & (tokens_N[:-1] >= 0)
        keys_N = tokens_N[:-1] * len(self._ids) + tokens_N[1:]
        return rows_N[1:][known_N], keys_N[known_N]


class CharacterCounts:
    """Sequences of characters, up to five of them, within a word with a space at each end.

    The features of a distinct word are listed once.
    """

    def __init__(self, shortest: int = 1, longest: int = _LONGEST) -> None:
        self.shortest = shortest
        self.longest = longest
        self._ids: dict[str, int] = {}

    def fit(self, texts: Sequence[str]) -> Counts:
        """Learn the features of texts, and count them."""
        self._ids = {}
        split = [text.lower().split() for text in texts]
        for word in dict.fromkeys(word for each in split for word in each):
            for part in self._parts(word):
                self._ids.setdefault(part, len(self._ids))
        return self._count(split)

    def transform(self, texts: Sequence[str]) -> Counts:
        """Count the features of other texts. Others than those of training are left out."""
        return self._count([text.lower().split() for text in texts])

    def _count(self, split: list[list[str]]) -> Counts:
        units: dict[str, int] = {}
        tokens_N = np.array([units.setdefault(word, len(units)) for each in split for word in each], np.int64)
        parts = [[self._ids.get(part, -1) for part in self._parts(word)] for word in units]
        ids_N = np.array([part for each in parts for part in each], np.int64)
        return Counts(
            _counted(_rows(split), tokens_N, len(split), len(units)),
            _counted(_rows(parts), ids_N, len(units), len(self._ids)),
        )

    def _parts(self, word: str) -> list[str]:
        spaced = f" {word} "
        return [
            spaced[first : first + length]
            for length in range(self.shortest, min(self.longest, len(spaced)) + 1)
            for first in range(len(spaced) - length + 1)
        ]


def hashed_words(texts: Sequence[str], size: int = 1024) -> Floats:
    """Return an array texts x `size`: log(1 + count) of the words with each hash, the CRC-32 modulo `size`.

    Weinberger et al. 2009, Feature hashing for large scale multitask learning.
    """
    if size < 1:
        raise ConfigError(f"expected a size of 1 or more. Received: {size}")
    hashes: dict[str, int] = {}
    split = [words(text) for text in texts]
    for word in dict.fromkeys(word for each in split for word in each):
        hashes[word] = zlib.crc32(word.encode("utf-8", "surrogatepass")) % size
    columns_N = np.array([hashes[word] for each in split for word in each], np.int64)
    counts = np.bincount(_rows(split) * size + columns_N, minlength=len(texts) * size)
    return np.log1p(counts).reshape(len(texts), size)


def _rows(split: Sequence[Sequence[object]]) -> Ints:
    """Return the number of the list for each item of the lists."""
    return np.repeat(np.arange(len(split)), np.array([len(each) for each in split], np.int64))


def _counted(rows_N: Ints, features_N: Ints, height: int, width: int) -> SparseRows:
    """Count the features from 0 on; -1 is left out."""
    known_N = features_N >= 0
    return SparseRows.from_entries(rows_N[known_N], features_N[known_N], np.ones(int(known_N.sum())), height, width)
