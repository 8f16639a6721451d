"""Backtests: forecasts from many origins, compared with simple baselines, and rolling evaluation.

The caller provides the function that makes the forecasts.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from elman.data.panel import Panel
from elman.data.panel.forecast import Forecast
from elman.data.panel.split import SHORT
from elman.decode.forecast import ForecastArrays
from elman.display import Progress
from elman.errors import ConfigError, DataError
from elman.metrics.forecast_scores import coverage, crps_from_samples, mae, mase, rmse, smape
from elman.metrics.verdict import Verdict, mean_of, verdict_of
from elman.metrics.window_errors import by_period, scaled_errors, simple_forecasts, truths

__all__ = [
    "NETWORK",
    "PERIODS",
    "Backtest",
    "evaluable",
    "evaluate_rolling",
    "rolling_backtest",
    "testable",
]

Ints = npt.NDArray[np.int64]
Doubles = npt.NDArray[np.float64]

NETWORK = "network"
# The items of a comparison of forecasts.
PERIODS = "periods of forecasts"
# Minimum number of lags of the linear autoregression.
_MIN_LAGS = 12
# Minimum number of values of a series before its first origin.
_MIN_VALUES = 4
_SCORES = ("mase", "smape", "rmse", "mae", "crps")
_ADVICE = "Use that one, or train differently."
_SHOWN = {"mase": "MASE", "smape": "sMAPE", "rmse": "RMSE", "mae": "MAE", "crps": "CRPS"}
_NAMES = {"seasonal_naive": "seasonal naive", "drift": "drift", "autoregression": "linear autoregression"}


@dataclass(frozen=True)
class Backtest:
    """Results of a backtest.

    horizon   number of steps of each forecast
    windows   number of forecasts: series times origins
    scores    metrics of the network and of each baseline: mase, smape, rmse, mae, crps
    coverage  for each level in per cent, the fraction of values inside the network's intervals
    remarks   sentences on what makes the comparison unfair, if anything
    last      the network's forecasts from the last origin, for a plot
    truth     the true values of these forecasts, `[series, horizon, Y]`
    errors    sums of MASE and numbers of forecasts `[periods, 2]` of the network and of each baseline, by period of
              time: forecasts that overlap are in the same one
    """

    horizon: int
    windows: int
    scores: dict[str, dict[str, float]]
    coverage: dict[float, float]
    remarks: list[str] = field(default_factory=list)
    last: Forecast | None = None
    truth: Doubles | None = None
    errors: dict[str, Doubles] = field(default_factory=dict)

    @property
    def difference(self) -> Verdict | None:
        """The comparison of the network with the best baseline in MASE, with an interval; None without a scale."""
        if not self.errors:
            return None
        rules = {_NAMES[name]: counts for name, counts in self.errors.items() if name != NETWORK}
        network = self.errors[NETWORK]
        if not all(np.isfinite(counts).all() for counts in (network, *rules.values())):
            return None
        return verdict_of(mean_of("mase", "MASE"), network, rules, part="separate", noun=PERIODS, advice=_ADVICE)

    @property
    def verdict(self) -> str:
        """A sentence that compares the network with the best baseline, by MASE (by MAE if a MASE is not finite)."""
        difference = self.difference
        if difference is not None:
            return difference.sentence
        score = "mase" if all(math.isfinite(row["mase"]) for row in self.scores.values()) else "mae"
        own = self.scores[NETWORK][score]
        best = min((name for name in self.scores if name != NETWORK), key=lambda name: self.scores[name][score])
        other, label = self.scores[best][score], _SHOWN[score]
        if own < other:
            share = 100 * (1 - own / other)
            return f"The network is better than the best simple forecast ({_NAMES[best]}) by {share:.1f} % in {label}."
        return (
            f"The network is beaten by a simple forecast ({_NAMES[best]}): {label} {own:.4g} against {other:.4g}. "
            f"{_ADVICE}"
        )

    def table(self) -> list[list[str]]:
        """Return rows of formatted cells; the first row has the names of the metrics."""
        rows = [["", *(_SHOWN[score] for score in _SCORES)]]
        for name, row in self.scores.items():
            rows.append([_NAMES.get(name, name), *(f"{row[score]:.4g}" for score in _SCORES)])
        return rows

    def __str__(self) -> str:
        """Return the table, the coverage and the verdict."""
        rows = self.table()
        widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
        lines = []
        for row in rows:
            figures = [cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True)]
            lines.append("  ".join([row[0].ljust(widths[0]), *figures]))
        for level, share in self.coverage.items():
            lines.append(f"{share:.1%} of the values lie in the {level:g} % interval")
        return "\n".join([*lines, self.verdict])

    def to_json(self) -> dict[str, Any]:
        """Return all metrics as JSON values."""
        difference = self.difference
        return {
            "horizon": self.horizon,
            "forecasts": self.windows,
            "scores": self.scores,
            "coverage": {f"{level:g}": share for level, share in self.coverage.items()},
            "verdict": self.verdict,
            **({} if difference is None else {"outcome": difference.outcome}),
            "remarks": self.remarks,
        }


def rolling_backtest(
    panel: Panel,
    forecast: Callable[[Ints, Ints], Forecast],
    horizon: int,
    *,
    origins: int,
    step: int,
    lags: int,
    seen: Ints | None = None,
    progress: Progress | None = None,
) -> Backtest:
    """Compare forecasts of every series from several origins with baselines for the same steps.

    forecast  called with the last known step of each series, and the first step of each series that any forecast is
              evaluated on; returns the forecasts
    horizon   number of steps of each forecast
    origins   number of origins of each series; the last one is `horizon` steps before its end
    step      steps between two origins
    lags      minimum number of lags of the linear autoregression
    seen      for each series, the number of steps that the network was trained or selected on; None if it is trained
              at each origin
    progress  called with the name of the current work and the fraction done

    Raises DataError for a series that is too short, ConfigError for an invalid number of origins or step.
    """
    season = panel.frequency.season
    at = backtest_origins(panel, horizon, origins, step, _MIN_VALUES)
    parts = []
    for number in range(origins):
        if progress is not None:
            progress("backtest", number / origins)
        parts.append(forecast(at[:, number], at[:, 0] + 1))
    series, origin = np.tile(np.arange(len(panel)), origins), at.T.reshape(-1)
    lags = max(lags, 2 * season if season > 1 else 0, _MIN_LAGS)
    simple = simple_forecasts(panel, series, origin, horizon, season=season, lags=lags)
    scores, inside, errors = measure(panel, series, origin, simple, join(parts), season)
    return Backtest(
        horizon=horizon,
        windows=len(series),
        scores=scores,
        coverage=inside,
        remarks=_remarks(panel, seen, at),
        last=replace(parts[-1], samples=None),
        truth=truths(panel, np.arange(len(panel)), at[:, -1], horizon),
        errors={name: by_period(series, origin, horizon, scaled) for name, scaled in errors.items()},
    )


def _remarks(panel: Panel, seen: Ints | None, at: Ints) -> list[str]:
    """Return a remark if forecasts are evaluated on steps that the network was trained or selected on."""
    count = 0 if seen is None else int((seen > at[:, 0] + 1).sum())
    if not count:
        return []
    what = "the series" if len(panel) == 1 else f"{count:,} of {len(panel):,} series"
    return [
        f"the network was trained or selected on steps of {what} that it forecasts here, and the simple forecasts were "
        "not: train it on what is before the first origin, or use refit"
    ]


def evaluate_rolling(
    panel: Panel, forecast: Callable[[Ints, Ints], Doubles], horizon: int, *, first: Ints, stride: int
) -> dict[str, float]:
    """Return metrics of forecasts from successive origins, each given the true values before it.

    forecast  called with the indices of N series and their last known steps; returns the forecasts `[N, horizon, Y]`
    first     for each series, the first step that is evaluated
    stride    steps between two origins

    Raises DataError if no step is left to evaluate.
    """
    lengths = panel.lengths
    series, origin = [], []
    for number, (begin, end) in enumerate(zip(first.tolist(), lengths.tolist(), strict=True)):
        origins = np.arange(begin - 1, end - horizon, stride)
        origins = origins[origins >= 1]
        series.append(np.full(len(origins), number))
        origin.append(origins)
    rows, last = np.concatenate(series), np.concatenate(origin)
    if not len(rows):
        shortest, longest = int(lengths.min()), int(lengths.max())
        span = f"{longest:,}" if shortest == longest else f"{shortest:,} to {longest:,}"
        raise DataError(
            f"expected series with steps after those that the model was trained on, {horizon} or more, or a number of "
            f"last steps to evaluate (steps; on the command line --limit). Received: series of {span} steps"
        )
    found = forecast(rows, last)
    truth = truths(panel, rows, last, horizon)
    flat, predicted = truth.reshape(-1, truth.shape[2]), found.reshape(-1, truth.shape[2])
    scaled = []
    for number in np.unique(rows).tolist():
        of_series = rows == number
        scaled.append(
            mase(
                truth[of_series].reshape(-1, truth.shape[2]),
                found[of_series].reshape(-1, truth.shape[2]),
                panel.targets[number][: max(int(first[number]), 2)],
                panel.frequency.season,
            )
        )
    finite = [each for each in scaled if np.isfinite(each)]
    squared = rmse(flat, predicted)
    return {
        "rmse": squared,
        "mse": squared**2,
        "mae": mae(flat, predicted),
        "smape": smape(flat, predicted),
        "mase": float(np.mean(finite)) if finite else float("nan"),
        "forecasts": len(rows),
        "horizon": horizon,
    }


def backtest_origins(panel: Panel, horizon: int, origins: int, step: int, least: int) -> Ints:
    """Return the last known step of each forecast, `[series, origins]`.

    The last origin is `horizon` steps before a series' end. Raises DataError for a series with fewer than `least`
    values before its first origin, ConfigError for an invalid number of origins or step.
    """
    if not all(isinstance(each, int) and each >= 1 for each in (origins, step)):
        raise ConfigError(f"expected at least one origin, and a step of at least 1. Received: {origins!r}, {step!r}")
    found: Ints = panel.lengths[:, None] - 1 - horizon - step * np.arange(origins - 1, -1, -1)
    worst = int(found[:, 0].argmin())
    if found[worst, 0] + 1 < least:
        raise DataError(
            f"the series {panel.ids[worst]!r}: expected at least {least + horizon + step * (origins - 1)} values for "
            f"{origins} origins {step} steps apart and a horizon of {horizon}{SHORT}. "
            f"Received: {int(panel.lengths[worst])}"
        )
    return found


def testable(panel: Panel, horizon: int, origins: int, step: int, lost: int) -> Panel:
    """Return the series that are long enough for a backtest; differences consume `lost` values.

    Raises DataError if there are none.
    """
    least = max(_MIN_VALUES, lost + 2) + horizon + step * (origins - 1)
    good = np.flatnonzero(panel.lengths >= least)
    if not len(good):
        raise DataError(
            f"expected a series of at least {least} values for {origins} origins {step} steps apart and a horizon of "
            f"{horizon}. Received: {len(panel)} series, the longest of {int(panel.lengths.max(initial=0))} values"
        )
    return panel if len(good) == len(panel) else panel.take(good)


def evaluable(panel: Panel, first: Ints, seen: Ints, horizon: int, lost: int) -> Panel:
    """Return the series that are long enough for an evaluation; differences consume `lost` values.

    first  for each series, the first step that is evaluated
    seen   for each series, the number of steps that the network was trained on; a series without others is not short

    Raises DataError if there are none.
    """
    origin = np.maximum(first - 1, 1)
    enough = (origin < panel.lengths - horizon) | (seen >= panel.lengths)
    good = np.flatnonzero((origin >= lost) & (panel.lengths > lost) & enough)
    if not len(good):
        raise DataError(
            f"expected a series with more than {lost} values before the first forecast, and {horizon} after it. "
            f"Received: {len(panel)} series, the longest of {int(panel.lengths.max(initial=0))} values"
        )
    return panel if len(good) == len(panel) else panel.take(good)


def measure(
    panel: Panel, series: Ints, origin: Ints, forecasts: Mapping[str, Doubles], network: ForecastArrays, season: int
) -> tuple[dict[str, dict[str, float]], dict[float, float], dict[str, Doubles]]:
    """Return metrics of the network and of the others, the coverage of the network's intervals, and each window's MASE.

    MASE is the mean over windows; the others are computed over all values together. The continuous ranked probability
    score (CRPS) of a forecast without sample paths is its mean absolute error.
    """
    horizon = network.mean.shape[1]
    truth = truths(panel, series, origin, horizon)
    flat = truth.reshape(-1, truth.shape[2])
    scores, errors = {}, {}
    for name, values in {NETWORK: network.mean, **forecasts}.items():
        errors[name] = scaled = scaled_errors(panel, series, origin, truth, values, season)
        finite = scaled[np.isfinite(scaled)]
        predicted = values.reshape(flat.shape)
        scores[name] = {
            "mase": float(np.mean(finite)) if len(finite) else math.nan,
            "smape": smape(flat, predicted),
            "rmse": rmse(flat, predicted),
            "mae": mae(flat, predicted),
            "crps": mae(flat, predicted),
        }
    if network.samples is not None:
        paths = np.moveaxis(network.samples, 1, 0).reshape(network.samples.shape[1], *flat.shape)
        scores[NETWORK]["crps"] = crps_from_samples(flat, paths)
    inside = {
        level: coverage(flat, low.reshape(flat.shape), high.reshape(flat.shape))
        for level, (low, high) in network.intervals.items()
    }
    return scores, inside, errors


def join(parts: Sequence[Forecast]) -> ForecastArrays:
    """Concatenate forecasts from several origins."""
    samples = [part.samples for part in parts if part.samples is not None]

    def bounds(level: float, side: int) -> Doubles:
        return np.concatenate([part.intervals[level][side] for part in parts])

    return ForecastArrays(
        np.concatenate([part.mean for part in parts]),
        {level: (bounds(level, 0), bounds(level, 1)) for level in parts[0].intervals},
        np.concatenate(samples) if samples else None,
    )
