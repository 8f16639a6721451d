"""`EmbeddingVocabulary`: the words that have vectors, how often they occur, and how text becomes their numbers."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from elman.data.token_counts import counts_of
from elman.data.token_file import TokenFile
from elman.data.vocabulary.base import END_ID, UNKNOWN_ID, Ids, check_fields
from elman.data.vocabulary.kinds.words import WordVocabulary
from elman.data.word_text.phrases import Pairs, Phrases, learn_phrases
from elman.errors import ArtifactError, DataError

__all__ = ["BOUNDARY", "EmbeddingVocabulary", "learn_embedding_vocabulary", "symbols_in"]

Words = npt.NDArray[np.int32]
Counts = npt.NDArray[np.int64]

# Number in place of a word where a document ends.
BOUNDARY = -1
_LEFT_OUT = -2


class EmbeddingVocabulary:
    """V words with vectors, the most frequent first.

    Texts are split by `base`. Its tokens, and after them the phrases of each pass, are symbols; `symbols_V` has the
    symbol of each word, and `counts_V` how often it occurs in the training text. Other symbols, such as line ends, are
    left out. Symbols that are written alike, such as the phrase new_york and a word of the text with an underscore, are
    one word, for which the first of them stands.
    """

    unit = "word"

    def __init__(self, base: WordVocabulary, symbols_V: Ids, counts_V: Counts, passes: Sequence[Pairs] = ()) -> None:
        self.base = base
        self.symbols_V = symbols_V
        self.counts_V = counts_V
        self.phrases = Phrases(base.size, passes)
        self._word_of = np.full(self.phrases.size, _LEFT_OUT, dtype=np.int32)
        self._word_of[symbols_V] = np.arange(len(symbols_V), dtype=np.int32)
        if passes:
            firsts_S = _firsts(self._names)
            self._word_of = np.where(self._word_of == _LEFT_OUT, self._word_of[firsts_S], self._word_of)
        self._word_of[END_ID] = BOUNDARY

    def __len__(self) -> int:
        return len(self.symbols_V)

    @property
    def size(self) -> int:
        """The number of words V."""
        return len(self.symbols_V)

    @property
    def unicode_form(self) -> str:
        """The Unicode form of texts."""
        return self.base.unicode_form

    def has_joining(self) -> bool:
        """Whether a word has a character that may be composed with the one before it."""
        return self.base.has_joining()

    @cached_property
    def words(self) -> list[str]:
        """The words; a phrase has its words joined by underscores."""
        names = self._names
        return [names[symbol] for symbol in self.symbols_V.tolist()]

    @cached_property
    def _names(self) -> list[str]:
        return _names_of(self.base, self.phrases)

    def entries(self) -> tuple[Hashable, ...]:
        """Return the words, as what the rows of tables stand for."""
        return tuple(self.words)

    def numbers(self, ids_T: Ids) -> Words:
        """Return the numbers of the words in a text of base ids: without other symbols, -1 where a document ends."""
        words_T = self._word_of[self.phrases.join(ids_T)]
        return np.ascontiguousarray(words_T[words_T != _LEFT_OUT])

    def split(self, text: str) -> list[str]:
        """Return the words with vectors in a text."""
        return [self.words[number] for number in self.numbers(self.base.encode(text)).tolist() if number >= 0]

    def to_json(self) -> dict[str, Any]:
        """Return the vocabulary as plain JSON values."""
        return {
            "kind": "embeddings",
            "base": self.base.to_json(),
            "phrases": [[list(pair) for pair in pairs] for pairs in self.phrases.passes],
            "symbols": self.symbols_V.tolist(),
            "counts": self.counts_V.tolist(),
        }

    @classmethod
    def from_json(cls, content: object) -> EmbeddingVocabulary:
        """Create from the result of `to_json`. Raises ArtifactError for other values."""
        types = {"kind": str, "base": dict, "phrases": list, "symbols": list, "counts": list}
        fields = check_fields(content, types, "a vocabulary of word vectors")
        base = WordVocabulary.from_json(fields["base"])
        size, passes = base.size, []
        for pairs in fields["phrases"]:
            if not isinstance(pairs, list) or not all(_is_pair(pair, size) for pair in pairs):
                raise ArtifactError(f"expected passes of pairs of symbols below {size}. Received: {str(pairs)[:80]}")
            passes.append([(first, second) for first, second in pairs])
            size += len(pairs)
        symbols, counts = fields["symbols"], fields["counts"]
        if not _are_ints(symbols, UNKNOWN_ID, size) or len(set(symbols)) != len(symbols) or len(symbols) < 2:
            raise ArtifactError(f"expected two or more different symbols below {size}. Received: {str(symbols)[:80]}")
        if not _are_ints(counts, 1, 1 << 62) or len(counts) != len(symbols):
            raise ArtifactError(f"expected {len(symbols)} counts. Received: {str(counts)[:80]}")
        return cls(base, np.array(symbols, dtype=np.int64), np.array(counts, dtype=np.int64), passes)


def _are_ints(values: Sequence[object], least: int, below: int) -> bool:
    return all(type(value) is int and least <= value < below for value in values)


def _is_pair(value: object, below: int) -> bool:
    return isinstance(value, list) and len(value) == 2 and _are_ints(value, 0, below)


def _names_of(base: WordVocabulary, phrases: Phrases) -> list[str]:
    """Return how each symbol is written."""
    names = list(base.entries())
    for first, second in (pair for pairs in phrases.passes for pair in pairs):
        names.append(f"{names[first]}_{names[second]}")
    return names


def _firsts(names: Sequence[str]) -> Ids:
    """Return for each symbol the first that is written alike."""
    places: dict[str, int] = {}
    return np.array([places.setdefault(name, number) for number, name in enumerate(names)], dtype=np.int64)


def symbols_in(tokens: TokenFile, phrases: Phrases | None = None) -> Iterable[Ids]:
    """Yield the symbols of a text in blocks."""
    for ids in tokens.blocks():
        yield ids if phrases is None else phrases.join(ids)


def learn_embedding_vocabulary(
    base: WordVocabulary, tokens: TokenFile, *, min_count: int, passes: int = 0, threshold: float = 100.0
) -> EmbeddingVocabulary:
    """Return the words of an encoded text that occur at least `min_count` times.

    passes, threshold  how often pairs of words are joined to phrases, and the score from which they are

    Raises DataError for fewer than two words.
    """
    left_out = np.zeros(base.size, dtype=bool)
    left_out[[UNKNOWN_ID, END_ID]] = True
    newline = base.encode("\n")
    left_out[newline] = True
    found = Phrases(base.size, ())
    for _ in range(passes):
        found = learn_phrases(found, lambda: symbols_in(tokens), left_out, min_count=min_count, threshold=threshold)
    counts = counts_of(symbols_in(tokens, found), found.size)
    counts[: base.size][left_out] = 0
    if passes:
        counts = np.bincount(_firsts(_names_of(base, found)), counts, minlength=found.size).astype(np.int64)
    symbols_V = np.flatnonzero(counts >= min_count)
    symbols_V = symbols_V[np.argsort(-counts[symbols_V], kind="stable")]
    if len(symbols_V) < 2:
        named = EmbeddingVocabulary(base, symbols_V, counts[symbols_V], found.passes).words
        raise DataError(
            f"expected a text with at least two different words that occur min_count = {min_count} times or more. "
            f"Received: {', '.join(map(repr, named)) or 'none'}"
        )
    return EmbeddingVocabulary(base, symbols_V, counts[symbols_V], found.passes)
