"""Baseline forecasts: naive, seasonal naive, drift, mean, linear autoregression.

A series is an array `T`, or `TY` with Y variables; a forecast has its shape with the horizon in place of T. Missing
values (NaN) in a history are filled with the last known value before them, at the start with the first known value.
Requires only numpy.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import ArrayLike, NDArray

from elman.errors import ConfigError, DataError, ShapeError

__all__ = ["LinearAutoregression", "drift", "mean", "naive", "seasonal_naive"]

Floats = NDArray[np.float64]


def naive(history: ArrayLike, horizon: int) -> Floats:
    """Repeat the last value."""
    past = _history(history, horizon, 1)
    return np.repeat(past[-1:], horizon, axis=0)


def seasonal_naive(history: ArrayLike, horizon: int, season: int) -> Floats:
    """Repeat the last `season` steps. Raises DataError if the history is shorter."""
    if season < 1:
        raise ConfigError(f"expected a season of one step or more. Received: season={season}")
    past = _history(history, horizon, season)
    return past[len(past) - season + np.arange(horizon) % season]


def drift(history: ArrayLike, horizon: int) -> Floats:
    """Extrapolate the straight line through the first and the last value. With one value, repeat it."""
    past = _history(history, horizon, 1)
    slope = (past[-1] - past[0]) / max(len(past) - 1, 1)
    return past[-1] + np.multiply.outer(np.arange(1, horizon + 1), slope)


def mean(history: ArrayLike, horizon: int) -> Floats:
    """Repeat the mean of the history."""
    past = _history(history, horizon, 1)
    return np.repeat(past.mean(0, keepdims=True), horizon, axis=0)


class LinearAutoregression:
    """Linear autoregression with an intercept; each variable is predicted from its own lags.

    It is fitted by ridge regression over all time steps of all series, with separate coefficients for each variable.

    Args:
        lags: number of previous values that are used.
        ridge: penalty on the coefficients, as a fraction of the mean variance of the lags. It makes the solution stable
            if lags are nearly collinear.

    Raises ConfigError for invalid arguments.
    """

    def __init__(self, lags: int, ridge: float = 1e-8) -> None:
        if lags < 1:
            raise ConfigError(f"expected at least one lag. Received: lags={lags}")
        if not 0 <= ridge < np.inf:
            raise ConfigError(f"expected a ridge of zero or more. Received: {ridge}")
        self.lags = lags
        self.ridge = ridge
        self.coefficients_LY: Floats | None = None  # the oldest lag first
        self.intercepts_Y: Floats | None = None

    def fit(self, series: Iterable[ArrayLike]) -> LinearAutoregression:
        """Fit to all windows of all series that are longer than `lags`. Returns the instance.

        Raises DataError if no series is longer than `lags`, ShapeError if the numbers of variables differ.
        """
        prepared = [_two_axes(_filled(one)) for one in series]
        if len({one.shape[1] for one in prepared}) > 1:
            raise ShapeError(
                f"expected series of the same number of variables. Received: {[one.shape[1] for one in prepared]}"
            )
        pasts_NYL, nexts_NY = [], []
        for one in prepared:
            if len(one) > self.lags:
                pasts_NYL.append(sliding_window_view(one[:-1], self.lags, axis=0))
                nexts_NY.append(one[self.lags :])
        if not pasts_NYL:
            raise DataError(
                f"expected a series of more than {self.lags} steps to fit {self.lags} lags. "
                f"Received: a longest series of {max((len(one) for one in prepared), default=0)} steps"
            )
        lags_NYL, targets_NY = np.concatenate(pasts_NYL), np.concatenate(nexts_NY)
        columns = [self._solve(lags_NYL[:, y], targets_NY[:, y]) for y in range(targets_NY.shape[1])]
        self.coefficients_LY = np.stack([coefficients for coefficients, _ in columns], axis=1)
        self.intercepts_Y = np.array([intercept for _, intercept in columns])
        return self

    def forecast(self, history: ArrayLike, horizon: int) -> Floats:
        """Forecast `horizon` steps recursively. Raises DataError if the history has fewer than `lags` steps."""
        past = _history(history, horizon, self.lags)
        coefficients_LY, intercepts_Y = self._fitted(past)
        values = np.empty((self.lags + horizon, coefficients_LY.shape[1]))
        values[: self.lags] = _two_axes(past)[-self.lags :]
        for step in range(horizon):
            window_LY = values[step : step + self.lags]
            values[step + self.lags] = (window_LY * coefficients_LY).sum(0) + intercepts_Y
        return values[self.lags :].reshape(horizon, *past.shape[1:])

    def one_step(self, history: ArrayLike, start: int | None = None) -> Floats:
        """Return one-step forecasts of every step from index `start` on, each from the true values before it.

        `start` is at least `lags`, its default.
        """
        past = _filled(history)
        start = self.lags if start is None else start
        if not self.lags <= start <= len(past):
            raise ConfigError(
                f"expected start between the {self.lags} lags and the {len(past)} steps of the series. "
                f"Received: {start}"
            )
        coefficients_LY, intercepts_Y = self._fitted(past)
        if start == len(past):
            return past[:0]
        windows_NYL = sliding_window_view(_two_axes(past)[start - self.lags : -1], self.lags, axis=0)
        return (np.einsum("nyl,ly->ny", windows_NYL, coefficients_LY) + intercepts_Y).reshape(-1, *past.shape[1:])

    def _solve(self, lags_NL: Floats, targets_N: Floats) -> tuple[Floats, float]:
        centre_L, centre = lags_NL.mean(0), targets_N.mean()
        x, y = lags_NL - centre_L, targets_N - centre
        products = x.T @ x
        size = np.trace(products) / self.lags
        # The covariance of a constant series is 0; with any penalty, its coefficients are then 0.
        penalty = self.ridge * size if size > 0 else 1.0
        coefficients = np.linalg.lstsq(products + penalty * np.eye(self.lags), x.T @ y, rcond=None)[0]
        return coefficients, float(centre - centre_L @ coefficients)

    def _fitted(self, past: Floats) -> tuple[Floats, Floats]:
        if self.coefficients_LY is None or self.intercepts_Y is None:
            raise ConfigError("expected fit() before forecasts. Received: an autoregression without coefficients")
        if _two_axes(past).shape[1] != self.coefficients_LY.shape[1]:
            raise ShapeError(
                f"expected a history of {self.coefficients_LY.shape[1]} variables, as fitted. "
                f"Received: shape {past.shape}"
            )
        return self.coefficients_LY, self.intercepts_Y


def _two_axes(series: Floats) -> Floats:
    return series.reshape(len(series), -1)


def _history(history: ArrayLike, horizon: int, least: int) -> Floats:
    past = _filled(history)
    if horizon < 1:
        raise ConfigError(f"expected a horizon of one step or more. Received: horizon={horizon}")
    if len(past) < least:
        raise DataError(f"expected a history of at least {least} steps. Received: {len(past)}")
    return past


def _filled(series: ArrayLike) -> Floats:
    """Return the series in float64 with missing values filled."""
    values = np.asarray(series, np.float64)
    if values.ndim not in (1, 2):
        raise ShapeError(f"expected a series of shape T or TY. Received: {values.shape}")
    if np.isinf(values).any():
        raise DataError("expected finite values in a series. Received: inf")
    if not np.isnan(values).any():
        return values
    columns = _two_axes(values).copy()
    for column in columns.T:
        known = np.flatnonzero(~np.isnan(column))
        if not known.size:
            raise DataError("expected at least one known value of every variable. Received: NaN alone")
        last = np.searchsorted(known, np.arange(len(column)), side="right") - 1
        column[:] = column[known[np.maximum(last, 0)]]
    return columns.reshape(values.shape)
