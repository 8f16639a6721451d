"""Scores of forecasts, judged by sktime, by scipy's normal distribution and by sums over all pairs."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.stats
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from sktime.performance_metrics import forecasting as judge

from elman.errors import ConfigError, ShapeError
from elman.metrics.forecast_scores import (
    coverage,
    crps_from_quantiles,
    crps_from_samples,
    mae,
    mase,
    pinball,
    rmse,
    smape,
)

NAN = float("nan")
RNG = np.random.default_rng(0)
HISTORY, TRUTH, FORECAST = (RNG.normal(size=(steps, 3)).cumsum(0) for steps in (40, 12, 12))


@pytest.mark.parametrize("variables", [slice(None), 0])
def test_errors_of_points_are_sktimes(variables: slice | int) -> None:
    truth, forecast = TRUTH[:, variables], FORECAST[:, variables]
    assert mae(truth, forecast) == pytest.approx(judge.mean_absolute_error(truth, forecast))
    # The root of the mean over everything, not the mean of a root a variable.
    squared = judge.mean_squared_error(truth, forecast)
    assert rmse(truth, forecast) == pytest.approx(squared**0.5)
    percent = judge.mean_absolute_percentage_error(truth, forecast, symmetric=True)
    assert smape(truth, forecast) == pytest.approx(100 * percent)


@pytest.mark.parametrize("season", [1, 4])
def test_the_scaled_error_is_the_mean_of_sktimes_over_the_variables(season: int) -> None:
    expected = [
        judge.mean_absolute_scaled_error(TRUTH[:, y], FORECAST[:, y], y_train=HISTORY[:, y], sp=season)
        for y in range(3)
    ]
    assert mase(TRUTH, FORECAST, HISTORY, season) == pytest.approx(np.mean(expected))
    assert mase(TRUTH[:, 1], FORECAST[:, 1], HISTORY[:, 1], season) == pytest.approx(expected[1])


def test_scores_by_hand() -> None:
    assert mae([1, 2, 3], [1, 4, 0]) == pytest.approx(5 / 3)
    assert rmse([1, 2, 3], [1, 4, 0]) == pytest.approx((13 / 3) ** 0.5)
    assert smape([0, 1, -2], [0, 3, 2]) == pytest.approx(100 * (0 + 1 + 2) / 3)
    assert mase([5, 6], [4, 4], [1, 2, 4], 1) == pytest.approx(1.5 / 1.5)
    assert mase([5, 6], [4, 4], [1, 2, 4], 2) == pytest.approx(1.5 / 3)
    assert pinball([4.0, 1.0], [1.0, 2.0], 0.1) == pytest.approx((0.1 * 3 + 0.9 * 1) / 2)
    assert coverage([1, 2, 3, 4], [1, 0, 4, 0], [2, 1, 5, 4]) == 0.5


def test_missing_truths_are_left_out() -> None:
    truth, forecast = TRUTH.copy(), FORECAST
    truth[3, 1] = truth[7:] = NAN
    known = ~np.isnan(truth)
    for score in (mae, rmse, smape):
        assert score(truth, forecast) == pytest.approx(score(truth[known], forecast[known]))
    assert coverage(truth, forecast - 2, forecast + 2) == coverage(
        truth[known], forecast[known] - 2, forecast[known] + 2
    )
    samples = RNG.normal(size=(9, 12, 3))
    assert crps_from_samples(truth, samples) == pytest.approx(crps_from_samples(truth[known], samples[:, known]))
    quantiles = RNG.normal(size=(12, 3, 2))
    expected = crps_from_quantiles(truth[known], quantiles[known], (0.1, 0.9))
    assert crps_from_quantiles(truth, quantiles, (0.1, 0.9)) == pytest.approx(expected)


def test_missing_steps_of_the_history_are_left_out_of_the_scale() -> None:
    assert mase([5.0], [4.0], [1, 2, NAN, 9, 12]) == pytest.approx(1 / 2)
    truth = np.array([[1.0, NAN], [2.0, NAN]])
    assert mase(truth, truth + 1, HISTORY[:, :2]) == mase(truth[:, 0], truth[:, 0] + 1, HISTORY[:, 0])


def test_a_variable_that_never_changes_has_no_scaled_error() -> None:
    history = np.stack([HISTORY[:, 0], np.ones(40)], axis=1)
    assert mase(TRUTH[:, :2], FORECAST[:, :2], history) == mase(TRUTH[:, 0], FORECAST[:, 0], HISTORY[:, 0])
    assert np.isnan(mase([1.0], [2.0], [3.0, 3.0]))
    assert np.isnan(mase([1.0], [2.0], [3.0], season=4))
    wave = 10 + 3 * np.sin(np.arange(70) * 2 * np.pi / 7)  # the same from week to week, except for rounding
    assert np.abs(wave[7:] - wave[:-7]).max() > 0
    assert np.isnan(mase([1.0], [2.0], wave, season=7))
    assert mase([3e-9], [1e-9], [1e-9, 2e-9]) == pytest.approx(2)


def test_nothing_known_gives_no_number_and_no_warning() -> None:
    unknown = [NAN, NAN]
    for score in (mae, rmse, smape):
        assert np.isnan(score(unknown, [1.0, 2.0]))
    assert np.isnan(mase(unknown, [1.0, 2.0], [1.0, 2.0]))
    assert np.isnan(coverage(unknown, [0.0, 0.0], [1.0, 1.0]))
    assert np.isnan(crps_from_samples(unknown, [[1.0, 2.0]]))


def test_a_forecast_that_is_no_number_spoils_its_score() -> None:
    for score in (mae, rmse, smape):
        assert np.isnan(score([1.0, 2.0], [1.0, NAN]))
    assert np.isnan(mase([1.0, 2.0], [1.0, NAN], [1.0, 2.0]))
    assert np.isnan(coverage([1.0, 2.0], [0.0, NAN], [3.0, 3.0]))
    assert np.isnan(crps_from_samples([1.0, 2.0], [[1.0, NAN], [1.0, 2.0]]))
    assert np.isnan(crps_from_quantiles([1.0, 2.0], [[1.0], [NAN]], [0.5]))


@settings(max_examples=50, deadline=None)
@given(arrays(np.float64, st.tuples(st.integers(1, 12), st.just(3)), elements=st.floats(-1e3, 1e3, width=32)))
def test_the_score_of_samples_is_the_sum_over_all_pairs(samples: np.ndarray) -> None:
    truth = np.array([0.5, -3.0, 100.0])
    pairs = np.abs(samples[:, None] - samples[None]).mean((0, 1))
    expected = (np.abs(samples - truth).mean(0) - pairs / 2).mean()
    assert crps_from_samples(truth, samples) == pytest.approx(expected, rel=1e-9, abs=1e-9)


def test_the_score_of_many_samples_and_levels_is_that_of_the_distribution() -> None:
    y, levels = 0.7, (np.arange(2000) + 0.5) / 2000
    z = scipy.stats.norm
    exact = y * (2 * z.cdf(y) - 1) + 2 * z.pdf(y) - np.pi**-0.5
    assert crps_from_samples(y, z.ppf(levels)) == pytest.approx(exact, rel=1e-3)
    assert crps_from_quantiles([y], z.ppf(levels)[None], levels) == pytest.approx(exact, rel=1e-3)


def test_one_sample_or_the_median_is_the_absolute_error() -> None:
    assert crps_from_samples(TRUTH, FORECAST[None]) == pytest.approx(mae(TRUTH, FORECAST))
    assert crps_from_quantiles(TRUTH, FORECAST[..., None], [0.5]) == pytest.approx(mae(TRUTH, FORECAST))


def test_pinball_is_scikit_learns() -> None:
    from sklearn.metrics import mean_pinball_loss

    for level in (0.05, 0.5, 0.8):
        expected = mean_pinball_loss(TRUTH, FORECAST, alpha=level)
        assert pinball(TRUTH, FORECAST, level) == pytest.approx(expected)


def test_shapes_that_do_not_fit() -> None:
    with pytest.raises(ShapeError, match=r"forecast of the truth's shape \(2,\)\. Received: \(3,\)$"):
        mae([1, 2], [1, 2, 3])
    with pytest.raises(ShapeError, match=r"high of the truth's shape \(2,\)\. Received: \(1,\)$"):
        coverage([1, 2], [1, 2], [1])
    with pytest.raises(ShapeError, match=r"variables of the truth, \(3,\)\. Received: \(40, 2\)$"):
        mase(TRUTH, FORECAST, HISTORY[:, :2])
    with pytest.raises(ShapeError, match=r"shape \(S, 12, 3\)\. Received: \(12, 3\)$"):
        crps_from_samples(TRUTH, FORECAST)
    with pytest.raises(ShapeError, match=r"shape \(12, 3, 2\).*Received: \(12, 3\)$"):
        crps_from_quantiles(TRUTH, FORECAST, (0.1, 0.9))
    with pytest.raises(ConfigError, match=r"Received: season=0$"):
        mase(TRUTH, FORECAST, HISTORY, 0)
    with pytest.raises(ConfigError, match=r"between 0 and 1\. Received: 1\.5$"):
        pinball([1.0], [1.0], 1.5)
