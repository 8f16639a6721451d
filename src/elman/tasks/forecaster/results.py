"""What a forecaster gives: forecasts and backtests that can be drawn."""

from __future__ import annotations

import os
from typing import Any

from elman.data.panel import forecast
from elman.errors import ConfigError
from elman.metrics import forecast_backtest

__all__ = ["Backtest", "Forecast"]


class Forecast(forecast.Forecast):
    """A forecast that can be drawn."""

    def plot(self, path: str | os.PathLike[str], *, series: str | int = 0, truth: Any = None) -> None:
        """Draw history, forecast and intervals of one series, as PNG or SVG by the path's ending.

        series  its name or number
        truth   what really came, `[H, Y]`, if it is known

        Raises ConfigError for a series that is not there, StorageError.
        """
        from elman.plots.forecast import plot_forecast

        plot_forecast(self, path, series=series, truth=truth)


class Backtest(forecast_backtest.Backtest):
    """A backtest whose last forecasts can be drawn."""

    def plot(self, path: str | os.PathLike[str], *, series: str | int = 0) -> None:
        """Draw the forecast from the last origin with what really came, as PNG or SVG."""
        from elman.plots.forecast import plot_forecast

        if self.last is None:
            raise ConfigError("expected a backtest with its forecasts. Received: one of figures alone")
        number = series if isinstance(series, int) else self.last.find(series)
        truth = None if self.truth is None or not 0 <= number < len(self.truth) else self.truth[number]
        plot_forecast(self.last, path, series=number, truth=truth)
