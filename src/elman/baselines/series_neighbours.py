"""The nearest training series, by the Euclidean distance or by dynamic time warping.

Each channel of each series is standardised, missing values become 0, and series of different lengths are interpolated
to the longest length of training. Both rules are the usual baselines of time series classification (Bagnall et al.
2017, The great time series classification bake off).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from elman.baselines.dtw import dtw_distances, envelopes, lower_bounds
from elman.baselines.nearest_vector import nearest_vectors
from elman.baselines.series import as_channels, resampled, standardised
from elman.errors import ConfigError, DataError

__all__ = ["nearest_series", "predict"]

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Distance = Literal["euclid", "dtw"]

# Steps of the series that are compared; longer ones are interpolated to it.
_MOST_STEPS = 1024
# Series whose distances are computed together, in the order of their lower bounds.
_TOGETHER = 32


def predict(
    train: Sequence[ArrayLike], labels_N: ArrayLike, test: Sequence[ArrayLike], distance: Distance = "euclid"
) -> Ints:
    """Return for each test series the label of the nearest training series."""
    labels = np.asarray(labels_N, np.int64)
    if labels.shape != (len(train),):
        raise DataError(f"expected a label for each of {len(train)} series. Received: shape {labels.shape}")
    return labels[nearest_series(train, test, distance)]


def nearest_series(
    train: Sequence[ArrayLike],
    test: Sequence[ArrayLike],
    distance: Distance = "euclid",
    most_steps: int = _MOST_STEPS,
) -> Ints:
    """Return for each test series the index of the nearest training series, the first one of equally near ones.

    Args:
        train: arrays `T` or `TC`.
        test: arrays with the channels of the training series.
        distance: `euclid`, or `dtw` with a band of a tenth of the length.
        most_steps: longer series are interpolated to this length.
    """
    if distance not in ("euclid", "dtw"):
        raise ConfigError(f"expected the distance euclid or dtw. Received: {distance!r}")
    if most_steps < 1:
        raise ConfigError(f"expected a length of 1 or more. Received: most_steps={most_steps}")
    fitted = as_channels(train)
    length = max(1, min(most_steps, max(len(one) for one in fitted)))
    others = as_channels(test, fitted[0].shape[1])
    if not others:
        return np.zeros(0, np.int64)
    train_NTC = resampled([standardised(one) for one in fitted], length)
    test_BTC = resampled([standardised(one) for one in others], length)
    if distance == "euclid":
        return nearest_vectors(train_NTC, test_BTC)
    return _nearest_warped(train_NTC, test_BTC, length // 10)


def _nearest_warped(train_NTC: Floats, test_BTC: Floats, band: int) -> Ints:
    low_NTC, high_NTC = envelopes(train_NTC, band)
    nearest_B = np.zeros(len(test_BTC), np.int64)
    for row, query_TC in enumerate(test_BTC):
        bounds_N = lower_bounds(query_TC, train_NTC, band, low_NTC, high_NTC)
        order_N = np.argsort(bounds_N, kind="stable")
        best = (np.inf, 0)
        for first in range(0, len(order_N), _TOGETHER):
            chosen_N = order_N[first : first + _TOGETHER]
            if bounds_N[chosen_N[0]] > best[0]:
                break
            distances_N = dtw_distances(query_TC, train_NTC[chosen_N], band)
            least = float(distances_N.min())
            best = min(best, (least, int(chosen_N[distances_N == least].min())))
        nearest_B[row] = best[1]
    return nearest_B
