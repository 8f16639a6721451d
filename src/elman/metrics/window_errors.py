"""Errors of forecasts of series, each from an origin with the values up to it, and simple forecasts from the same."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt

from elman.data.panel import Panel
from elman.metrics.forecast_baselines import LinearAutoregression, drift, seasonal_naive
from elman.metrics.forecast_scores import mase

__all__ = ["SIMPLE", "by_period", "scaled_errors", "simple_forecasts", "truths"]

Ints = npt.NDArray[np.int64]
Doubles = npt.NDArray[np.float64]

# The names of the simple forecasts.
SIMPLE = ("seasonal_naive", "drift", "autoregression")


def truths(panel: Panel, series: Ints, origin: Ints, horizon: int) -> Doubles:
    """Return the true values after each origin, `[N, horizon, Y]`."""
    return np.stack(
        [panel.targets[s][o + 1 : o + 1 + horizon] for s, o in zip(series.tolist(), origin.tolist(), strict=True)]
    )


def scaled_errors(panel: Panel, series: Ints, origin: Ints, truth: Doubles, found: Doubles, season: int) -> Doubles:
    """Return the MASE of each of N forecasts `[N, horizon, Y]`; not finite where the history is constant."""
    return np.array(
        [
            mase(truth[row], found[row], panel.targets[s][: o + 1], season)
            for row, (s, o) in enumerate(zip(series.tolist(), origin.tolist(), strict=True))
        ]
    )


def simple_forecasts(
    panel: Panel,
    series: Ints,
    origin: Ints,
    horizon: int,
    *,
    season: int,
    lags: int,
    only: Sequence[str] = SIMPLE,
) -> dict[str, Doubles]:
    """Make baseline forecasts: seasonal naive, drift and a linear autoregression, from the values up to each origin.

    `only` has the names of those that are made.

    The autoregression is fitted for each window, on the values of its series up to the origin. It has fewer lags if
    these are fewer than three times `lags`. Seasonal naive uses a season of one step if they are fewer than a season.
    """

    def autoregression(past: Doubles) -> Doubles:
        own = min(lags, len(past) // 3)
        return LinearAutoregression(own).fit([past]).forecast(past, horizon) if own else drift(past, horizon)

    rules: dict[str, Callable[[Doubles], Doubles]] = {
        "seasonal_naive": lambda past: seasonal_naive(past, horizon, season if len(past) >= season else 1),
        "drift": lambda past: drift(past, horizon),
        "autoregression": autoregression,
    }
    before = [panel.targets[number][: last + 1] for number, last in zip(series.tolist(), origin.tolist(), strict=True)]
    return {name: np.stack([rules[name](past) for past in before]) for name in only}


def by_period(series: Ints, origin: Ints, horizon: int, errors: Doubles) -> Doubles:
    """Return sums of errors and numbers of forecasts `[periods, 2]`.

    A period has the forecasts of a series whose origins are less than `horizon` steps after its first one: they
    overlap, so their errors are not independent of each other. Errors that are not finite are left out.
    """
    order = np.lexsort((origin, series))
    period, number, begun = np.empty(len(order), dtype=np.int64), -1, (-1, 0)
    for row in order.tolist():
        if series[row] != begun[0] or origin[row] >= begun[1] + horizon:
            number, begun = number + 1, (series[row], origin[row])
        period[row] = number
    known = np.isfinite(errors)
    sums = [np.bincount(period, weights) for weights in (np.where(known, errors, 0.0), known.astype(np.float64))]
    found: Doubles = np.stack(sums, axis=1)
    return found
