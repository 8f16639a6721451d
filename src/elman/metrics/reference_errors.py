"""Errors of simple forecasts in the training part of a series, as of data that the forecast was not fitted to.

They show how well a series can be forecast at all, and unlike the errors of a network on validation data, they were not
used to choose its weights. Requires only numpy.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

__all__ = ["SimpleErrors", "linear_errors", "naive_errors", "simple_errors"]

Ints = npt.NDArray[np.int64]
Doubles = npt.NDArray[np.float64]

# The last values of a series that are used.
_MOST_VALUES = 600
# Values for each lag of the linear forecast, and the lags of a series without a season.
_VALUES_OF_LAG, _LAGS = 4, 3
_MOST_LAGS = 50
_MOST_LEVERAGE = 0.9


class SimpleErrors(NamedTuple):
    """Errors of a simple forecast: in the training part, and of forecasts from given origins; NaN if not known."""

    training: Doubles
    later: Doubles


def simple_errors(values: Doubles, stop: int, origins: Ints, step: int, season: int) -> SimpleErrors:
    """Return the errors of the better of the two simple forecasts, by its errors in the training part.

    values   the series, of which the first `stop` are the training part; NaN where a value is missing
    origins  last known steps of the forecasts after it
    step     the step ahead
    """
    naive = naive_errors(values, stop, origins, step, season)
    linear = linear_errors(values, stop, origins, step, season)
    return linear if len(linear.training) and _size(linear) < _size(naive) else naive


def naive_errors(values: Doubles, stop: int, origins: Ints, step: int, season: int) -> SimpleErrors:
    """Return the errors of the seasonal naive forecast; the last value is repeated if a series has no whole season."""
    lag = math.ceil(step / season) * season
    lag = lag if lag < stop else min(step, max(stop - 1, 1))
    train = values[:stop]
    changes = train[lag:] - train[:-lag]
    before = origins + step - lag
    forecast = np.where(before >= 0, values[np.clip(before, 0, len(values) - 1)], np.nan)
    return SimpleErrors(changes[np.isfinite(changes)], _later(values, origins, step) - forecast)


def linear_errors(values: Doubles, stop: int, origins: Ints, step: int, season: int) -> SimpleErrors:
    """Return the errors of a linear map of the last values: each one of a map that is fitted to all other windows.

    There are none if the training part is too short.
    """
    first = max(stop - _MOST_VALUES, 0)
    train = values[first:stop]
    lags = min(season + 1 if season > 1 else _LAGS, _MOST_LAGS, (len(train) - step) // _VALUES_OF_LAG)
    unknown = np.full(len(origins), np.nan)
    if lags < 1:
        return SimpleErrors(np.zeros(0), unknown)
    windows, targets = _windows(train, np.arange(lags - 1, len(train) - step), lags), train[lags - 1 + step :]
    known = np.isfinite(windows).all(1) & np.isfinite(targets)
    if known.sum() < _VALUES_OF_LAG * lags:
        return SimpleErrors(np.zeros(0), unknown)
    inputs, targets = windows[known], targets[known]
    centre, middle = inputs.mean(0), targets.mean()
    left, sizes, right = np.linalg.svd(inputs - centre, full_matrices=False)
    kept = sizes > 1e-6 * sizes[0]
    left, sizes, right = left[:, kept], sizes[kept], right[kept]
    products = left.T @ (targets - middle)
    residuals = targets - middle - left @ products
    leverage = (left**2).sum(1) + 1 / len(targets)
    coefficients = right.T @ (products / sizes)
    forecast = (_windows(values, origins, lags) - centre) @ coefficients + middle
    return SimpleErrors(
        residuals / (1 - np.minimum(leverage, _MOST_LEVERAGE)), _later(values, origins, step) - forecast
    )


def _windows(values: Doubles, ends: Ints, lags: int) -> Doubles:
    """Return the last values up to each of `ends`, `[N, lags]`; NaN before the first value."""
    places = ends[:, None] + np.arange(1 - lags, 1)
    return np.where(places >= 0, values[np.clip(places, 0, len(values) - 1)], np.nan)


def _later(values: Doubles, origins: Ints, step: int) -> Doubles:
    """Return the values `step` after each origin; NaN after the end."""
    places = origins + step
    return np.where(places < len(values), values[np.clip(places, 0, len(values) - 1)], np.nan)


def _size(errors: SimpleErrors) -> float:
    return float(np.abs(errors.training).mean()) if len(errors.training) else math.inf
