"""Counts of unknown tokens in texts, for remarks."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from elman.data.vocabulary.base import UNKNOWN_ID, Vocabulary

__all__ = ["UnknownTokens", "unknown_in_ids", "unknown_in_stream", "unknown_in_texts"]

# At most this many texts are looked at, and so many characters of each.
_TEXTS, _CHARACTERS = 500, 2000
# More than this share of unknown tokens is worth a remark.
_MANY = 0.1


class UnknownTokens(NamedTuple):
    """The number of tokens that were looked at, how many of them are unknown, and the counts of the unknown ones."""

    tokens: int
    unknown: int
    found: Counter[str]

    @property
    def many(self) -> bool:
        """Whether more than a tenth of the tokens are unknown."""
        return self.unknown > _MANY * self.tokens


def unknown_in_texts(vocabulary: Vocabulary, texts: Sequence[str], *, lowercase: bool = False) -> UnknownTokens:
    """Count the unknown tokens of texts, or of evenly spaced ones of many."""
    rows = np.unique(np.linspace(0, max(len(texts) - 1, 0), min(len(texts), _TEXTS)).astype(np.int64)).tolist()
    looked_at = [texts[row][:_CHARACTERS] for row in rows]
    if lowercase:
        looked_at = [text.lower() for text in looked_at]
    counts = unknown_in_ids(vocabulary.encode_many(looked_at))
    if counts.unknown:
        for text in looked_at:
            counts.found.update(vocabulary.count_unknown(text))
    return counts


def unknown_in_ids(ids: Sequence[npt.NDArray[Any]]) -> UnknownTokens:
    """Count the unknown tokens in token ids."""
    unknown = sum(int(np.count_nonzero(each == UNKNOWN_ID)) for each in ids)
    return UnknownTokens(sum(map(len, ids)), unknown, Counter())


def unknown_in_stream(vocabulary: Vocabulary, texts: Iterable[str], most: int) -> UnknownTokens:
    """Count the unknown tokens of texts up to and including the one with the token number `most`.

    The memory is bounded by the different ones among so many tokens.
    """
    tokens, found = 0, Counter[str]()
    for text in texts:
        tokens += len(vocabulary.encode(text))
        found.update(vocabulary.count_unknown(text))
        if tokens >= most:
            break
    return UnknownTokens(tokens, found.total(), found)
