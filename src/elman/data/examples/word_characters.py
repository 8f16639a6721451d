"""N-grams of the characters within the words of texts, as integer keys.

A word is read with a space at each end, so that its beginning and its end are n-grams of their own. The keys are
computed once for each distinct word.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from elman.data.batches import Ints
from elman.data.examples.encode import TextEncoder
from elman.data.rows import SequenceRows
from elman.data.vocabulary import WordVocabulary
from elman.errors import ArtifactError, ConfigError
from elman.state import Batch

__all__ = ["FACTOR", "TextInputs", "TextRows", "WordSpan", "character_keys", "check_words", "word_spans"]

# Odd, so that multiplication modulo 2^64 is invertible; collisions are about as rare as with a good hash function.
FACTOR = 0x9E3779B97F4A7C15 - 2**64
# Added to the first character of an n-gram, so that keys of characters differ from those of token ids.
_FIRST = 1 << 40


class TextInputs(NamedTuple):
    """Texts of a batch, and the n-grams of the characters of their words, G in all.

    tokens_BT  token ids
    keys_G     key of each n-gram
    rows_G     row of its text
    steps_G    first time step of its word
    widths_G   number of time steps of its word
    """

    tokens_BT: Tensor
    keys_G: Tensor
    rows_G: Tensor
    steps_G: Tensor
    widths_G: Tensor


class WordSpan(NamedTuple):
    """A word of a text, its first time step, and the number of its time steps."""

    word: str
    step: int
    width: int


def check_words(encoder: TextEncoder, where: str = "") -> None:
    """Raise ConfigError for tokens whose places in words are not known; or ArtifactError, with the file `where`."""
    vocabulary = encoder.vocabulary
    if not isinstance(vocabulary, WordVocabulary) and not vocabulary.per_character:
        problem = f"expected tokens=words or tokens=characters for bag_characters. Received: tokens={vocabulary.kind}"
        raise ArtifactError(f"{where}: {problem}") if where else ConfigError(problem)


def word_spans(encoder: TextEncoder, text: str) -> list[WordSpan]:
    """Return what is between the spaces of a text, as far as it is not truncated."""
    vocabulary, most = encoder.vocabulary, encoder.max_length or sys.maxsize
    if isinstance(vocabulary, WordVocabulary):
        found = list(_spans_of_words(vocabulary, vocabulary.in_case(text)))
    else:
        lower = bool(getattr(vocabulary, "lowercase", False))
        runs = re.finditer(r"\S+", vocabulary.in_form(text)[:most])
        found = [
            WordSpan(each.group().lower() if lower else each.group(), each.start(), each.end() - each.start())
            for each in runs
        ]
    return [WordSpan(word, step, min(width, most - step)) for word, step, width in found if step < most]


def _spans_of_words(vocabulary: WordVocabulary, text: str) -> Iterator[WordSpan]:
    """Yield the parts of a text between spaces; one without a token, such as punctuation, has the step before it."""
    runs = text.split()
    counts = [len(vocabulary.split(run)) for run in runs]
    total = len(vocabulary.split(text))
    if sum(counts) != total:
        # A tokenizer of the user may have tokens with spaces.
        yield from (WordSpan(run, 0, max(1, total)) for run in runs)
        return
    step = 0
    for run, count in zip(runs, counts, strict=True):
        yield WordSpan(run, step if count else max(0, step - 1), max(1, count))
        step += count


def character_keys(words: Sequence[str], order: int) -> Iterator[tuple[Ints, Ints]]:
    """Yield, for n = 1 to `order`, the keys of the n-grams of characters, and the index of the word of each."""
    spaced = "".join(f" {word} " for word in words)
    codes_T = np.frombuffer(spaced.encode("utf-32-le", "surrogatepass"), np.uint32).astype(np.int64)
    sizes_N = np.array([len(word) + 2 for word in words], dtype=np.int64)
    words_T = np.repeat(np.arange(len(words)), sizes_N)
    left_T = np.cumsum(sizes_N)[words_T] - np.arange(len(codes_T))
    keys_T = codes_T + _FIRST
    for n in range(1, order + 1):
        if n > 1:
            keys_T = keys_T[: len(codes_T) - n + 1] * FACTOR + codes_T[n - 1 :]
        # A space alone is in every word.
        inside_T = left_T[: len(keys_T)] >= n if n > 1 else codes_T != ord(" ")
        yield keys_T[inside_T], words_T[: len(keys_T)][inside_T]


class TextRows(SequenceRows):
    """Texts as token ids, with the n-grams of up to `order` characters of their words; batches have `TextInputs`.

    spans  the words of each text
    The other arguments are those of `SequenceRows`.
    """

    def __init__(
        self,
        rows: Sequence[npt.NDArray[np.int64]],
        spans: Sequence[Sequence[WordSpan]],
        order: int,
        targets: npt.NDArray[np.float64] | npt.NDArray[np.int64] | None = None,
        weights: npt.NDArray[np.float32] | None = None,
    ) -> None:
        super().__init__(rows, targets, weights)
        places: dict[str, int] = {}
        each = [(places.setdefault(span.word, len(places)), span.step, span.width) for text in spans for span in text]
        self._spans = np.array(each, dtype=np.int64).reshape(-1, 3)
        self._counts = np.array([len(text) for text in spans], dtype=np.int64)
        self._first_spans = np.cumsum(self._counts) - self._counts
        found = list(character_keys(list(places), order))
        keys, words = (np.concatenate(column) for column in zip(*found, strict=True))
        by_word = np.argsort(words, kind="stable")
        self._keys, self._sizes = keys[by_word], np.bincount(words, minlength=len(places))
        self._first_keys = np.cumsum(self._sizes) - self._sizes

    def batch(self, rows: Ints) -> Batch:
        """Return rows as a batch of `TextInputs`."""
        plain = super().batch(rows)
        spans_P = _ranges(self._first_spans[rows], self._counts[rows])
        rows_P = np.repeat(np.arange(len(rows)), self._counts[rows])
        words_P, steps_P, widths_P = self._spans[spans_P].T
        sizes_P = self._sizes[words_P]
        keys_G = self._keys[_ranges(self._first_keys[words_P], sizes_P)]
        columns = (keys_G, *(np.repeat(each, sizes_P) for each in (rows_P, steps_P, widths_P)))
        return plain._replace(inputs_BT=TextInputs(plain.inputs_BT, *map(torch.from_numpy, columns)))


def _ranges(starts_N: Ints, counts_N: Ints) -> Ints:
    """Return the numbers from each start on, as many as its count, one range after the other."""
    shifts_N = starts_N - (np.cumsum(counts_N) - counts_N)
    return np.arange(int(counts_N.sum())) + np.repeat(shifts_N, counts_N)
