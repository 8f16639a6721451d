"""Factors for the widths of intervals, from errors of known distributions; quantiles by scipy."""

from __future__ import annotations

import math
from statistics import NormalDist
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from scipy import stats

from elman.metrics.interval_calibration import (
    LEVELS,
    ReferenceErrors,
    Scores,
    conformal_quantile,
    coverages,
    fit_widths,
    knots,
    neighbours,
    t_quantile,
)

Doubles = npt.NDArray[np.float64]

NORMAL = np.array([NormalDist().inv_cdf(0.5 + level / 200) for level in LEVELS])


def walk_scores(rng: np.random.Generator, origins: int, steps: int, width: float, series: int = 1) -> Scores:
    """Scores of forecasts of random walks by their last value, with intervals that have `width` of the right width."""
    found = np.full((series, origins, steps), np.nan)
    for one in found:
        shocks = rng.normal(size=origins)
        for step in range(1, steps + 1):
            for origin in range(origins - step + 1):
                one[origin, step - 1] = shocks[origin : origin + step].sum() / step**0.5 / width
    errors = found.reshape(-1, steps, 1)
    numbers, places = np.repeat(np.arange(series), origins), np.tile(np.arange(origins), series)
    return Scores(numbers, places, np.abs(errors)[..., None] / NORMAL, errors > 0)


def plain(series: Any, origin: Any, values: Doubles) -> Scores:
    """Scores with true values above and below in turn."""
    return Scores(
        np.array(series), np.array(origin), values, np.arange(values[..., 0].size).reshape(values.shape[:3]) % 2 > 0
    )


@pytest.mark.parametrize(("level", "freedom", "rel"), [(0.8, 1, 0.05), (0.95, 2, 0.05), (0.8, 4, 0.01)])
def test_quantiles_of_the_t_distribution_are_scipys(level: float, freedom: float, rel: float) -> None:
    assert t_quantile(level, freedom) == pytest.approx(stats.t.ppf(0.5 + level / 2, freedom), rel=rel)


def test_many_scores_give_their_quantile_and_few_a_wider_interval() -> None:
    scores = np.arange(1.0, 1001.0)
    assert conformal_quantile(scores, 0.8, 1000) == pytest.approx(800, rel=0.01)
    wider = stats.t.ppf(0.9, 10) / stats.norm.ppf(0.9)
    assert conformal_quantile(scores, 0.8, 10) == pytest.approx(800 * wider, rel=0.01)
    weights = np.where(scores <= 500, 1.0, 0.0)
    assert conformal_quantile(scores, 0.8, 1e6, weights) == pytest.approx(400, rel=0.01)
    # A single score is the middle one: the interval at 80 % is that of a t-distribution with one degree of freedom.
    one = conformal_quantile(np.array([2.0]), 0.8, 1)
    assert one == pytest.approx(2 * stats.t.ppf(0.9, 1) / stats.norm.ppf(0.75), rel=0.05)
    rising = [conformal_quantile(scores[:20], level / 100, 4) * z for level, z in zip(LEVELS, NORMAL, strict=True)]
    assert rising == sorted(rising)


def test_steps_ahead() -> None:
    assert knots(1) == (1,)
    assert knots(12) == (1, 2, 3, 4, 5, 6, 8, 10, 12)
    assert knots(1000)[-1] == 1000
    assert len(knots(1000)) < 40
    assert (neighbours(1, 12) + 1).tolist() == [1]
    assert (neighbours(6, 12) + 1).tolist() == [5, 6, 7, 8]
    assert (neighbours(12, 12) + 1).tolist() == [9, 10, 11, 12]


def test_errors_of_near_origins_count_less() -> None:
    counts = walk_scores(np.random.default_rng(0), 25, 5, 1.0).independent()
    assert counts.tolist() == pytest.approx([25, 1 + 23 / 2, 1 + 22 / 3, 1 + 21 / 4, 1 + 20 / 5])
    far = plain([0] * 3, [0, 10, 20], np.ones((3, 5, 1, len(LEVELS))))
    assert far.independent().tolist() == [3] * 5
    several = plain([0, 1, 2], [4, 4, 4], np.ones((3, 5, 1, len(LEVELS))))
    assert several.independent().tolist() == [3] * 5
    unknown = plain([0, 0], [0, 1], np.full((2, 3, 1, len(LEVELS)), np.nan))
    assert unknown.independent().tolist() == [0] * 3


@pytest.mark.parametrize("width", [0.2, 1.0, 3.0])
def test_widths_are_corrected_to_the_right_ones(width: float) -> None:
    scores = walk_scores(np.random.default_rng(1), 80, 6, width, series=10)
    widths = fit_widths(scores, 6)
    places = [LEVELS.index(level) for level in (50, 80, 95)]
    assert widths.factors[:, places] == pytest.approx(np.full((6, 3, 2), 1 / width), rel=0.2)
    fresh = walk_scores(np.random.default_rng(2), 80, 6, width, series=10)
    for place, level in zip(places, (0.5, 0.8, 0.95), strict=True):
        inside = widths.of(fresh)[..., place]
        assert (inside[np.isfinite(inside)] <= 1).mean() == pytest.approx(level, abs=0.04)


@pytest.mark.parametrize("origins", [5, 10, 20, 50])
def test_few_origins_give_intervals_that_hold_at_least_their_level_on_average(origins: int) -> None:
    """One series, and intervals that are much too narrow: the factors hold for later steps of other draws."""
    shares, before = [], []
    for seed in range(30):
        rng = np.random.default_rng(seed)
        widths = fit_widths(walk_scores(rng, origins, 6, 0.2), 6)
        fresh = walk_scores(rng, 60, 6, 0.2)
        for found, values in ((shares, widths.of(fresh)), (before, fresh.values)):
            known = values[..., LEVELS.index(80)]
            found.append((known[np.isfinite(known)] <= 1).mean())
    assert np.mean(before) < 0.25
    assert 0.79 < np.mean(shares) < 0.95


def test_steps_after_the_last_that_is_known() -> None:
    """Factors of further steps follow from the last ones, and from the errors of a reference forecast."""
    scores = walk_scores(np.random.default_rng(3), 4, 4, 1.0)
    alone = fit_widths(scores, 12)
    assert alone.steps[-1] == 12
    assert np.isfinite(alone.factors).all()
    at = knots(12)
    wide = ReferenceErrors(dict.fromkeys(at, np.full((50, len(LEVELS)), 7.0)), dict.fromkeys(at, math.nan))
    helped = fit_widths(scores, 12, wide)
    assert helped.factors[-1, LEVELS.index(80), 0] > 7
    narrow = ReferenceErrors(wide.values, dict.fromkeys(at, 0.01))
    assert fit_widths(scores, 12, narrow).factors[-1, LEVELS.index(80), 0] < helped.factors[-1, LEVELS.index(80), 0]
    none = plain([0], [0], np.full((1, 12, 1, len(LEVELS)), np.nan))
    wider = stats.t.ppf(0.9, 5) / stats.norm.ppf(0.9)
    assert fit_widths(none, 12, wide).factors[0, LEVELS.index(80), 1] == pytest.approx(7 * wider, rel=0.01)


def test_an_interval_contains_those_of_lower_levels() -> None:
    rng = np.random.default_rng(4)
    for seed in range(20):
        values = rng.exponential(size=(6, 3, 1, len(LEVELS))) * rng.uniform(0.1, 3, len(LEVELS))
        factors = fit_widths(plain([0] * 6, range(6), values), 3).factors * NORMAL[:, None]
        assert (np.diff(factors, axis=1) >= -1e-12).all(), seed


def test_series_with_many_errors_have_factors_of_their_own() -> None:
    wide, narrow = (walk_scores(np.random.default_rng(5), 200, 3, width) for width in (0.5, 2.0))
    joined = (np.concatenate(each) for each in ((wide.values, narrow.values), (wide.above, narrow.above)))
    both = Scores(np.repeat([3, 8], 200), np.tile(np.arange(200), 2), *joined)
    found = fit_widths(both, 3)
    assert found.series[3][0] / found.series[8][0] == pytest.approx(4, rel=0.15)
    short = plain(range(5), [0] * 5, np.ones((5, 3, 1, len(LEVELS))))
    assert fit_widths(short, 3).series == {}


def test_coverages_before_and_after() -> None:
    found = coverages(walk_scores(np.random.default_rng(6), 300, 3, 0.3))
    assert found["coverage_80_before"] < 0.35
    assert found["coverage_80"] == pytest.approx(0.8, abs=0.08)
    assert found["coverage_95"] == pytest.approx(0.95, abs=0.05)
    single = coverages(walk_scores(np.random.default_rng(6), 1, 1, 0.3))
    assert set(single) == {"coverage_80_before", "coverage_95_before"}, "one origin has no halves"


def test_errors_above_and_below_have_factors_of_their_own() -> None:
    """Errors above are four times as large as those below: each part of the interval holds its level."""
    rng = np.random.default_rng(7)

    def drawn() -> Scores:
        errors = rng.normal(size=(2000, 3, 1))
        errors = np.where(errors > 0, 4 * errors, errors)
        return Scores(np.zeros(2000, int), 5 * np.arange(2000), np.abs(errors)[..., None] / NORMAL, errors > 0)

    widths, fresh = fit_widths(drawn(), 3), drawn()
    place = LEVELS.index(80)
    assert widths.factors[:, place] == pytest.approx(np.array([[1.0, 4.0]] * 3), rel=0.25)
    for side in (False, True):
        inside = widths.of(fresh)[..., place][fresh.above == side] <= 1
        assert inside.mean() == pytest.approx(0.8, abs=0.05)
