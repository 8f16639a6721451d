"""Mean and standard deviation of training data, for standardising the inputs of a network."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

__all__ = ["mean_and_deviation"]

Doubles = npt.NDArray[np.float64]


def mean_and_deviation(
    parts: Sequence[npt.NDArray[Any]], axis: int | tuple[int, ...] = 0, *, unit: float = 1.0, least: float = 1e-12
) -> tuple[Doubles, Doubles]:
    """Return the mean and the standard deviation of all values along `axis`, accumulated in float64.

    unit   divisor of the values
    least  a smaller deviation counts as that of a constant and is replaced by 1
    """
    total = np.asarray(sum(part.sum(axis=axis, dtype=np.float64) for part in parts))
    count = sum(part.size for part in parts) / total.size
    mean = total / count
    squares = sum(((part - mean) ** 2).sum(axis=axis, dtype=np.float64) for part in parts)
    deviation = np.sqrt(np.asarray(squares) / count) / unit
    return np.asarray(mean / unit), np.where(deviation < least, 1.0, deviation)
