"""Forecasts and backtests with a `plot` method."""

from __future__ import annotations

import os
from typing import Any

from elman.data.panel import forecast
from elman.errors import ConfigError
from elman.metrics import forecast_backtest

__all__ = ["Backtest", "Forecast"]


class Forecast(forecast.Forecast):
    """A forecast with a `plot` method."""

    def plot(self, path: str | os.PathLike[str], *, series: str | int = 0, truth: Any = None) -> None:
        """Plot history, forecast and intervals of one series, as PNG or SVG depending on the suffix.

        series  name or index of the series
        truth   the observed values of the forecast steps, `[horizon, Y]`, if known

        Raises ConfigError for an unknown series, StorageError.
        """
        from elman.plots.forecast import plot_forecast

        plot_forecast(self, path, series=series, truth=truth)


class Backtest(forecast_backtest.Backtest):
    """A backtest with a `plot` method for the last forecasts."""

    def plot(self, path: str | os.PathLike[str], *, series: str | int = 0) -> None:
        """Plot the forecast from the last origin with the observed values, as PNG or SVG. Raises as `Forecast.plot`."""
        from elman.plots.forecast import plot_forecast

        if self.last is None:
            raise ConfigError("expected a backtest with its forecasts. Received: one with metrics only")
        number = series if isinstance(series, int) else self.last.find(series)
        truth = None if self.truth is None or not 0 <= number < len(self.truth) else self.truth[number]
        plot_forecast(self.last, path, series=number, truth=truth)
