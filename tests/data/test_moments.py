"""Mean and deviation: against numpy's own of all values at once."""

from __future__ import annotations

import numpy as np
import pytest

from elman.data.moments import mean_and_deviation


@pytest.mark.parametrize(("axis", "shape"), [(0, (3,)), ((0, 1), ())])
def test_parts_count_as_one(axis: int | tuple[int, ...], shape: tuple[int, ...]) -> None:
    draw = np.random.default_rng(3)
    parts = [draw.normal(5.0, [1.0, 2.0, 30.0], (steps, 3)).astype(np.float32) for steps in (1, 40, 7)]
    mean, deviation = mean_and_deviation(parts, axis)
    every = np.concatenate(parts).astype(np.float64)
    assert mean.shape == deviation.shape == shape
    np.testing.assert_allclose(mean, every.mean(axis=axis), rtol=1e-12)
    np.testing.assert_allclose(deviation, every.std(axis=axis), rtol=1e-12)


def test_whole_numbers_have_a_unit_and_constants_the_deviation_one() -> None:
    pixels = np.array([[0, 7], [255, 7], [51, 7]], dtype=np.uint8)
    mean, deviation = mean_and_deviation([pixels], unit=255.0)
    np.testing.assert_allclose(mean, [0.4, 7 / 255])
    np.testing.assert_allclose(deviation, [np.std([0.0, 1.0, 0.2]), 1.0])
    assert mean_and_deviation([pixels], unit=255.0, least=0.5)[1].tolist() == [1.0, 1.0]
