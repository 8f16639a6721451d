"""Vectors of a file for the words of a vocabulary, in whatever case the file has them, and how many words have one."""

from __future__ import annotations

import codecs
import re
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, NamedTuple
from unicodedata import normalize

import numpy as np
import numpy.typing as npt

from elman.data.vocabulary import Vocabulary, WordVocabulary
from elman.data.vocabulary.base import END, UNKNOWN, display
from elman.data.vocabulary.kinds.words import NUMBER, URL
from elman.data.word_vectors.lines import check_size, columns_of
from elman.data.word_vectors.source import VectorStream, detect, one_file
from elman.data.word_vectors.table import WordTable
from elman.errors import ConfigError, DataError

__all__ = ["BorrowedVectors", "Coverage", "borrow", "vector_size", "with_words", "words_of"]

_SPACE = display(" ")
_DIGIT = re.compile(r"\d")
# How a special token may be written in a file of vectors.
_SPECIAL: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        UNKNOWN: (UNKNOWN, "<unk>", "<UNK>"),
        END: (END, "<eos>", "</s>"),
        NUMBER: (NUMBER, "<num>", "<number>"),
        URL: (URL, "<url>"),
    }
)
# How a word was found, in the order in which a word is looked up.
HOW = ("exact", "lower", "other_case", "digits", "special", "composed")
# The words without a vector that are listed.
_LISTED = 20
_NAMED = 3


class Coverage(NamedTuple):
    """How many words of a vocabulary have a vector in a file, and how many of the words of the training data.

    file          the file
    size          the numbers of a vector
    types, found  the words of the training data in the vocabulary, and how many of them have a vector
    how           how many were found in each of the ways of `HOW`
    tokens, tokens_found  the words of the training data, and how many of them have a vector
    missing       the most frequent words without a vector, with their counts
    """

    file: str
    size: int
    types: int
    found: int
    how: Mapping[str, int]
    tokens: int
    tokens_found: int
    missing: tuple[tuple[str, int], ...]

    def to_json(self) -> dict[str, Any]:
        """Return the facts for elman.json."""
        return {
            "file": self.file,
            "size": self.size,
            "words": self.types,
            "words_found": self.found,
            **{f"found_{name}": count for name, count in self.how.items()},
            "tokens": self.tokens,
            "tokens_found": self.tokens_found,
            "missing": [f"{word} {count}" for word, count in self.missing],
        }

    def __str__(self) -> str:
        """A sentence for people."""
        how = [f"{count:,} {_SHOWN[name]}" for name, count in self.how.items() if count and name != HOW[0]]
        brackets = f" ({', '.join(how)})" if how else ""
        text = (
            f"{self.file}: vectors of {self.found:,} of {self.types:,} different words of the training data{brackets}"
        )
        if self.tokens:
            text += f", with {self.tokens_found / self.tokens:.1%} of their occurrences"
        if self.missing:
            named = ", ".join(f"{word!r} ({count:,} times)" for word, count in self.missing[:_NAMED])
            text += f"; the most frequent without one: {named}"
        return text


_SHOWN = MappingProxyType(
    {
        "lower": "by their lower case",
        "other_case": "by another case",
        "digits": "by other digits",
        "special": "special",
        "composed": "from parts of words",
    }
)


class BorrowedVectors(NamedTuple):
    """The vectors of V words.

    matrix_VE  float32, one row for each word; 0 for words without a vector
    how_V      index in `HOW` of how a word was found; -1 for words without a vector
    """

    matrix_VE: npt.NDArray[np.float32]
    how_V: npt.NDArray[np.int8]

    def coverage(self, path: str, words: Sequence[str], counts_V: npt.NDArray[np.int64]) -> Coverage:
        """Return how many of the `words` have a vector; `counts_V` are their counts in the training data.

        Rows without a word, such as parts of words, are no words. An unknown word of the training data counts as the
        unknown token.
        """
        occurs_V = counts_V > 0
        is_word_V = occurs_V & np.array([bool(word) and word not in _SPECIAL for word in words], dtype=bool)
        found_V = self.how_V >= 0
        how = {name: int(np.count_nonzero(occurs_V & (self.how_V == place))) for place, name in enumerate(HOW)}
        counted_V = np.array([bool(word) and word != END for word in words], dtype=bool)
        missing = np.flatnonzero(is_word_V & ~found_V)
        missing = missing[np.argsort(-counts_V[missing], kind="stable")][:_LISTED]
        return Coverage(
            path,
            self.matrix_VE.shape[1],
            int(is_word_V.sum()),
            int((is_word_V & found_V).sum()),
            how,
            int(counts_V[counted_V].sum()),
            int(counts_V[counted_V & found_V].sum()),
            tuple((words[row], int(counts_V[row])) for row in missing.tolist()),
        )


def borrow(table: WordTable, words: Sequence[str]) -> BorrowedVectors:
    """Return the vectors of words in a table; of a word that the table lacks, that of the same word in another case.

    A word is looked up as it is, then in lower case, with a capital letter, in capital letters, and with # or 0 in
    place of its digits, as in some files, each also with its accents composed or apart; then its vector is composed, if
    the table can. Words that are "" have no vector. Raises DataError for a table without any of the words.
    """
    matrix_VE = np.zeros((len(words), table.size), dtype=np.float32)
    how_V = np.full(len(words), -1, dtype=np.int8)
    for place, word in enumerate(words):
        for form, how in _forms(word):
            if (row := table.find(form)) is not None:
                matrix_VE[place], how_V[place] = table.matrix_VE[row], HOW.index(how)
                break
        else:
            composed = table.compose(word) if word and word not in _SPECIAL else None
            if composed is not None:
                matrix_VE[place], how_V[place] = composed, HOW.index("composed")
    if not (how_V >= 0).any():
        raise DataError(f"{table.name}: expected at least one of the {len(words):,} words of the vocabulary, such as "
                        f"{words[-1]!r}. Received: {len(table):,} others")  # fmt: skip
    return BorrowedVectors(matrix_VE, how_V)


def _forms(word: str) -> list[tuple[str, str]]:
    """Return the spellings under which a file may have a word, each with how that is called."""
    if word in _SPECIAL:
        return [(form, "special") for form in _SPECIAL[word]]
    if not word:
        return []
    lower = word.lower()
    found = [(word, "exact"), (lower, "lower"), (word[:1].upper() + word[1:].lower(), "other_case")]
    found.append((word.upper(), "other_case"))
    if _DIGIT.search(word):
        found += [(_DIGIT.sub(sign, lower), "digits") for sign in "#0"]
    if not word.isascii():
        # A letter with an accent may be one character or two; it is the same word.
        found = [(form, how) for each, how in found for form in (each, normalize("NFC", each), normalize("NFD", each))]
    first: dict[str, str] = {}
    for form, how in found:
        first.setdefault(form, how)
    return list(first.items())


def words_of(vocabulary: Vocabulary, option: str) -> list[str]:
    """Return the word under which a file of vectors has each token of a vocabulary; "" for tokens that are no words.

    A subword that begins a word is the word that it spells. Raises ConfigError for characters; `option` names the file.
    """
    check_kind(vocabulary.kind, option)
    entries = [str(entry) for entry in vocabulary.entries()]
    if vocabulary.kind != "subwords":
        return entries
    tokens = [vocabulary.token(number) for number in range(vocabulary.size)]
    return [token[1:] if token[:1] == _SPACE else "" for token in tokens]


def with_words(vocabulary: Vocabulary, words: Sequence[str]) -> Vocabulary:
    """Return a vocabulary with further words, as it spells them; those that it splits are left out.

    Raises ConfigError for tokens that are not words.
    """
    if not words:
        return vocabulary
    if not isinstance(vocabulary, WordVocabulary):
        raise ConfigError(f"expected tokens=words with vectors_words. Received: tokens={vocabulary.kind}")
    spelled = {parts[0]: None for word in words if len(parts := vocabulary.split(word)) == 1}
    return vocabulary.extended(WordVocabulary(list(spelled)))


def check_kind(kind: str, option: str) -> None:
    """Raise ConfigError for tokens that are characters, of which a file of word vectors has none."""
    if kind == "characters":
        raise ConfigError(f"expected tokens=words, or tokens=subwords, with {option}. Received: tokens={kind}")


def vector_size(path: str) -> int:
    """Return the numbers of a vector in a file, by its first line.

    Raises DataError for a first line that is no word with numbers, and as `read_table` does for other files.
    """
    if path == "-":
        raise ConfigError("expected a file of vectors, which is read twice. Received: - (standard input)")
    with one_file(path) as file, VectorStream(file) as stream:
        start = stream.peek().removeprefix(codecs.BOM_UTF8)
        head = detect(start, file.name)
        line = start.partition(b"\n")[0].decode("utf-8", "replace").rstrip(" \t\r")
        size = columns_of(line) if head.size is None else head.size
        check_size(size, line, file.name)
        return size
