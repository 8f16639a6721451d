"""Which words of a text are used, and from which words noise is drawn (Mikolov et al. 2013)."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from elman.kernels.word_vectors import Noise

__all__ = ["alias_table", "kept_share", "make_noise", "noise_probabilities"]

Doubles = npt.NDArray[np.float64]
Counts = npt.NDArray[np.int64]
_BITS = float(1 << 32)


def kept_share(counts_V: Counts, sample: float) -> Doubles:
    """Return the probability that an occurrence of each word is used: sqrt(s / f) + s / f, at most 1.

    f is the word's share of the text, and s is `sample`; all are used if that is 0. This is the formula of word2vec.
    """
    if not sample:
        return np.ones(len(counts_V))
    ratio = sample * counts_V.sum() / counts_V
    return np.minimum(1.0, np.sqrt(ratio) + ratio)


def noise_probabilities(counts_V: Counts, exponent: float) -> Doubles:
    """Return the probability of each word as noise, proportional to its count to the power of `exponent`."""
    weights = counts_V.astype(np.float64) ** exponent
    probabilities: Doubles = weights / weights.sum()
    return probabilities


def make_noise(counts_V: Counts, *, sample: float, exponent: float) -> Noise:
    """Return the tables by which the kernel keeps words and draws noise."""
    share_V, other_V = alias_table(noise_probabilities(counts_V, exponent))
    return Noise(_bits(kept_share(counts_V, sample)), _bits(share_V), other_V)


def _bits(share: Doubles) -> npt.NDArray[np.uint32]:
    return np.minimum(np.round(share * _BITS), _BITS - 1.0).astype(np.uint32)


def alias_table(probabilities_V: Doubles) -> tuple[Doubles, npt.NDArray[np.int32]]:
    """Return `share_V` and `other_V`: an even place v gives v with probability `share_V[v]`, else `other_V[v]`.

    This is Vose's alias method: each drawing takes two random numbers, however many words there are.
    """
    size = len(probabilities_V)
    left = (probabilities_V * size).tolist()
    share, other = np.ones(size), np.arange(size, dtype=np.int32)
    small = [word for word in range(size) if left[word] < 1.0]
    large = [word for word in range(size) if left[word] >= 1.0]
    while small and large:
        few, many = small.pop(), large[-1]
        share[few], other[few] = left[few], many
        left[many] -= 1.0 - left[few]
        if left[many] < 1.0:
            small.append(large.pop())
    return share, other
