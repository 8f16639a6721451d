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
from elman.data.inputs import find_files
from elman.errors import DataError

__all__ = ["WordVectors", "read_vectors"]

_BLOCK = 1 << 20
# Longer vectors or lines mean that the file is probably not one of word vectors.
_MAX_NUMBERS = 1 << 16
_LONGEST_LINE = 1 << 22
_LARGEST = float(np.finfo(np.float32).max)


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
    files = find_files([path])
    try:
        if len(files) > 1:
            raise DataError(f"{os.fspath(path)}: expected one file of word vectors. Received: {len(files)}")
        file = files[0]
        text = decoded_blocks(raw_blocks(file.path, file.name, _BLOCK), file.name, encoding=encoding, errors=errors)
        return _read(_lines(text, file.name), file.name, words)
    finally:
        for file in files:
            if file.spooled:
                file.path.unlink(missing_ok=True)


def _read(lines: Iterator[str], name: str, words: Sequence[str]) -> WordVectors:
    places: dict[str, list[int]] = {}
    for row, word in enumerate(words):
        places.setdefault(word, []).append(row)
    first = next(lines, "")
    head = first.split(" ")
    promised, begin = None, 1
    if len(head) == 2 and all(part.isdecimal() for part in head):
        promised, size = int(head[0]), int(head[1])
        begin = 2
    else:
        size = len(head) - 1
        lines = _chained(first, lines)
    if not 1 <= size <= _MAX_NUMBERS:
        raise DataError(f"{name}, line 1: expected a word and 1 to {_MAX_NUMBERS} numbers. Received: {first[:40]!r}")
    matrix_VE = np.zeros((len(words), size), dtype=np.float32)
    found_V = np.zeros(len(words), dtype=bool)
    count = 0
    for number, line in enumerate(lines, begin):
        count += 1
        word, _, numbers = line.partition(" ")
        if line.count(" ") != size:
            word, numbers = _parted(line, size, name, number)
        rows = places.get(word)
        if rows is not None and not found_V[rows[0]]:
            matrix_VE[rows] = _numbers(numbers, name, number)
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
        if len(kept) > _LONGEST_LINE:
            raise DataError(f"{name}: expected a word and its numbers a line. Received: {len(kept)} characters")
    if kept:
        yield kept.rstrip(" \t")


def _chained(first: str, lines: Iterator[str]) -> Iterator[str]:
    yield first
    yield from lines


def _parted(line: str, size: int, name: str, number: int) -> tuple[str, str]:
    """Split a line whose word has spaces into the word and its numbers."""
    parts = line.split(" ")
    count = 0
    while count < len(parts) and _is_number(parts[-1 - count]):
        count += 1
    # The word may be a number too.
    if count != size or len(parts) <= size:
        count = min(count, len(parts) - 1)
        raise DataError(f"{name}, line {number}: expected a word and {size} numbers, as in the lines above. "
                        f"Received: {parts[0][:40]!r} and {count}")  # fmt: skip
    return " ".join(parts[:-size]), " ".join(parts[-size:])


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _numbers(text: str, name: str, number: int) -> npt.NDArray[np.float32]:
    parts = text.split(" ")
    odd = next(
        (part for part in parts if not _is_number(part) or "_" in part or not abs(float(part)) <= _LARGEST), None
    )
    if odd is not None:
        raise DataError(f"{name}, line {number}: expected finite numbers after the word. Received: {odd[:40]!r}")
    return np.array([float(part) for part in parts], dtype=np.float32)
