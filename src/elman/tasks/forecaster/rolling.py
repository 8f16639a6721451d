"""A forecaster from origin to origin: backtests beside simple forecasts, and figures with the true past."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from elman.data.panel import Panel
from elman.errors import ConfigError, DataError
from elman.metrics.forecast_scores import mae, mase, rmse, smape
from elman.tasks.forecaster.backtest import Backtest, Windows, backtest_origins, join, measure, simple_forecasts, truths
from elman.tasks.forecaster.forecast import Forecast
from elman.tasks.forecaster.predict import forecast_from

if TYPE_CHECKING:
    from elman.tasks.forecaster.model import Forecaster

__all__ = ["evaluate_rolling", "rolling_backtest"]

Ints = npt.NDArray[np.int64]

# Lags of the linear autoregression, where a season has fewer steps and the network reads fewer.
_LEAST_LAGS = 12


def rolling_backtest(
    model: Forecaster,
    panel: Panel,
    horizon: int,
    *,
    origins: int,
    step: int,
    refit: bool,
    levels: Sequence[float],
    paths: int,
    seed: int,
) -> Backtest:
    """What `Forecaster.backtest` says."""
    if paths < 1:
        raise ConfigError(f"expected at least one path. Received: {paths}")
    season = panel.frequency.season
    network = None if refit else model.network
    at = backtest_origins(panel, horizon, origins, step, 4)
    remarks = [] if network is None else _seen(model, panel, at)
    parts = []
    for number in range(origins):
        own = model if network is not None else _refitted(model, panel.cut(at[:, number] + 1))
        parts.append(_windows(own, panel, at[:, number], at[:, 0] + 1, horizon, levels, paths, seed))
    joined = join(parts)
    series = np.tile(np.arange(len(panel)), origins)
    origin = at.T.reshape(-1)
    lags = max(model.config.window.autoregression, 2 * season if season > 1 else 0, _LEAST_LAGS)
    simple = simple_forecasts(panel, series, origin, horizon, season=season, lags=lags)
    scores, inside = measure(panel, series, origin, simple, joined, season)
    last = at[:, -1]
    return Backtest(
        horizon=horizon,
        windows=len(series),
        scores=scores,
        coverage=inside,
        remarks=remarks,
        last=Forecast(
            ids=list(panel.ids),
            frequency=panel.frequency,
            starts=[start + int(origin) + 1 for start, origin in zip(panel.starts, last, strict=True)],
            names=panel.target_names,
            mean=parts[-1].mean,
            intervals=dict(parts[-1].intervals),
            samples=None,
            history=panel.cut(last + 1),
        ),
        truth=truths(panel, np.arange(len(panel)), last, horizon),
    )


def _windows(
    model: Forecaster,
    panel: Panel,
    origin: Ints,
    first: Ints,
    horizon: int,
    levels: Sequence[float],
    paths: int,
    seed: int,
) -> Windows:
    """The network's forecasts from one origin of each series; new series are scaled by what is before the first."""
    series, spread = np.arange(len(panel)), model.network.spread
    ahead = forecast_from(
        model.network,
        model.config,
        panel,
        model.known.transforms_of(panel, first),
        series,
        origin,
        horizon,
        levels=levels,
        samples=paths if spread else 0,
        paths=paths,
        seed=seed,
    )
    half = len(levels)
    bounds = {level: (ahead.quantiles[place], ahead.quantiles[half + place]) for place, level in enumerate(levels)}
    return Windows(ahead.mean, bounds, ahead.samples)


def _refitted(model: Forecaster, panel: Panel) -> Forecaster:
    """A new model with the same options, trained on the panel; with shorter windows where its series are shorter."""
    fresh, window = type(model)(), model.config.window
    most = max(int(panel.lengths.max()) - window.horizon, 2)
    shorter = dataclasses.replace(window, context=min(window.context, most), counted=min(window.counted, most))
    fresh.chosen = dataclasses.replace(model.config, window=shorter)
    return fresh.fit(panel, progress=False, tune=False)


def _seen(model: Forecaster, panel: Panel, at: Ints) -> list[str]:
    """A remark where forecasts are measured on steps that the model was made with."""
    seen = model.known.seen(panel)
    count = int((seen > at[:, 0] + 1).sum())
    if not count:
        return []
    what = "the series" if len(panel) == 1 else f"{count:,} of {len(panel):,} series"
    return [
        f"The network was trained or selected on steps of {what} that it forecasts here, which the simple forecasts "
        "were not: train it on what comes before the first origin, or use refit."
    ]


def evaluate_rolling(model: Forecaster, panel: Panel, *, steps: int, stride: int) -> dict[str, float]:
    """What `Forecaster.evaluate` says."""
    network, config = model.network, model.config
    if steps < 0 or stride < 1:
        raise ConfigError(f"expected steps of 0 or more and a stride of at least 1. Received: {steps}, {stride}")
    horizon = network.horizon
    lengths = panel.lengths
    seen = model.known.seen(panel)
    first = np.where(seen > 0, seen, np.minimum(config.window.context, lengths)) if not steps else lengths - steps
    series, origin = [], []
    for number, (begin, end) in enumerate(zip(first.tolist(), lengths.tolist(), strict=True)):
        origins = np.arange(begin - 1, end - horizon, stride)
        origins = origins[origins >= 1]
        series.append(np.full(len(origins), number))
        origin.append(origins)
    rows, last = np.concatenate(series), np.concatenate(origin)
    if not len(rows):
        raise DataError(
            f"expected series with steps after those that the model was trained on, at least {horizon}, or a number of "
            f"last steps to measure (steps). Received: series of {int(lengths.min()):,} to {int(lengths.max()):,} steps"
        )
    transforms = model.known.transforms_of(panel, np.maximum(first, 2))
    ahead = forecast_from(network, config, panel, transforms, rows, last, horizon)
    truth = truths(panel, rows, last, horizon)
    flat, guess = truth.reshape(-1, truth.shape[2]), ahead.mean.reshape(-1, truth.shape[2])
    season = panel.frequency.season
    scaled = []
    for number in np.unique(rows).tolist():
        here = rows == number
        scaled.append(
            mase(
                truth[here].reshape(-1, truth.shape[2]),
                ahead.mean[here].reshape(-1, truth.shape[2]),
                panel.targets[number][: max(int(first[number]), 2)],
                season,
            )
        )
    finite = [each for each in scaled if np.isfinite(each)]
    squared = rmse(flat, guess)
    return {
        "rmse": squared,
        "mse": squared**2,
        "mae": mae(flat, guess),
        "smape": smape(flat, guess),
        "mase": float(np.mean(finite)) if finite else float("nan"),
        "forecasts": len(rows),
        "horizon": horizon,
    }
