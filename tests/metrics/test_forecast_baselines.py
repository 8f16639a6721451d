"""Simple forecasts: known series, sums by hand, scikit-learn's least squares, and published figures of real data."""

from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.linear_model import LinearRegression

from elman.errors import ConfigError, DataError, ShapeError
from elman.metrics.forecast_baselines import LinearAutoregression, drift, mean, naive, seasonal_naive
from elman.metrics.forecast_scores import rmse

NAN = float("nan")


def test_one_variable() -> None:
    history = [1.0, 5.0, 2.0, 7.0]
    assert naive(history, 3).tolist() == [7, 7, 7]
    assert seasonal_naive(history, 5, 3).tolist() == [5, 2, 7, 5, 2]
    assert drift(history, 2).tolist() == [9, 11]
    assert mean(history, 2).tolist() == [3.75, 3.75]
    assert drift([4.0], 2).tolist() == [4, 4]


def test_several_variables() -> None:
    history = np.array([[1.0, 10], [2, 20], [3, 40]])
    assert naive(history, 2).tolist() == [[3, 40], [3, 40]]
    assert seasonal_naive(history, 3, 2).tolist() == [[2, 20], [3, 40], [2, 20]]
    assert drift(history, 2).tolist() == [[4, 55], [5, 70]]
    assert mean(history, 1).shape == (1, 2)


def test_gaps_are_filled_from_before() -> None:
    assert naive([1.0, 2.0, NAN, NAN], 1).tolist() == [2]
    assert seasonal_naive([NAN, 3.0, NAN, 5.0], 4, 4).tolist() == [3, 3, 3, 5]


@given(st.integers(1, 7), st.integers(8, 30), st.integers(1, 20))
def test_seasonal_naive_is_the_value_a_season_before(season: int, steps: int, horizon: int) -> None:
    history = np.random.default_rng(0).normal(size=steps)
    whole = np.concatenate([history, seasonal_naive(history, horizon, season)])
    assert np.array_equal(whole[steps:], whole[steps - season : -season])


class TestLinearAutoregression:
    def test_the_coefficients_are_scikit_learns(self) -> None:
        rng = np.random.default_rng(1)
        series = [rng.normal(size=length).cumsum() for length in (30, 4, 50, 3)]
        model = LinearAutoregression(4, ridge=0).fit(series)
        windows = [one[i : i + 5] for one in series for i in range(len(one) - 4)]
        judge = LinearRegression().fit(np.array(windows)[:, :4], np.array(windows)[:, 4])
        np.testing.assert_allclose(model.coefficients_LY[:, 0], judge.coef_, rtol=1e-6)
        assert float(model.intercepts_Y[0]) == pytest.approx(judge.intercept_)

    def test_a_linear_recurrence_is_continued(self) -> None:
        values = [1.0, 1.0]
        for _ in range(30):
            values.append(1.2 * values[-1] - 0.9 * values[-2] + 0.5)
        model = LinearAutoregression(2).fit([values[:20]])
        np.testing.assert_allclose(model.forecast(values[:20], 12), values[20:], rtol=1e-4)

    def test_each_variable_is_a_regression_of_its_own(self) -> None:
        series = np.random.default_rng(2).normal(size=(60, 3)).cumsum(0)
        together = LinearAutoregression(5).fit([series[:40], series[40:]])
        for y in range(3):
            alone = LinearAutoregression(5).fit([series[:40, y], series[40:, y]])
            np.testing.assert_allclose(together.forecast(series, 4)[:, y], alone.forecast(series[:, y], 4))
            np.testing.assert_allclose(together.one_step(series, 30)[:, y], alone.one_step(series[:, y], 30))

    def test_one_step_is_a_forecast_of_one_from_every_time(self) -> None:
        series = np.random.default_rng(3).normal(size=(25, 2))
        model = LinearAutoregression(3).fit([series])
        expected = [model.forecast(series[:t], 1)[0] for t in range(10, 25)]
        np.testing.assert_allclose(model.one_step(series, 10), expected)
        assert model.one_step(series).shape == (22, 2)
        assert model.one_step(series, 25).shape == (0, 2)

    def test_it_never_sees_what_it_forecasts(self) -> None:
        series = np.random.default_rng(4).normal(size=30)
        model = LinearAutoregression(3).fit([series])
        changed = series.copy()
        changed[20:] = 1e6
        np.testing.assert_array_equal(model.one_step(series, 10)[:11], model.one_step(changed, 10)[:11])

    def test_the_ridge_holds_copied_lags_still(self) -> None:
        assert LinearAutoregression(4).fit([[2.0] * 20]).forecast([2.0] * 4, 3).tolist() == [2, 2, 2]
        line = np.arange(40.0) * 1e6
        np.testing.assert_allclose(
            LinearAutoregression(8).fit([line]).forecast(line, 5), 1e6 * np.arange(40, 45), rtol=1e-3
        )

    def test_unusable_use(self) -> None:
        with pytest.raises(ConfigError, match=r"Received: lags=0$"):
            LinearAutoregression(0)
        with pytest.raises(ConfigError, match=r"ridge of zero or more\. Received: -1"):
            LinearAutoregression(2, ridge=-1)
        with pytest.raises(ConfigError, match=r"expected fit\(\) before forecasts"):
            LinearAutoregression(2).forecast([1.0, 2.0], 1)
        with pytest.raises(DataError, match=r"more than 5 steps.*Received: a longest series of 5 steps$"):
            LinearAutoregression(5).fit([[1.0] * 5, [1.0]])
        with pytest.raises(DataError, match=r"Received: a longest series of 0 steps$"):
            LinearAutoregression(5).fit([])
        with pytest.raises(ShapeError, match=r"Received: \[1, 2\]$"):
            LinearAutoregression(1).fit([np.ones(5), np.ones((5, 2))])
        model = LinearAutoregression(3).fit([np.arange(9.0)])
        with pytest.raises(DataError, match=r"at least 3 steps\. Received: 2$"):
            model.forecast([1.0, 2.0], 1)
        with pytest.raises(ShapeError, match=r"1 variables, as fitted\. Received: shape \(9, 2\)$"):
            model.forecast(np.ones((9, 2)), 1)
        with pytest.raises(ConfigError, match=r"3 lags and the 9 steps.*Received: 2$"):
            model.one_step(np.arange(9.0), 2)


@pytest.mark.parametrize("forecast", [naive, drift, mean, lambda h, n: seasonal_naive(h, n, 2)])
def test_unusable_histories(forecast) -> None:
    with pytest.raises(ConfigError, match=r"Received: horizon=0$"):
        forecast([1.0, 2.0], 0)
    with pytest.raises(DataError, match=r"Received: 0$"):
        forecast([], 1)
    with pytest.raises(DataError, match=r"Received: inf$"):
        forecast([1.0, float("inf")], 1)
    with pytest.raises(DataError, match=r"Received: NaN alone$"):
        forecast([[NAN, 1.0], [NAN, 2.0]], 1)
    with pytest.raises(ShapeError, match=r"Received: \(1, 1, 2\)$"):
        forecast([[[1.0, 2.0]]], 1)


def test_unusable_seasons() -> None:
    with pytest.raises(ConfigError, match=r"Received: season=0$"):
        seasonal_naive([1.0], 1, 0)
    with pytest.raises(DataError, match=r"at least 12 steps\. Received: 11$"):
        seasonal_naive([1.0] * 11, 1, 12)


@pytest.mark.parametrize(
    ("file", "lags", "figure", "persistence"),
    [
        ("airline-passengers.csv", 12, 20.95, 48.04),
        ("monthly-sunspots.csv", 36, 16.79, 18.40),
        ("daily-min-temperatures.csv", 28, 2.340, 2.624),
    ],
)
def test_known_figures_of_real_series(
    file: str, lags: int, figure: float, persistence: float, shared_data: Callable[[str], Path]
) -> None:
    """Root mean squared error of one step, fitted on the first 67 %."""
    with shared_data(f"timeseries/{file}").open(encoding="utf-8", newline="") as lines:
        y = np.array([float(row[1]) for row in list(csv.reader(lines))[1:] if row])
    cut = int(len(y) * 0.67)
    steps = LinearAutoregression(lags).fit([y[:cut]]).one_step(y, cut)
    digits = 3 if figure < 10 else 2
    assert round(rmse(y[cut:], steps), digits) == figure
    assert round(rmse(y[cut:], y[cut - 1 : -1]), digits) == persistence
