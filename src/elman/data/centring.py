"""Values that float32 cannot distinguish, such as times in seconds, less the mean of the training data."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from elman.data.values import indistinct
from elman.errors import ArtifactError, DataError

__all__ = ["centre_of", "centred", "checked_centre"]


def centre_of(parts: Sequence[npt.NDArray[Any]]) -> tuple[float, ...]:
    """Return the mean of each feature (last axis) if some parts are float64, which `precise` leaves; otherwise ()."""
    if not any(part.dtype == np.float64 for part in parts):
        return ()
    rows = [part.reshape(-1, part.shape[-1]) for part in parts]
    total = np.sum([part.sum(axis=0, dtype=np.float64) for part in rows], axis=0)
    return tuple((total / sum(map(len, rows))).tolist())


def centred(
    values: npt.NDArray[Any], centre: Sequence[float], place: str, names: Sequence[str] = ()
) -> npt.NDArray[np.float32]:
    """Return the values less `centre` as float32.

    Without a centre, raises DataError, with `place` and the feature's name or number, for values that float32 cannot
    distinguish.
    """
    if centre:
        return (values - np.asarray(centre)).astype(np.float32)
    single = np.ascontiguousarray(values, dtype=np.float32)
    close = indistinct(values, single)
    if close is not None:
        raise DataError(
            f"{place}: expected values that differ in float32; subtract their mean. "
            f"Received: {values.reshape(-1, values.shape[-1])[0, close]} in feature "
            f"{repr(names[close]) if names else close + 1}, with nearly the same in others"
        )
    return single


def checked_centre(values: Sequence[Any], features: int, what: str) -> tuple[float, ...]:
    """Return the centre in a vocabulary. Raises ArtifactError unless it is empty, or a number for each feature."""
    numbers = all(type(value) in (int, float) and math.isfinite(value) for value in values)
    if not numbers or len(values) not in (0, features):
        raise ArtifactError(f"expected a centre of {features} numbers of {what}. Received: {str(values)[:60]}")
    return tuple(map(float, values))
