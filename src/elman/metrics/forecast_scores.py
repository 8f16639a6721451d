"""Metrics of forecasts: errors of point forecasts, of intervals and of distributions.

Truth, forecasts and bounds are arrays of the same shape, time steps first: `T`, or `TY` with several variables. Missing
true values (NaN) are left out; a metric over no values is NaN. A forecast that is NaN where the truth is known makes
the metric NaN.

All functions raise ShapeError for arrays whose shapes do not match, and ConfigError for a level or season out of range.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from elman.errors import ConfigError, ShapeError

__all__ = ["coverage", "crps_from_quantiles", "crps_from_samples", "mae", "mase", "pinball", "rmse", "smape"]

Floats = NDArray[np.float64]

# Changes below this fraction of the largest value are rounding errors.
_ROUNDING = 1e-12


def mae(truth: ArrayLike, forecast: ArrayLike) -> float:
    """Return the mean absolute error, in the unit of the data: mean |y - f|."""
    truth, forecast = _alike(truth, forecast=forecast)
    return _mean(np.abs(truth - forecast), truth)


def rmse(truth: ArrayLike, forecast: ArrayLike) -> float:
    """Return the root of the mean squared error, in the unit of the data: sqrt(mean (y - f)**2)."""
    truth, forecast = _alike(truth, forecast=forecast)
    return float(np.sqrt(_mean((truth - forecast) ** 2, truth)))


def smape(truth: ArrayLike, forecast: ArrayLike) -> float:
    """Return the symmetric mean absolute percentage error, from 0 to 200: 100 mean 2 |y - f| / (|y| + |f|).

    The error is 0 where both values are 0. As in the M4 competition (Makridakis et al. 2020).
    """
    truth, forecast = _alike(truth, forecast=forecast)
    size = np.abs(truth) + np.abs(forecast)
    share = np.divide(2 * np.abs(truth - forecast), size, out=np.zeros_like(size), where=size != 0)
    return 100 * _mean(share, truth)


def mase(truth: ArrayLike, forecast: ArrayLike, history: ArrayLike, season: int = 1) -> float:
    """Return the mean absolute scaled error (Hyndman & Koehler 2006).

    The mean absolute error divided by mean |h_t - h_(t-season)| over `history` (shape `T` or `TY`), for each variable;
    then the mean over the variables. 1 equals the error of seasonal naive on the history. A variable whose history is
    constant, up to rounding, has no such scale and is left out.
    """
    truth, forecast = _alike(truth, forecast=forecast)
    past = np.asarray(history, np.float64)
    if season < 1:
        raise ConfigError(f"expected a season of one step or more. Received: season={season}")
    if past.shape[1:] != truth.shape[1:]:
        raise ShapeError(
            f"expected the history to have the variables of the truth, {truth.shape[1:]}. Received: {past.shape}"
        )
    errors = np.abs(truth - forecast).reshape(len(truth), -1)
    known = ~np.isnan(truth).reshape(len(truth), -1)
    changes = np.abs(past[season:] - past[:-season]).reshape(max(len(past) - season, 0), errors.shape[1])
    sizes = np.abs(past).reshape(len(past), errors.shape[1])
    ratios = []
    for variable in range(errors.shape[1]):
        steps = changes[:, variable][~np.isnan(changes[:, variable])]
        if not known[:, variable].any() or not steps.size:
            continue
        if steps.mean() > _ROUNDING * np.nanmax(sizes[:, variable]):
            ratios.append(errors[known[:, variable], variable].mean() / steps.mean())
    return float(np.mean(ratios)) if ratios else float("nan")


def pinball(truth: ArrayLike, quantile: ArrayLike, level: float) -> float:
    """Return the mean pinball loss of one quantile (Koenker & Bassett 1978).

    An error e = y - q costs level * e if it is positive, and (level - 1) * e if it is negative.
    """
    truth, quantile = _alike(truth, quantile=quantile)
    if not 0 < level < 1:
        raise ConfigError(f"expected a level between 0 and 1. Received: {level}")
    miss = truth - quantile
    return _mean(np.maximum(level * miss, (level - 1) * miss), truth)


def crps_from_samples(truth: ArrayLike, samples: ArrayLike) -> float:
    """Return the continuous ranked probability score of samples, in the unit of the data.

    mean |x_i - y| - mean |x_i - x_j| / 2 over all samples i and j (Gneiting & Raftery 2007), exact, by sorting. With
    one sample it is the absolute error.

    Args:
        truth: `T` or `TY`.
        samples: one more axis in front, of S samples: `ST` or `STY`.
    """
    drawn = np.asarray(samples, np.float64)
    known = np.asarray(truth, np.float64)
    if drawn.ndim == 0 or drawn.shape[1:] != known.shape or not len(drawn):
        raise ShapeError(f"expected samples of shape (S, {_inside(known.shape)}). Received: {drawn.shape}")
    count = len(drawn)
    # In rising order, sample k is the larger one in k pairs and the smaller one in count - 1 - k.
    weights = (2 * np.arange(count) - count + 1).reshape(-1, *[1] * known.ndim)
    spread = (np.sort(drawn, axis=0) * weights).sum(0) / count**2
    return _mean(np.abs(drawn - known).mean(0) - spread, known)


def crps_from_quantiles(truth: ArrayLike, quantiles: ArrayLike, levels: Sequence[float]) -> float:
    """Return the continuous ranked probability score by quantiles: twice the mean pinball loss over `levels`.

    It approaches the exact score with an increasing number of evenly spaced levels. With few levels, compare it only
    with scores over the same levels.

    Args:
        truth: `T` or `TY`.
        quantiles: one more axis at the end: `TK` or `TYK`.
        levels: the K probabilities, each between 0 and 1.
    """
    values, known = np.asarray(quantiles, np.float64), np.asarray(truth, np.float64)
    if values.shape != (*known.shape, len(levels)) or not len(levels):
        raise ShapeError(
            f"expected quantiles of shape ({_inside((*known.shape, len(levels)))}), for one level or more. "
            f"Received: {values.shape}"
        )
    return 2 * float(np.mean([pinball(known, values[..., i], level) for i, level in enumerate(levels)]))


def coverage(truth: ArrayLike, low: ArrayLike, high: ArrayLike) -> float:
    """Return the fraction, from 0 to 1, of true values inside their intervals, bounds included."""
    truth, low, high = _alike(truth, low=low, high=high)
    unknown = np.isnan(low) | np.isnan(high)
    return _mean(np.where(unknown, np.nan, (low <= truth) & (truth <= high)), truth)


def _alike(truth: ArrayLike, **others: ArrayLike) -> tuple[Floats, ...]:
    arrays = {"truth": np.asarray(truth, np.float64)}
    shape = arrays["truth"].shape
    for name, other in others.items():
        arrays[name] = np.asarray(other, np.float64)
        if arrays[name].shape != shape:
            raise ShapeError(f"expected {name} of the truth's shape {shape}. Received: {arrays[name].shape}")
    return tuple(arrays.values())


def _mean(errors: Floats, truth: Floats) -> float:
    counted = errors[~np.isnan(truth)]
    return float(counted.mean()) if counted.size else float("nan")


def _inside(shape: tuple[int, ...]) -> str:
    return ", ".join(map(str, shape))
