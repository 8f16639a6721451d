"""How often each token occurs."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import numpy.typing as npt

from elman.data.token_file import TokenFile

__all__ = ["counts_of", "token_counts"]


def counts_of(ids: Iterable[npt.NDArray[Any]], size: int) -> npt.NDArray[np.int64]:
    """Return how often each of `size` token ids occurs; larger ids, such as start tokens, are not counted."""
    counts_V = np.zeros(size, dtype=np.int64)
    for each in ids:
        counts_V += np.bincount(each, minlength=size)[:size]
    return counts_V


def token_counts(tokens: TokenFile, vocabulary_size: int) -> npt.NDArray[np.int64]:
    """Return the count of every token of a vocabulary in a token file, by its id."""
    return counts_of(tokens.blocks(), vocabulary_size)
