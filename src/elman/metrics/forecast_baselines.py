"""Simple forecasts that a network must beat: naive, seasonal naive, drift, mean, a linear autoregression.

A series is an array `T`, or `TY` with Y variables; a forecast has its shape with the horizon in place of T. Values that
are missing (NaN) in a history are taken to be the last known one before them, at the start the first known one.
Needs numpy alone.
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
    """The last value, again and again."""
    past = _history(history, horizon, 1)
    return np.repeat(past[-1:], horizon, axis=0)


def seasonal_naive(history: ArrayLike, horizon: int, season: int) -> Floats:
    """The last `season` steps, again and again. Raises DataError when the history is shorter than that."""
    if season < 1:
        raise ConfigError(f"expected a season of one step or more. Received: season={season}")
    past = _history(history, horizon, season)
    return past[len(past) - season + np.arange(horizon) % season]


def drift(history: ArrayLike, horizon: int) -> Floats:
    """The straight line through the first and the last value, continued. With one value, that value."""
    past = _history(history, horizon, 1)
    slope = (past[-1] - past[0]) / max(len(past) - 1, 1)
    return past[-1] + np.multiply.outer(np.arange(1, horizon + 1), slope)


def mean(history: ArrayLike, horizon: int) -> Floats:
    """The mean of the history."""
    past = _history(history, horizon, 1)
    return np.repeat(past.mean(0, keepdims=True), horizon, axis=0)


class LinearAutoregression:
    """The next value as a linear function of the last ones, with an intercept: each variable from its own past.

    It is fitted by least squares over all time steps of all series, with a ridge that is small beside the variance of
    the lags; several variables have coefficients of their own.

    Args:
        lags: how many values are looked back at.
        ridge: the penalty on the coefficients, as a share of the lags' variance. It holds the solution still where lags
            are nearly copies of each other.
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
        """Least squares over all windows of all series that are longer than `lags`. Returns itself.

        Raises DataError when no series is, and ShapeError when they differ in their variables.
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
        """`horizon` steps, each from the ones before it. Raises DataError when the history has fewer than `lags`."""
        past = _history(history, horizon, self.lags)
        coefficients_LY, intercepts_Y = self._fitted(past)
        values = np.empty((self.lags + horizon, coefficients_LY.shape[1]))
        values[: self.lags] = _two_axes(past)[-self.lags :]
        for step in range(horizon):
            window_LY = values[step : step + self.lags]
            values[step + self.lags] = (window_LY * coefficients_LY).sum(0) + intercepts_Y
        return values[self.lags :].reshape(horizon, *past.shape[1:])

    def one_step(self, history: ArrayLike, start: int | None = None) -> Floats:
        """The forecast of every step from number `start` on, each from the true values before it.

        `start` counts from 0 and is at least `lags`, which it is when left out.
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
        # A series that never changes has no covariance at all; any penalty then gives the coefficients zero.
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
    """The series in float64 without gaps."""
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
