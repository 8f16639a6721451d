"""Character n-grams of words, whose vectors make those of words, also of words that were not seen (fastText)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from elman.kernels.word_vectors import Parts

__all__ = ["composed", "ngrams_of", "parts_of_words", "row_of"]

_FNV_START, _FNV_PRIME, _WORD = 2166136261, 16777619, 0xFFFFFFFF


def ngrams_of(word: str, shortest: int, longest: int) -> list[str]:
    """Return the n-grams of `<word>` of `shortest` to `longest` characters, without `<` and `>` alone."""
    marked = f"<{word}>"
    return [
        marked[start : start + size]
        for start in range(len(marked))
        for size in range(shortest, longest + 1)
        if start + size <= len(marked) and not (size == 1 and start in (0, len(marked) - 1))
    ]


def row_of(ngram: str, buckets: int) -> int:
    """Return the bucket of an n-gram: fastText's hash (FNV-1a of signed bytes of UTF-8) modulo their number."""
    value = _FNV_START
    for byte in ngram.encode("utf-8", "surrogatepass"):
        signed = byte if byte < 128 else byte | 0xFFFFFF00  # fastText extends the sign
        value = ((value ^ signed) * _FNV_PRIME) & _WORD
    return value % buckets


def parts_of_words(words: Sequence[str], *, shortest: int, longest: int, buckets: int) -> Parts:
    """Return the input rows of each of V words: its own, then V + the bucket of each of its n-grams."""
    rows: list[int] = []
    starts = [0]
    for number, word in enumerate(words):
        rows.append(number)
        rows += [len(words) + row_of(ngram, buckets) for ngram in ngrams_of(word, shortest, longest)]
        starts.append(len(rows))
    return Parts(np.array(starts, dtype=np.int64), np.array(rows, dtype=np.int32))


def composed(table_NE: npt.NDArray[np.float32], parts: Parts) -> npt.NDArray[np.float32]:
    """Return the vector of each word: the mean of its rows."""
    sums_VE = np.add.reduceat(table_NE[parts.rows], parts.starts[:-1], axis=0)
    return np.asarray(sums_VE / np.diff(parts.starts)[:, None], dtype=np.float32)
