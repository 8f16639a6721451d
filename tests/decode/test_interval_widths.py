"""Corrected bounds and sample paths."""

from __future__ import annotations

import numpy as np
import pytest

from elman.data.panel import Transform
from elman.data.panel.interval_correction import IntervalCorrection
from elman.decode.interval_widths import correct_bounds, correct_paths, levelled


def made(steps: tuple[int, ...], levels: tuple[float, ...], factors: list[list[float]]) -> IntervalCorrection:
    """A correction whose factors are the same above and below."""
    return IntervalCorrection(steps, levels, np.repeat(np.array(factors)[..., None], 2, axis=2))


DOUBLED = made((1,), (80.0,), [[2.0]])
SAME = made((1,), (80.0,), [[1.0]])
TAILS = made((1, 2), (50.0, 95.0), [[1.0, 3.0], [2.0, 6.0]])
OWN = np.ones((3, 1))


def paths(count: int = 101) -> np.ndarray:
    return np.random.default_rng(0).normal(size=(3, count, 2, 1))


def test_factors_of_one_change_nothing() -> None:
    values = paths()
    middle = np.median(values, 1)
    assert correct_paths(values, middle, SAME, OWN, counts=False) == pytest.approx(values)
    counts = np.random.default_rng(0).poisson(3, values.shape).astype(float)
    middle = np.median(counts, 1)
    assert np.array_equal(correct_paths(counts, middle, SAME, OWN, counts=True), counts)
    bounds = np.quantile(counts, (0.1, 0.9), axis=1, method="inverted_cdf")
    assert np.array_equal(correct_bounds(bounds, middle, (80,), SAME, OWN, counts=True), bounds)


def test_distances_from_the_point_forecast_are_multiplied() -> None:
    values = paths()
    middle = np.median(values, 1)
    moved = correct_paths(values, middle, DOUBLED, OWN * 1.5, counts=False)
    inner = np.abs(values - middle[:, None]) < 1.5
    assert (moved - middle[:, None])[inner] == pytest.approx(3 * (values - middle[:, None])[inner])
    bounds = np.quantile(values, (0.1, 0.9), axis=1)
    both = correct_bounds(bounds, middle, (80,), DOUBLED, OWN, counts=False)
    assert both - middle == pytest.approx(2 * (bounds - middle))


def test_distances_above_and_below_have_factors_of_their_own() -> None:
    upper = IntervalCorrection((1,), (80.0,), np.array([[[1.0, 3.0]]]))
    values = paths()
    middle = np.median(values, 1)
    bounds = np.quantile(values, (0.1, 0.9), axis=1)
    low, high = correct_bounds(bounds, middle, (80,), upper, OWN, counts=False)
    assert low == pytest.approx(bounds[0])
    assert high - middle == pytest.approx(3 * (bounds[1] - middle))
    moved = correct_paths(values, middle, upper, OWN, counts=False)
    assert np.minimum(moved, middle[:, None]) == pytest.approx(np.minimum(values, middle[:, None]))
    assert np.quantile(moved, 0.9, axis=1) == pytest.approx(high)


def test_paths_and_bounds_have_the_factors_of_their_level() -> None:
    values = paths(20001)
    middle = np.median(values, 1)
    moved = correct_paths(values, middle, TAILS, OWN, counts=False)
    assert np.array_equal(moved.argsort(1), values.argsort(1)), "the order of the paths is kept"
    levels = (50, 80, 95)
    probabilities = (0.25, 0.1, 0.025, 0.75, 0.9, 0.975)
    from_bounds = correct_bounds(np.quantile(values, probabilities, axis=1), middle, levels, TAILS, OWN, counts=False)
    assert np.quantile(moved, probabilities, axis=1) == pytest.approx(from_bounds, rel=0.02, abs=0.01)
    far = np.quantile(values, 0.975, axis=1) - middle
    assert (from_bounds[5] - middle)[:, 1] == pytest.approx(6 * far[:, 1])


def test_the_outermost_paths_keep_their_distance_from_the_next_ones() -> None:
    """Distributions with heavy tails have paths that are far out, and an exponential of a multiple is no number."""
    values = paths(400)
    values[:, 7], values[:, 11] = 40.0, -50.0
    middle = np.median(values, 1)
    moved = correct_paths(values, middle, DOUBLED, OWN, counts=False)
    assert np.array_equal(moved.argsort(1), values.argsort(1))
    edge = np.sort(values, 1)[:, -9]
    assert moved[:, 7] == pytest.approx(2 * (edge - middle) + middle + (40 - edge))
    assert (moved[:, 11] > -60).all()
    narrower = made((1,), (80.0,), [[0.5]])
    moved = correct_paths(values, middle, narrower, OWN, counts=False)
    assert moved - middle[:, None] == pytest.approx(0.5 * (values - middle[:, None]))


def test_an_interval_contains_those_of_lower_levels() -> None:
    falling = made((1,), (50.0, 95.0), [[5.0, 1.0]])
    bounds = np.array([-1.0, -1.1, 1.0, 1.1]).reshape(4, 1, 1, 1)
    low_50, low_95, high_50, high_95 = correct_bounds(
        bounds, np.zeros((1, 1, 1)), (50, 95), falling, np.ones((1, 1)), counts=False
    ).ravel()
    assert low_95 <= low_50 == -5
    assert high_95 >= high_50 == 5


def test_counts_stay_counts() -> None:
    values = np.random.default_rng(0).poisson(1, size=(3, 400, 2, 1)).astype(float)
    middle = np.median(values, 1)
    moved = correct_paths(values, middle, DOUBLED, OWN, counts=True)
    assert (moved >= 0).all()
    assert np.array_equal(moved, np.rint(moved))
    assert moved.std() > 1.3 * values.std()
    # The median of mostly zeros is the lower bound of all intervals, and the upper one may be 0 as well.
    zeros = np.zeros((2, 1, 1, 1))
    low, high = correct_bounds(zeros, zeros[0], (80,), DOUBLED, np.ones((1, 1)), counts=True).ravel()
    assert (low, high) == (0, 1)


def test_values_after_the_function_of_the_transform() -> None:
    ones = np.ones(1)
    log, plain = (Transform(kind, ones, ones, 0, 0, 1, 0 * ones, ones) for kind in ("log", "none"))
    values, series = np.array([[[1.0]], [[10.0]], [[100.0]]]), np.array([0, 1, 0])
    found = levelled(values, [log, plain], series)
    assert found.ravel() == pytest.approx([0, 10, np.log(100)])
    assert levelled(found, [log, plain], series, back=True) == pytest.approx(values)
