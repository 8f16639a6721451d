"""Series prepared for rules that compare them: gaps filled, standardised, and of the same length.

A series is an array `T`, or `TC` with C channels. Values that are not finite are missing.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from elman.errors import ConfigError, DataError, ShapeError

__all__ = ["Scale", "Scaling", "as_channels", "by_length", "filled", "resampled", "standardised"]

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
# By what the channels of a series are standardised: by themselves, so that their levels do not count, or by those of
# all training series, so that they do.
Scaling = Literal["series", "training"]


def as_channels(series: Iterable[ArrayLike], channels: int | None = None) -> list[Floats]:
    """Return each series as `TC` in float64, with NaN for missing values.

    Raises DataError without series, ShapeError if their numbers of channels differ, or are not `channels`.
    """
    arrays = []
    for one in series:
        values = np.array(one, np.float64)
        if values.ndim not in (1, 2):
            raise ShapeError(f"expected a series of shape T or TC. Received: {values.shape}")
        values[~np.isfinite(values)] = np.nan
        arrays.append(values[:, None] if values.ndim == 1 else values)
    found = sorted({values.shape[1] for values in arrays})
    if len(found) > 1 or (channels is not None and found not in ([], [channels])):
        expected = "the same number of" if channels is None else channels
        raise ShapeError(f"expected series of {expected} channels. Received: {', '.join(map(str, found))}")
    if not arrays and channels is None:
        raise DataError("expected at least one series. Received: none")
    return arrays


class Scale(NamedTuple):
    """By what series are standardised: mean and deviation of each channel, or None for those of the series."""

    means_C: Floats | None
    deviations_C: Floats | None

    @classmethod
    def of(cls, scaling: Scaling, training: Sequence[Floats]) -> Scale:
        """Return the scale of the training series."""
        if scaling not in ("series", "training"):
            raise ConfigError(f"expected the scaling series or training. Received: {scaling!r}")
        if scaling == "series":
            return cls(None, None)
        values_NC = np.concatenate(training)
        known_NC = ~np.isnan(values_NC)
        counts_C = np.maximum(known_NC.sum(0), 1)
        means_C = np.where(known_NC, values_NC, 0).sum(0) / counts_C
        deviations_C = np.sqrt((np.where(known_NC, values_NC - means_C, 0) ** 2).sum(0) / counts_C)
        return cls(means_C, np.where(deviations_C > 0, deviations_C, 1))

    def __call__(self, values_TC: Floats) -> Floats:
        """Return the standardised series. Missing values become 0."""
        if self.means_C is None or self.deviations_C is None:
            return standardised(values_TC)
        return np.nan_to_num((values_TC - self.means_C) / self.deviations_C)


def standardised(values_TC: Floats) -> Floats:
    """Return each channel with mean 0 and deviation 1. A constant channel, and missing values, become 0."""
    known_TC = ~np.isnan(values_TC)
    counts_C = np.maximum(known_TC.sum(0), 1)
    present_TC = np.where(known_TC, values_TC, 0)
    scale_C = _scale(present_TC)
    centred_TC = np.where(known_TC, present_TC / scale_C - (present_TC / scale_C).sum(0) / counts_C, 0)
    deviation_C = np.sqrt((centred_TC**2).sum(0) / counts_C)
    # Rounding leaves a constant channel with a tiny deviation.
    return np.where(deviation_C > 1e-12, centred_TC / np.where(deviation_C > 1e-12, deviation_C, 1), 0)


def filled(values_TC: Floats) -> Floats:
    """Fill gaps by linear interpolation, those at the ends by the nearest value. A channel without values becomes 0."""
    known_TC = ~np.isnan(values_TC)
    if known_TC.all():
        return values_TC
    steps_T = np.arange(len(values_TC))
    full_TC = np.zeros_like(values_TC)
    for c in range(values_TC.shape[1]):
        known_N = np.flatnonzero(known_TC[:, c])
        if known_N.size:
            full_TC[:, c] = np.interp(steps_T, known_N, values_TC[known_N, c])
    return full_TC


def resampled(series: Sequence[Floats], length: int) -> Floats:
    """Return an array of series x `length` x channels, by linear interpolation. A series without steps becomes 0."""
    channels = series[0].shape[1] if series else 0
    values = np.zeros((len(series), length, channels))
    for rows_N, stacked_NTC in by_length(series):
        steps = stacked_NTC.shape[1]
        if not steps or steps == length:
            values[rows_N] = stacked_NTC if steps else 0
            continue
        places_T = np.linspace(0, steps - 1, length)
        left_T = np.minimum(places_T.astype(np.int64), max(steps - 2, 0))
        right_T = np.minimum(left_T + 1, steps - 1)
        share = (places_T - left_T)[:, None]
        values[rows_N] = stacked_NTC[:, left_T] * (1 - share) + stacked_NTC[:, right_T] * share
    return values


def by_length(series: Sequence[Floats]) -> Iterable[tuple[Ints, Floats]]:
    """Yield the indices of all series of the same length, and these series in one array."""
    lengths_N = np.array([len(one) for one in series], np.int64)
    for length in np.unique(lengths_N):
        rows_N = np.flatnonzero(lengths_N == length)
        yield rows_N, np.stack([series[row] for row in rows_N.tolist()])


def _scale(values_TC: Floats) -> Floats:
    """Return the largest size of each channel, by which squares stay finite; 1 for a channel of 0."""
    sizes_C = np.abs(values_TC).max(0, initial=0)
    return np.where(sizes_C > 0, sizes_C, 1)
