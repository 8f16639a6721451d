"""Simple forecasts that a forecaster is compared with on its held-out steps."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from elman.data.panel import Panel
from elman.metrics.forecast_backtest import PERIODS
from elman.metrics.verdict import mean_of
from elman.metrics.window_errors import by_period, scaled_errors, simple_forecasts, truths
from elman.tasks.comparison import Comparison, Doubles, SimpleRule, evenly

__all__ = ["MIN_VALUES", "MOST", "comparison_of", "validation_origins"]

Ints = npt.NDArray[np.int64]

# Maximum number of forecasts. Those of a series are at least this share of the horizon apart.
MOST, _APART = 100, 2
# Minimum number of values before a forecast, and of lags of the linear autoregression.
MIN_VALUES, _MIN_LAGS = 4, 12

_NAMES = {"seasonal_naive": "seasonal naive", "drift": "drift", "autoregression": "a linear autoregression"}
_ADVICE = (
    "Use that rule, or try --transform log for series that grow, --difference 1 for those that wander, more time, or "
    "--members 4."
)


def comparison_of(
    forecast: Callable[[Ints, Ints, int], Doubles], panel: Panel, begin: Ints, horizon: int, lags: int
) -> Comparison | None:
    """Return the comparison of forecasts from origins in the validation steps; None if these are too few.

    forecast  called with the indices of N series, their last known steps and the horizon; returns `[N, horizon, Y]`
    begin     the first validation step of each series
    """
    series, origin, steps = validation_origins(panel, begin, horizon, most=MOST)
    if not len(series):
        return None
    season = panel.frequency.season
    lags = max(lags, 2 * season if season > 1 else 0, _MIN_LAGS)
    truth = truths(panel, series, origin, steps)
    # A constant history has no scale.
    scaled = np.isfinite(scaled_errors(panel, series, origin, truth, truth, season))
    if not scaled.any():
        return None
    series, origin, truth = series[scaled], origin[scaled], truth[scaled]

    def counts(found: Doubles) -> Doubles:
        return by_period(series, origin, steps, scaled_errors(panel, series, origin, truth, found, season))

    def simple(name: str) -> Callable[[int], Doubles]:
        def rule(items: int) -> Doubles:
            del items
            return counts(simple_forecasts(panel, series, origin, steps, season=season, lags=lags, only=(name,))[name])

        return rule

    return Comparison(
        part="validation",
        noun=PERIODS if steps == horizon else f"{PERIODS} of {steps} steps",
        figure=mean_of("mase", "MASE"),
        network=lambda: counts(forecast(series, origin, steps)),
        rules=[SimpleRule(_NAMES[name], 1, simple(name)) for name in _NAMES],
        advice=_ADVICE,
    )


def validation_origins(panel: Panel, begin: Ints, horizon: int, *, most: int) -> tuple[Ints, Ints, int]:
    """Return the series and the last known step of forecasts of validation steps, and the steps of each forecast.

    There are `most` of them or fewer, evenly chosen.

    A validation part that is shorter than the horizon shortens the forecasts.
    """
    spans = panel.lengths - begin
    usable = np.flatnonzero((spans > 0) & (begin >= MIN_VALUES))
    if not len(usable):
        return usable, usable, 0
    steps = min(horizon, int(np.median(spans[usable])))
    series, origin = [], []
    for number in usable.tolist():
        last = np.arange(begin[number] - 1, panel.lengths[number] - steps, max(1, -(-steps // _APART)))
        series.append(np.full(len(last), number))
        origin.append(last)
    rows, last = np.concatenate(series).astype(np.int64), np.concatenate(origin).astype(np.int64)
    chosen = evenly(len(rows), most)
    return rows[chosen], last[chosen], steps
