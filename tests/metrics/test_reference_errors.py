"""Errors of simple forecasts, by fits without one window at a time."""

from __future__ import annotations

import numpy as np
import pytest

from elman.metrics.reference_errors import linear_errors, naive_errors, simple_errors

NONE = np.zeros(0, np.int64)


def autoregressive(steps: int, seed: int = 0) -> np.ndarray:
    """A series that returns to its mean."""
    rng, values = np.random.default_rng(seed), np.zeros(steps)
    for step in range(1, steps):
        values[step] = 0.8 * values[step - 1] + rng.normal()
    return values


@pytest.mark.parametrize("step", [1, 3])
def test_an_error_of_a_linear_map_is_that_of_a_fit_without_its_window(step: int) -> None:
    values, origins = autoregressive(60), np.array([49, 55, 59])
    found = linear_errors(values, 50, origins, step, 1)
    ends = np.arange(2, 50 - step)
    inputs = np.column_stack([np.ones(len(ends)), *(values[ends - lag] for lag in (2, 1, 0))])
    targets = values[ends + step]
    by_hand = []
    for row in range(len(ends)):
        others = np.arange(len(ends)) != row
        fit = np.linalg.lstsq(inputs[others], targets[others], rcond=None)[0]
        by_hand.append(targets[row] - inputs[row] @ fit)
    assert found.training == pytest.approx(by_hand)
    fit = np.linalg.lstsq(inputs, targets, rcond=None)[0]
    ahead = [values[o + step] - np.array([1, *values[o - 2 : o + 1]]) @ fit for o in origins if o + step < 60]
    assert found.later[np.isfinite(found.later)] == pytest.approx(ahead)
    assert np.isnan(found.later[-1]), "its true value is not known"


def test_naive_errors() -> None:
    values = np.arange(20.0) ** 2
    found = naive_errors(values, 10, np.array([9, 18]), 2, 4)
    assert found.training.tolist() == (values[4:10] - values[:6]).tolist()
    assert found.later[0] == values[11] - values[7]
    assert np.isnan(found.later[1])
    assert naive_errors(values, 3, NONE, 1, 12).training.tolist() == [1, 3], "without a whole season, the last value"
    assert naive_errors(values, 1, NONE, 1, 1).training.tolist() == []


def test_the_better_of_the_two() -> None:
    seasonal = np.tile(np.random.default_rng(0).normal(size=12), 10)
    assert simple_errors(seasonal, 100, NONE, 5, 12).training == pytest.approx(0)
    returning = autoregressive(300)
    both = [f(returning, 300, NONE, 5, 1) for f in (linear_errors, naive_errors)]
    assert np.array_equal(simple_errors(returning, 300, NONE, 5, 1).training, both[0].training)
    assert np.abs(both[0].training).mean() < np.abs(both[1].training).mean()


@pytest.mark.parametrize("steps", [1, 2, 5])
def test_short_and_constant_series_and_gaps(steps: int) -> None:
    values = autoregressive(20)
    assert len(linear_errors(values, steps, np.array([steps - 1]), 3, 12).training) == 0
    assert np.isfinite(simple_errors(values, steps, np.array([steps - 1]), 3, 12).training).all()
    with np.errstate(all="raise"):
        constant = linear_errors(np.full(50, 3.0), 40, np.array([45]), 2, 1)
    assert constant.training == pytest.approx(0)
    assert constant.later == pytest.approx(0)
    values[[3, 17]] = np.nan
    assert np.isfinite(linear_errors(values, 20, np.array([10]), 1, 1).training).all()
