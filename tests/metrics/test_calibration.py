"""Calibration figures, judged by scikit-learn, by sums by hand and by scipy's minimiser."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize_scalar
from scipy.special import log_softmax, softmax
from sklearn import metrics

from elman.errors import ConfigError, DataError, ShapeError
from elman.metrics.calibration import MAX_TEMPERATURE, MIN_TEMPERATURE, calibration, fit_temperature
from elman.plots.calibration import draw_calibration


def drawn(rows: int, classes: int, temperature: float, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Logits, and truths that follow them at some temperature."""
    rng = np.random.default_rng(seed)
    logits = rng.normal(size=(rows, classes)) * 3
    chances = softmax(logits / temperature, axis=1)
    return logits, (chances.cumsum(1) < rng.random((rows, 1))).sum(1).clip(max=classes - 1)


def test_by_hand() -> None:
    probabilities = np.array([[0.9, 0.1], [0.8, 0.2], [0.3, 0.7], [0.45, 0.55]])
    figures = calibration(probabilities, [0, 1, 1, 1], bins=2)
    # All four are in the upper bin: confidence 0.7375, three of four right.
    assert figures.bins[0][2] == 0
    assert np.isnan(figures.bins[0].accuracy)
    assert figures.bins[1] == pytest.approx((0.5, 1.0, 4, 0.7375, 0.75))
    assert figures.ece == figures.mce == pytest.approx(0.0125)
    fine = calibration(probabilities, [0, 1, 1, 1], bins=10)
    assert [one.examples for one in fine.bins] == [0, 0, 0, 0, 0, 1, 1, 1, 1, 0]
    assert fine.ece == pytest.approx((0.45 + 0.3 + 0.8 + 0.1) / 4)
    assert fine.mce == pytest.approx(0.8)
    assert figures.brier == pytest.approx(2 * (0.1**2 + 0.8**2 + 0.3**2 + 0.45**2) / 4)


@settings(max_examples=30, deadline=None)
@given(st.integers(2, 5), st.integers(1, 60), st.integers(1, 20), st.integers(0, 10**6))
@example(classes=4, rows=31, bins=1, seed=2812)  # one bin, whose mean rounding puts above it
def test_log_loss_and_errors(classes: int, rows: int, bins: int, seed: int) -> None:
    logits, truth = drawn(rows, classes, 1.0, seed)
    probabilities = softmax(logits, axis=1)
    figures = calibration(probabilities, truth, bins)
    assert figures.log_loss == pytest.approx(metrics.log_loss(truth, probabilities, labels=range(classes)))
    hot = np.eye(classes)[truth]
    assert figures.brier == pytest.approx(((probabilities - hot) ** 2).sum(1).mean())
    assert 0 <= figures.ece <= figures.mce <= 1
    assert sum(one.examples for one in figures.bins) == rows
    confidence, right = probabilities.max(1), probabilities.argmax(1) == truth
    gap = 0.0
    for one in figures.bins:
        inside = (one.low < confidence) & (confidence <= one.high)
        assert inside.sum() == one.examples
        if inside.any():
            gap += abs(right[inside].mean() - confidence[inside].mean()) * inside.mean()
    assert figures.ece == pytest.approx(gap)


def test_a_sure_answer_that_is_wrong_costs_a_finite_amount() -> None:
    figures = calibration([[1.0, 0.0]], [1])
    assert figures.bins[-1].examples == 1
    assert figures.log_loss == pytest.approx(-np.log(np.finfo(float).eps))


@pytest.mark.parametrize("temperature", [0.5, 1.0, 2.5])
def test_the_temperature_is_scipys_and_that_of_the_data(temperature: float) -> None:
    logits, truth = drawn(4000, 4, temperature)

    def loss(t: float) -> float:
        return -log_softmax(logits / t, axis=1)[np.arange(len(truth)), truth].mean()

    fitted = fit_temperature(logits.astype(np.float32), truth)
    best = minimize_scalar(loss, bounds=(0.1, 10), method="bounded", options={"xatol": 1e-9}).x
    assert fitted == pytest.approx(best, rel=1e-4)
    assert fitted == pytest.approx(temperature, rel=0.1)
    before, after = (calibration(softmax(logits / t, axis=1), truth) for t in (1.0, fitted))
    assert after.log_loss <= before.log_loss + 1e-12
    assert temperature == 1 or after.ece < before.ece / 2


def test_the_temperature_stays_in_its_range() -> None:
    logits = np.array([[50.0, 0.0], [0.0, 9.0]])
    assert fit_temperature(logits, [0, 1]) == MIN_TEMPERATURE
    assert fit_temperature(logits, [1, 0]) == MAX_TEMPERATURE
    assert fit_temperature(logits * 1e300, [1, 0]) == MAX_TEMPERATURE
    assert fit_temperature(logits * 1e300, [0, 1]) == fit_temperature(logits * 0, [0, 1]) == 1


def test_the_picture_is_drawn(tmp_path: Path) -> None:
    from matplotlib.image import imread

    logits, truth = drawn(500, 3, 2.0)
    for name in ("one.png", "two.svg"):
        draw_calibration(calibration(softmax(logits, axis=1), truth), tmp_path / name, title="before")
    picture = (imread(tmp_path / "one.png")[..., :3] * 255).round().astype(int)
    colours = set(map(tuple, picture.reshape(-1, 3).tolist()))
    assert {(0x44, 0x77, 0xAA), (0xEE, 0x66, 0x77), (0xBB, 0xBB, 0xBB)} <= colours
    assert b"<svg" in (tmp_path / "two.svg").read_bytes()


def test_unusable_input(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"sum to 1 in every row\. Received: row 1 with the sum 1\.5$"):
        calibration([[0.5, 0.5], [0.5, 1.0]], [0, 1])
    with pytest.raises(DataError, match=r"sum to 1 in every row\. Received: row 0"):
        calibration([[-0.5, 1.5], [0.5, 0.5]], [0, 1])
    with pytest.raises(DataError, match=r"finite numbers in logits_NC\. Received: nan$"):
        fit_temperature([[0.5, float("nan")]], [0])
    with pytest.raises(DataError, match=r"at least one row of logits_NC"):
        fit_temperature(np.zeros((0, 2)), np.zeros(0, int))
    with pytest.raises(DataError, match=r"from 0 to 1\. Received: 2 to 2$"):
        calibration([[0.5, 0.5]], [2])
    with pytest.raises(ShapeError, match=r"Received: shapes \(1, 2\) and \(2,\), type int64$"):
        calibration([[0.5, 0.5]], [0, 1])
    with pytest.raises(ShapeError, match=r"type float64$"):
        calibration([[0.5, 0.5]], [0.0])
    with pytest.raises(ConfigError, match=r"Received: bins=0$"):
        calibration([[0.5, 0.5]], [0], bins=0)
    with pytest.raises(ConfigError, match=r"\.png or \.svg"):
        draw_calibration(calibration([[0.5, 0.5]], [0]), tmp_path / "picture")
