"""The most frequent tag of each word, and of the ending and shape of unknown words.

An unknown word is guessed from the longest ending that rare training words of the same shape had, as in Brants 2000,
TnT: a statistical part-of-speech tagger. Ties are decided by the tag that is more frequent in all training.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from elman.baselines.lookup import distinct
from elman.errors import ConfigError, DataError

__all__ = ["TagLexicon"]

Ints = NDArray[np.int64]

# The longest ending, and how often a word is in training at most, to teach endings.
_LONGEST_ENDING = 5
_RARE = 10


class TagLexicon:
    """The most frequent tag of each word, and guesses for other words."""

    def __init__(self) -> None:
        self._tags: dict[str, int] = {}
        self._guesses: dict[tuple[str, str], int] = {}
        self._commonest: int | None = None

    def fit(self, sentences: Sequence[Sequence[str]], tags: Sequence[ArrayLike]) -> TagLexicon:
        """Count the tags of words. Returns the instance.

        Tags are integers; negative ones mark words without a tag, which are left out. Raises DataError if the tags are
        not as many as the words, or if there are none.
        """
        tags_N = _joined(sentences, tags)
        known_N = tags_N >= 0
        if not known_N.any():
            raise DataError(f"expected at least one word with a tag. Received: {len(tags_N)} words without tags")
        words = [word for sentence in sentences for word in sentence]
        words, tags_N = [word for word, known in zip(words, known_N, strict=True) if known], tags_N[known_N]
        ids: dict[str, int] = {}
        words_N = np.array([ids.setdefault(word, len(ids)) for word in words], np.int64)
        self._commonest = int(np.bincount(tags_N).argmax())
        self._tags = dict(zip(ids, _best(words_N, tags_N, tags_N).tolist(), strict=True))
        self._learn_endings(list(ids), words_N, tags_N)
        return self

    def predict(self, sentences: Sequence[Sequence[str]]) -> list[Ints]:
        """Return the tags of each sentence."""
        if self._commonest is None:
            raise ConfigError("expected fit() before predict(). Received: a lexicon without words")
        guessed: dict[str, int] = {}
        tagged = []
        for sentence in sentences:
            tags_T = np.zeros(len(sentence), np.int64)
            for t, word in enumerate(sentence):
                tag = self._tags.get(word)
                if tag is None and t == 0:  # a word that is known without the capital of a sentence's first letter
                    tag = self._tags.get(word.lower())
                if tag is None:
                    tag = guessed.get(word)
                if tag is None:
                    tag = guessed[word] = self._guess(word, self._commonest)
                tags_T[t] = tag
            tagged.append(tags_T)
        return tagged

    def _learn_endings(self, vocabulary: Sequence[str], words_N: Ints, tags_N: Ints) -> None:
        """Count the tags of the endings of rare words, or of all words if none is rare."""
        rare_V = np.bincount(words_N) <= _RARE
        if not rare_V.any():
            rare_V[:] = True
        chosen_N = np.flatnonzero(rare_V[words_N])
        keys = [_keys(word) if rare else [] for word, rare in zip(vocabulary, rare_V.tolist(), strict=True)]
        ids: dict[tuple[str, str], int] = {}
        pairs = [
            (ids.setdefault(key, len(ids)), tag)
            for word, tag in zip(words_N[chosen_N].tolist(), tags_N[chosen_N].tolist(), strict=True)
            for key in keys[word]
        ]
        pairs_N2 = np.array(pairs, np.int64)
        self._guesses = dict(zip(ids, _best(pairs_N2[:, 0], pairs_N2[:, 1], tags_N).tolist(), strict=True))

    def _guess(self, word: str, otherwise: int) -> int:
        found = (self._guesses.get(key) for key in _keys(word))
        return next((tag for tag in found if tag is not None), otherwise)


def _keys(word: str) -> list[tuple[str, str]]:
    """Return the keys by which a word is guessed: its shape with each ending, the longest first and last the empty."""
    shape = _shape(word)
    lower = word.lower()
    return [(shape, lower[len(lower) - n :]) for n in range(min(_LONGEST_ENDING, len(lower)), -1, -1)]


def _shape(word: str) -> str:
    if any(letter.isdigit() for letter in word):
        return "digit"
    if word.isupper():
        return "upper" if len(word) > 1 else "capital"
    return "capital" if word[:1].isupper() else "lower" if any(map(str.isalpha, word)) else "other"


def _best(keys_N: Ints, tags_N: Ints, all_tags_N: Ints) -> Ints:
    """Return the most frequent tag of each key from 0 on; of equally frequent ones, the one with more of all tags."""
    frequency_V = np.bincount(all_tags_N)
    pairs_N, _, counts_N = distinct(keys_N * len(frequency_V) + tags_N)
    keys, tags = np.divmod(pairs_N, len(frequency_V))
    order_N = np.lexsort((tags, -frequency_V[tags], -counts_N, keys))
    firsts_N = np.unique(keys[order_N], return_index=True)[1]
    return tags[order_N][firsts_N]


def _joined(sentences: Sequence[Sequence[str]], tags: Iterable[ArrayLike]) -> Ints:
    """Return all tags in one array, after checking that there is one for each word."""
    arrays = [np.asarray(each) for each in tags]
    if len(arrays) != len(sentences):
        raise DataError(f"expected tags for each of {len(sentences)} sentences. Received: {len(arrays)}")
    for number, (sentence, each) in enumerate(zip(sentences, arrays, strict=True)):
        if each.shape != (len(sentence),):
            raise DataError(
                f"expected a tag for each of the {len(sentence)} words of sentence {number}. "
                f"Received: shape {each.shape}"
            )
        if len(each) and each.dtype.kind not in "iu":
            raise DataError(f"expected integers as tags. Received: {each.dtype} in sentence {number}")
    return np.concatenate([np.zeros(0, np.int64), *(each.astype(np.int64) for each in arrays)])
