"""Pretrained word vectors from text files in the formats of word2vec and GloVe. Does not import torch.

A line has a word and its numbers, separated by single spaces; in word2vec files, a first line has the number of words
and the dimension. Only the vectors of the requested words are kept.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from elman.data.decoding import check_encoding, decoded_blocks, raw_blocks
from elman.data.word_vectors.lines import LONGEST_LINE, check_size, header_of, line_numbers, parted
from elman.data.word_vectors.source import one_file
from elman.errors import DataError

__all__ = ["WordVectors", "read_vectors"]

_BLOCK = 1 << 20


class WordVectors(NamedTuple):
    """The vectors of V words.

    matrix_VE  float32, one row for each requested word in the given order; 0 for words that the file does not have
    found_V    bool, whether the file has the word
    """

    matrix_VE: npt.NDArray[np.float32]
    found_V: npt.NDArray[np.bool_]


def read_vectors(
    path: str | os.PathLike[str], words: Sequence[str], *, encoding: str = "utf-8", errors: str = "strict"
) -> WordVectors:
    """Return the vectors of `words` in a text file (word2vec or GloVe, `.gz` or not).

    The first vector is used if the file has a word twice. All lines must have as many numbers as the first; the numbers
    of other words are counted but not parsed. A word may have spaces in it, as in some GloVe files, if it does not end
    with a number. Raises DataError with the line for another number of columns or a number that is not finite, for a
    number of words other than in the first line of word2vec, for an empty file, and for a file without any of the
    words; EncodingError, StorageError, ConfigError.
    """
    encoding = check_encoding(encoding)
    with one_file(path) as file:
        text = decoded_blocks(raw_blocks(file.path, file.name, _BLOCK), file.name, encoding=encoding, errors=errors)
        return _read(_lines(text, file.name), file.name, words)


def _read(lines: Iterator[str], name: str, words: Sequence[str]) -> WordVectors:
    places: dict[str, list[int]] = {}
    for row, word in enumerate(words):
        places.setdefault(word, []).append(row)
    first = next(lines, "")
    promised, begin = None, 1
    if (head := header_of(first)) is not None:
        promised, size = head
        begin = 2
    else:
        size = first.count(" ")
        lines = _chained(first, lines)
    check_size(size, first, name)
    matrix_VE = np.zeros((len(words), size), dtype=np.float32)
    found_V = np.zeros(len(words), dtype=bool)
    count = 0
    for number, line in enumerate(lines, begin):
        count += 1
        word, _, numbers = line.partition(" ")
        if line.count(" ") != size:
            word, numbers = parted(line, size, name, number)
        rows = places.get(word)
        if rows is not None and not found_V[rows[0]]:
            matrix_VE[rows] = line_numbers(numbers, name, number)
            found_V[rows] = True
    if promised is not None and count != promised:
        raise DataError(f"{name}: expected {promised} words, as its first line says. Received: {count} "
                        "(cut short?)")  # fmt: skip
    if len(words) and not found_V.any():
        raise DataError(f"{name}: expected at least one of the {len(words)} words of the vocabulary, such as "
                        f"{words[-1]!r}. Received: {count} others")  # fmt: skip
    return WordVectors(matrix_VE, found_V)


def _lines(blocks: Iterable[str], name: str) -> Iterator[str]:
    """Yield the lines of a text without trailing blanks."""
    kept = ""
    for block in blocks:
        *whole, kept = (kept + block).split("\n")
        yield from (line.rstrip(" \t") for line in whole)
        if len(kept) > LONGEST_LINE:
            raise DataError(f"{name}: expected a word and its numbers a line. Received: {len(kept)} characters")
    if kept:
        yield kept.rstrip(" \t")


def _chained(first: str, lines: Iterator[str]) -> Iterator[str]:
    yield first
    yield from lines
