"""Sums of errors by periods of time."""

from __future__ import annotations

import numpy as np
import pytest

from elman.metrics.window_errors import by_period


def plain(series: list[int], origin: list[int], horizon: int, errors: list[float]) -> list[list[float]]:
    """The same with loops: a period begins with the first forecast that does not overlap that of the period."""
    found: dict[tuple[int, int], list[float]] = {}
    begins: dict[int, int] = {}
    for number, last, error in sorted(zip(series, origin, errors, strict=True)):
        if number not in begins or last - begins[number] >= horizon:
            begins[number] = last
        found.setdefault((number, begins[number]), []).append(error)
    kept = [[each for each in row if np.isfinite(each)] for row in found.values()]
    return [[sum(row), len(row)] for row in kept]


@pytest.mark.parametrize(("horizon", "step"), [(1, 1), (12, 1), (12, 6), (12, 12), (5, 7), (24, 10)])
def test_forecasts_that_overlap_are_in_one_period(horizon: int, step: int) -> None:
    draw = np.random.default_rng(0)
    series = np.repeat([0, 2, 5], [25, 1, 12])
    origin = np.concatenate([40 + step * np.arange(25), [7], 10 + step * np.arange(12)])
    errors = draw.uniform(0.5, 2, len(series))
    errors[[3, 30]] = np.nan, np.inf
    order = draw.permutation(len(series))  # the order of the forecasts does not matter
    found = by_period(series[order], origin[order], horizon, errors[order])
    np.testing.assert_allclose(found, plain(series.tolist(), origin.tolist(), horizon, errors.tolist()))
    known = errors[np.isfinite(errors)]
    np.testing.assert_allclose(found.sum(0), [known.sum(), len(known)])


def test_the_forecasts_of_a_year_a_month_apart_are_three_periods() -> None:
    found = by_period(np.zeros(25, np.int64), 100 + np.arange(25), 12, np.ones(25))
    assert found.tolist() == [[12, 12], [12, 12], [1, 1]]
