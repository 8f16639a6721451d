"""The nearest training series, by the Euclidean distance or by dynamic time warping.

Channels are standardised, missing values become 0, and series of different lengths are interpolated to the longest
length of training. Both rules are the usual baselines of time series classification (Bagnall et al.
2017, The great time series classification bake off).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from elman.baselines.dtw import dtw_distances, envelopes, lower_bounds
from elman.baselines.nearest_vector import nearest_vectors
from elman.baselines.series import Scale, Scaling, as_channels, resampled
from elman.errors import ConfigError, DataError

__all__ = ["best_scaling", "nearest_series", "predict"]

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Distance = Literal["euclid", "dtw"]

# Steps of the series that are compared; longer ones are interpolated to it.
_MOST_STEPS = 1024
# Series whose distances are computed together, in the order of their lower bounds.
_TOGETHER = 32
# Training series at most by which a scaling is chosen.
_MOST_CHOOSING = 1000


def predict(
    train: Sequence[ArrayLike],
    labels_N: ArrayLike,
    test: Sequence[ArrayLike],
    distance: Distance = "euclid",
    scaling: Scaling | None = None,
) -> Ints:
    """Return for each test series the label of the nearest training series.

    The default of `scaling` is that of `best_scaling`; other arguments as in `nearest_series`.
    """
    labels = _checked(labels_N, len(train))
    scaling = best_scaling(train, labels) if scaling is None else scaling
    return labels[nearest_series(train, test, distance, scaling)]


def best_scaling(train: Sequence[ArrayLike], labels_N: ArrayLike) -> Scaling:
    """Return the scaling by which the nearest series in one half of the training has more labels of the other half.

    Equally good ones give `series`.
    """
    labels = _checked(labels_N, len(train))
    chosen_N = np.random.default_rng(0).permutation(len(train))[:_MOST_CHOOSING]
    scored_N, fitted_N = np.split(chosen_N, [len(chosen_N) // 2])
    if not scored_N.size:
        return "series"
    fitted, scored = ([train[row] for row in rows_N.tolist()] for rows_N in (fitted_N, scored_N))

    def correct(scaling: Scaling) -> int:
        found_N = labels[fitted_N][nearest_series(fitted, scored, "euclid", scaling)]
        return int((found_N == labels[scored_N]).sum())

    return "training" if correct("training") > correct("series") else "series"


def nearest_series(
    train: Sequence[ArrayLike],
    test: Sequence[ArrayLike],
    distance: Distance = "euclid",
    scaling: Scaling = "series",
    most_steps: int = _MOST_STEPS,
) -> Ints:
    """Return for each test series the index of the nearest training series, the first one of equally near ones.

    Args:
        train: arrays `T` or `TC`.
        test: arrays with the channels of the training series.
        distance: `euclid`, or `dtw` with a band of a tenth of the length.
        scaling: `series` standardises each channel by itself, `training` by all training series, which keeps levels.
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
    scale = Scale.of(scaling, fitted)
    train_NTC = resampled([scale(one) for one in fitted], length)
    test_BTC = resampled([scale(one) for one in others], length)
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


def _checked(labels_N: ArrayLike, series: int) -> Ints:
    labels = np.asarray(labels_N, np.int64)
    if labels.shape != (series,):
        raise DataError(f"expected a label for each of {series} series. Received: shape {labels.shape}")
    return labels
