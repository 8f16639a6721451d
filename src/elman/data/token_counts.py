"""How often each token is in a token file."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from elman.data.token_file import TokenFile

__all__ = ["token_counts"]

# Tokens that are read at a time.
_AT_ONCE = 1 << 20


def token_counts(tokens: TokenFile, vocabulary_size: int) -> npt.NDArray[np.int64]:
    """Return the count of every token of a vocabulary, by its id."""
    counts_V = np.zeros(vocabulary_size, dtype=np.int64)
    for start in range(0, len(tokens), _AT_ONCE):
        part = tokens.read(start, min(start + _AT_ONCE, len(tokens)))
        counts_V += np.bincount(part, minlength=vocabulary_size)
    return counts_V
