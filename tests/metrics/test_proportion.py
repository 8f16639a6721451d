"""Wilson's interval of a share, against scipy."""

from __future__ import annotations

import math

import pytest

from elman.errors import ConfigError
from elman.metrics.proportion import Proportion, wilson_interval


@pytest.mark.parametrize(("right", "total"), [(0, 1), (1, 1), (7, 10), (0, 10), (10, 10), (53, 100)])
def test_it_is_that_of_scipy(right: int, total: int) -> None:
    stats = pytest.importorskip("scipy.stats")
    expected = stats.binomtest(right, total).proportion_ci(0.95, method="wilson")
    assert wilson_interval(right, total) == pytest.approx((expected.low, expected.high), abs=1e-12)
    facts = Proportion(right, total).to_json()
    assert facts == {
        "right": right,
        "answers": total,
        "share": right / total,
        "low": pytest.approx(expected.low),
        "high": pytest.approx(expected.high),
    }


def test_no_answers() -> None:
    assert wilson_interval(0, 0) == (0.0, 1.0)
    assert math.isnan(Proportion(0, 0).share)


def test_impossible_counts_are_refused() -> None:
    for right, total in ((-1, 3), (4, 3)):
        with pytest.raises(ConfigError, match="expected right from 0 to total"):
            wilson_interval(right, total)
