"""Lines of text files of word vectors: a word and its numbers, separated by single spaces. Does not import torch."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from elman.errors import DataError

__all__ = [
    "LONGEST_LINE",
    "MAX_NUMBERS",
    "check_size",
    "columns_of",
    "header_of",
    "is_number",
    "line_numbers",
    "parted",
]

# Longer vectors or lines mean that the file is probably not one of word vectors.
MAX_NUMBERS = 1 << 16
LONGEST_LINE = 1 << 22
_LARGEST = float(np.finfo(np.float32).max)
_MAX_DIGITS = 18


def header_of(line: str) -> tuple[int, int] | None:
    """Return the number of words and the dimension in the first line of a word2vec file; None for another line."""
    parts = line.split(" ")
    if len(parts) != 2 or not all(part.isascii() and part.isdecimal() and len(part) <= _MAX_DIGITS for part in parts):
        return None
    return int(parts[0]), int(parts[1])


def check_size(size: int, line: str, name: str) -> None:
    """Raise DataError for an impossible dimension in the first line."""
    if not 1 <= size <= MAX_NUMBERS:
        raise DataError(f"{name}, line 1: expected a word and 1 to {MAX_NUMBERS} numbers. Received: {line[:40]!r}")


def columns_of(line: str) -> int:
    """Return how many numbers follow the word of a file's first line; tabs separate them if there are no spaces."""
    return line.count(" ") or line.count("\t")


def parted(line: str, size: int, name: str, number: int) -> tuple[str, str]:
    """Split a line whose word has spaces into the word and its numbers."""
    parts = line.split(" ")
    count = 0
    while count < len(parts) and is_number(parts[-1 - count]):
        count += 1
    # The word may be a number too.
    if count != size or len(parts) <= size:
        count = min(count, len(parts) - 1)
        raise DataError(f"{name}, line {number}: expected a word and {size} numbers, as in the lines above. "
                        f"Received: {parts[0][:40]!r} and {count}")  # fmt: skip
    return " ".join(parts[:-size]), " ".join(parts[-size:])


def is_number(text: str) -> bool:
    """Whether Python reads `text` as a number."""
    try:
        float(text)
    except ValueError:
        return False
    return True


def line_numbers(text: str, name: str, number: int) -> npt.NDArray[np.float32]:
    """Return the numbers of one line. Raises DataError for one that is not finite in float32."""
    parts = text.split(" ")
    odd = next((part for part in parts if not is_number(part) or "_" in part or not abs(float(part)) <= _LARGEST), None)
    if odd is not None:
        raise DataError(f"{name}, line {number}: expected finite numbers after the word. Received: {odd[:40]!r}")
    return np.array([float(part) for part in parts], dtype=np.float32)
