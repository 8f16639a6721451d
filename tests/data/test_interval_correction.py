"""Stored corrections of intervals: interpolation, and what is refused."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from elman.data.panel.interval_correction import IntervalCorrection, normal_scores

FACTORS = np.stack([np.array([[1.0, 2.0], [2.0, 4.0], [4.0, 8.0]]), np.full((3, 2), 7.0)], axis=2)
ONE = IntervalCorrection((1, 2, 8), (50.0, 95.0), FACTORS, 0.5, {"a": (3.0, 1.0)})


def test_factors_between_and_after_the_known_ones() -> None:
    factors, above = np.moveaxis(ONE.at((50, 95), 32), 2, 0)
    assert above[:, :8] == pytest.approx(7)
    assert factors[:, 0].tolist() == [1, 2]
    assert factors[:, 1].tolist() == [2, 4]
    assert factors[0, 3] == pytest.approx(3), "step 4 is half-way between 2 and 8 on a logarithmic scale"
    assert factors[:, 31] == pytest.approx([4 * 2, 8 * 2]), "four times the last step, to the power of a half"
    assert ONE.at((10, 99.9), 1)[:, 0, 0].tolist() == [1, 2]
    middle = float(np.mean(normal_scores((50, 95))))
    share = 100 * (2 * 0.9058 - 1)  # the standard normal distribution below 1.315
    assert middle == pytest.approx(1.3172, abs=1e-3)
    assert ONE.at((share,), 1)[0, 0, 0] == pytest.approx(1.5, abs=0.01)


def test_factors_of_series() -> None:
    assert ONE.of_series(["b", "a"], 2).tolist() == [[1, 1], [3, 1]]


def test_json() -> None:
    again = IntervalCorrection.from_json(ONE.to_json(), 2)
    assert np.array_equal(again.factors, ONE.factors)
    assert (again.steps, again.levels, again.growth, again.series) == (ONE.steps, ONE.levels, ONE.growth, ONE.series)


@pytest.mark.parametrize(
    "wrong",
    [
        {"steps": [2, 1, 8]},
        {"steps": []},
        {"levels": [95, 50]},
        {"levels": [50, 100]},
        {"factors": [[1.0, 2.0]]},
        {"factors": [[[1.0, 2.0]] * 2] * 2 + [[[1.0, 2.0], [1.0, 0.0]]]},
        {"factors": [[[1.0, 2.0]] * 2] * 2 + [[[1.0, 2.0], [1.0, float("nan")]]]},
        {"growth": -1},
        {"growth": float("nan")},
        {"series": {"a": [1.0]}},
        {"series": {"a": [1.0, -1.0]}},
    ],
)
def test_wrong_values(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"of intervals|steps ahead"):
        IntervalCorrection.from_json(ONE.to_json() | wrong, 2)
