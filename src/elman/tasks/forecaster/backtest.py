"""Forecasts from many origins beside simple ones: so that a network that is of no use is seen at once."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from elman.data.panel import Panel
from elman.errors import ConfigError, DataError
from elman.metrics.forecast_baselines import LinearAutoregression, drift, seasonal_naive
from elman.metrics.forecast_scores import coverage, crps_from_samples, mae, mase, rmse, smape
from elman.tasks.forecaster.forecast import Forecast

__all__ = ["NETWORK", "Backtest", "Windows", "backtest_origins", "measure", "simple_forecasts"]

Ints = npt.NDArray[np.int64]
Doubles = npt.NDArray[np.float64]

NETWORK = "network"
_SCORES = ("mase", "smape", "rmse", "mae", "crps")
_SHOWN = {"mase": "MASE", "smape": "sMAPE", "rmse": "RMSE", "mae": "MAE", "crps": "CRPS"}
_NAMES = {"seasonal_naive": "seasonal naive", "drift": "drift", "autoregression": "linear autoregression"}


@dataclass(frozen=True)
class Backtest:
    """What came out.

    horizon   steps of each forecast
    windows   forecasts that were made: series times origins
    scores    of the network and of each simple forecast: mase, smape, rmse, mae, crps
    coverage  of each level in per cent, the share of values inside the network's intervals
    remarks   sentences on what makes the comparison unfair, if anything
    last      the network's forecasts from the last origin, for a picture; with what really came, `[S, H, Y]`
    """

    horizon: int
    windows: int
    scores: dict[str, dict[str, float]]
    coverage: dict[float, float]
    remarks: list[str] = field(default_factory=list)
    last: Forecast | None = None
    truth: Doubles | None = None

    @property
    def verdict(self) -> str:
        """A sentence that says whether the network is better than the best simple forecast, by MASE (else by MAE)."""
        score = "mase" if all(math.isfinite(row["mase"]) for row in self.scores.values()) else "mae"
        own = self.scores[NETWORK][score]
        best = min((name for name in self.scores if name != NETWORK), key=lambda name: self.scores[name][score])
        other, label = self.scores[best][score], _SHOWN[score]
        if own < other:
            share = 100 * (1 - own / other)
            return f"The network is better than the best simple forecast ({_NAMES[best]}) by {share:.1f} % in {label}."
        return (
            f"The network is beaten by a simple forecast ({_NAMES[best]}): {label} {own:.4g} against {other:.4g}. "
            "Use that one, or train differently."
        )

    def table(self) -> list[list[str]]:
        """Rows of cells for people, the first one with the names of the scores."""
        rows = [["", *(_SHOWN[score] for score in _SCORES)]]
        for name, row in self.scores.items():
            rows.append([_NAMES.get(name, name), *(f"{row[score]:.4g}" for score in _SCORES)])
        return rows

    def __str__(self) -> str:
        """The table, the coverage and the verdict."""
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
        """All figures as plain values."""
        return {
            "horizon": self.horizon,
            "forecasts": self.windows,
            "scores": self.scores,
            "coverage": {f"{level:g}": share for level, share in self.coverage.items()},
            "verdict": self.verdict,
            "remarks": self.remarks,
        }

    def plot(self, path: Any, *, series: str | int = 0) -> None:
        """Draw the forecast from the last origin with what really came, as PNG or SVG."""
        if self.last is None:
            raise ConfigError("expected a backtest with its forecasts. Received: one of figures alone")
        number = series if isinstance(series, int) else self.last.find(series)
        truth = None if self.truth is None or not 0 <= number < len(self.truth) else self.truth[number]
        self.last.plot(path, series=number, truth=truth)


@dataclass(frozen=True)
class Windows:
    """Forecasts of N windows: one value each `[N, H, Y]`, bounds by level, and paths `[N, S, H, Y]` if there are."""

    mean: Doubles
    intervals: Mapping[float, tuple[Doubles, Doubles]]
    samples: Doubles | None


def backtest_origins(panel: Panel, horizon: int, origins: int, step: int, least: int) -> Ints:
    """The last known step of each forecast, `[S, origins]`, the last one a horizon before each series' end.

    Raises DataError, naming the series, for one with fewer than `least` values before its first origin.
    """
    if not all(isinstance(each, int) and each >= 1 for each in (origins, step)):
        raise ConfigError(f"expected at least one origin, and a step of at least 1. Received: {origins!r}, {step!r}")
    found: Ints = panel.lengths[:, None] - 1 - horizon - step * np.arange(origins - 1, -1, -1)
    worst = int(found[:, 0].argmin())
    if found[worst, 0] + 1 < least:
        raise DataError(
            f"the series {panel.ids[worst]!r}: expected at least {least + horizon + step * (origins - 1)} values for "
            f"{origins} origins {step} steps apart and a horizon of {horizon}. Received: {int(panel.lengths[worst])}"
        )
    return found


def truths(panel: Panel, series: Ints, origin: Ints, horizon: int) -> Doubles:
    """What came after each origin: `[N, H, Y]`."""
    return np.stack(
        [panel.targets[s][o + 1 : o + 1 + horizon] for s, o in zip(series.tolist(), origin.tolist(), strict=True)]
    )


def simple_forecasts(
    panel: Panel, series: Ints, origin: Ints, horizon: int, *, season: int, lags: int
) -> dict[str, Doubles]:
    """Seasonal naive, drift and a linear autoregression, each from what was known at its origin alone.

    The autoregression is fitted anew for each window, on the values of its series before the origin. Where those are
    fewer than three times `lags` it has fewer lags, and where a season is longer than them it is one step.
    """
    found: dict[str, list[Doubles]] = {name: [] for name in _NAMES}
    for number, last in zip(series.tolist(), origin.tolist(), strict=True):
        past = panel.targets[number][: last + 1]
        found["seasonal_naive"].append(seasonal_naive(past, horizon, season if len(past) >= season else 1))
        found["drift"].append(drift(past, horizon))
        own = min(lags, len(past) // 3)
        linear = LinearAutoregression(own).fit([past]).forecast(past, horizon) if own else drift(past, horizon)
        found["autoregression"].append(linear)
    return {name: np.stack(values) for name, values in found.items()}


def measure(
    panel: Panel, series: Ints, origin: Ints, forecasts: Mapping[str, Doubles], network: Windows, season: int
) -> tuple[dict[str, dict[str, float]], dict[float, float]]:
    """Scores of the network and of the other forecasts, and the coverage of the network's intervals.

    MASE is the mean over windows; the others are taken over all values together. The continuous ranked probability
    score of a forecast without paths is its mean absolute error, as it is for any single value.
    """
    horizon = network.mean.shape[1]
    truth = truths(panel, series, origin, horizon)
    flat = truth.reshape(-1, truth.shape[2])
    scores = {}
    for name, values in {NETWORK: network.mean, **forecasts}.items():
        scaled = [
            mase(truth[row], values[row], panel.targets[s][: o + 1], season)
            for row, (s, o) in enumerate(zip(series.tolist(), origin.tolist(), strict=True))
        ]
        finite = [each for each in scaled if math.isfinite(each)]
        guess = values.reshape(flat.shape)
        scores[name] = {
            "mase": float(np.mean(finite)) if finite else math.nan,
            "smape": smape(flat, guess),
            "rmse": rmse(flat, guess),
            "mae": mae(flat, guess),
            "crps": mae(flat, guess),
        }
    if network.samples is not None:
        paths = np.moveaxis(network.samples, 1, 0).reshape(network.samples.shape[1], *flat.shape)
        scores[NETWORK]["crps"] = crps_from_samples(flat, paths)
    inside = {
        level: coverage(flat, low.reshape(flat.shape), high.reshape(flat.shape))
        for level, (low, high) in network.intervals.items()
    }
    return scores, inside


def join(parts: Sequence[Windows]) -> Windows:
    """Windows of several calls as one."""
    levels = list(parts[0].intervals)
    samples = [part.samples for part in parts if part.samples is not None]
    return Windows(
        np.concatenate([part.mean for part in parts]),
        {
            level: tuple(np.concatenate([part.intervals[level][side] for part in parts]) for side in (0, 1))  # type: ignore[misc]
            for level in levels
        },
        np.concatenate(samples) if samples else None,
    )
