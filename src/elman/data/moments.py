"""Mean and deviation of training data, by which a network's input is standardised."""

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
    """The mean and the deviation of all values along `axis`, summed up part by part in float64.

    unit   what the values are divided by before
    least  a deviation below this is of a constant, and becomes 1
    """
    total = np.asarray(sum(part.sum(axis=axis, dtype=np.float64) for part in parts))
    count = sum(part.size for part in parts) / total.size
    mean = total / count
    squares = sum(((part - mean) ** 2).sum(axis=axis, dtype=np.float64) for part in parts)
    deviation = np.sqrt(np.asarray(squares) / count) / unit
    return np.asarray(mean / unit), np.where(deviation < least, 1.0, deviation)
