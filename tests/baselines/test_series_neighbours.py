"""Nearest series: a plain version of the warping, scikit-learn's neighbours, lengths, gaps and channels."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn.neighbors import KNeighborsClassifier

from elman.baselines.dtw import dtw_distances, envelopes, lower_bounds
from elman.baselines.series_neighbours import best_scaling, nearest_series, predict
from elman.errors import ConfigError, DataError, ShapeError

NAN = float("nan")


def plain_dtw(one: NDArray[np.float64], other: NDArray[np.float64], band: int) -> float:
    """The least sum along a path, cell by cell."""
    steps = len(one)
    table = np.full((steps + 1, steps + 1), np.inf)
    table[0, 0] = 0
    for i in range(steps):
        for j in range(max(0, i - band), min(steps, i + band + 1)):
            cost = float(((one[i] - other[j]) ** 2).sum())
            table[i + 1, j + 1] = cost + min(table[i, j], table[i, j + 1], table[i + 1, j])
    return float(table[steps, steps])


def walks(series: int, steps: int, channels: int, seed: int = 0) -> NDArray[np.float64]:
    return np.random.default_rng(seed).normal(size=(series, steps, channels)).cumsum(1)


@pytest.mark.parametrize("band", [0, 1, 2, 5, 30])
@pytest.mark.parametrize(("steps", "channels"), [(1, 1), (2, 1), (13, 1), (12, 3)])
def test_distances_are_those_of_the_plain_version(band: int, steps: int, channels: int) -> None:
    query, others = walks(1, steps, channels)[0], walks(7, steps, channels, seed=1)
    expected = [plain_dtw(query, other, band) for other in others]
    np.testing.assert_allclose(dtw_distances(query, others, band), expected)
    bounds = lower_bounds(query, others, band, *envelopes(others, band))
    assert (bounds <= np.array(expected) + 1e-9).all()
    if not band:
        np.testing.assert_allclose(bounds, expected)


@pytest.mark.parametrize("steps", [8, 30])
@pytest.mark.parametrize("channels", [1, 2])
def test_the_nearest_by_warping(steps: int, channels: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("elman.baselines.series_neighbours._TOGETHER", 4)
    train, test = walks(40, steps, channels), walks(15, steps, channels, seed=1)
    scaled_train = [(one - one.mean(0)) / one.std(0) for one in train]
    scaled_test = [(one - one.mean(0)) / one.std(0) for one in test]
    expected = [
        int(np.argmin([plain_dtw(query, other, steps // 10) for other in scaled_train])) for query in scaled_test
    ]
    assert nearest_series(list(train), list(test), "dtw").tolist() == expected


def test_euclid_is_scikit_learns() -> None:
    train, test = walks(60, 25, 2), walks(30, 25, 2, seed=1)
    labels = np.arange(60) % 7

    def flat(series: NDArray[np.float64]) -> NDArray[np.float64]:
        return ((series - series.mean(1, keepdims=True)) / series.std(1, keepdims=True)).reshape(len(series), -1)

    judge = KNeighborsClassifier(1).fit(flat(train), labels)
    assert predict(train, labels, test, scaling="series").tolist() == judge.predict(flat(test)).tolist()


@pytest.mark.parametrize(("distance", "correct"), [("euclid", 137), pytest.param("dtw", 141, marks=pytest.mark.slow)])
def test_known_figures(distance, correct: int, shared_data: Callable[[str], Path]) -> None:
    """The UCR archive lists an error of 0.0867 by the Euclidean distance, 13 of 150."""
    series, labels = [], []
    for part in ("TRAIN", "TEST"):
        text = shared_data(f"series-classification/GunPoint/GunPoint_{part}.ts").read_text(encoding="utf-8")
        rows = [line.split(":") for line in text.partition("@data")[2].split()]
        series.append([np.array(values.split(","), np.float64) for values, _ in rows])
        labels.append(np.array([label for _, label in rows], np.int64))
    found = predict(series[0], labels[0], series[1], distance)
    assert (found == labels[1]).sum() == correct


@pytest.mark.parametrize("distance", ["euclid", "dtw"])
def test_other_lengths_scales_and_gaps(distance) -> None:
    def wave(steps: int, periods: int) -> NDArray[np.float64]:
        return np.sin(np.linspace(0, 2 * np.pi * periods, steps))

    train = [wave(30, 1), wave(50, 2), wave(41, 3)]
    test = [5 + 3 * wave(45, 3), 1e-5 * wave(20, 1), wave(90, 2)]
    test[2][4] = NAN
    assert predict(train, [7, 8, 9], test, distance).tolist() == [9, 7, 8]
    assert nearest_series(train, test, distance, most_steps=16).tolist() == [2, 0, 1]


@pytest.mark.parametrize("distance", ["euclid", "dtw"])
def test_levels_count_by_the_scale_of_training(distance) -> None:
    """The first series has the level of the test series, the second its shape."""
    train, test = [[5.0, 6.0, 5.0, 6.0], [1.0, 2.0, 3.0, 4.0]], [[5.0, 5.2, 5.4, 5.6]]
    assert nearest_series(train, test, distance).tolist() == [1]
    assert nearest_series(train, test, distance, "training").tolist() == [0]


@pytest.mark.parametrize("distance", ["euclid", "dtw"])
def test_the_scaling_is_chosen_by_training_series(distance) -> None:
    """The class is the level of noise, or the number of periods of a wave at any level and scale."""
    rng = np.random.default_rng(0)
    labels = np.arange(60) % 3
    levels = [label + rng.normal(0, 0.3, 20) for label in labels]
    steps = np.linspace(0, 2 * np.pi, 20)
    waves = [rng.uniform(1, 9) * np.sin((1 + label) * steps) + rng.normal(0, 20) for label in labels]
    assert best_scaling(levels, labels) == "training"
    assert best_scaling(waves, labels) == "series"
    assert best_scaling(levels[:1], [0]) == "series"
    for series in (levels, waves):
        found = predict(series[:40], labels[:40], series[40:], distance)
        assert found.tolist() == labels[40:].tolist()


@pytest.mark.parametrize("scaling", ["series", "training", None])
@pytest.mark.parametrize("distance", ["euclid", "dtw"])
def test_unusual_series(distance, scaling) -> None:
    assert predict([[1.0, 2.0]], [3], [[], [NAN], [5.0] * 9], distance, scaling).tolist() == [3, 3, 3]
    assert predict([[], [1.0, 2.0]], [3, 4], [[1.0, 2.0], []], distance, scaling).tolist() == [4, 3]
    assert predict([[2.0] * 4, [2.0] * 4], [6, 5], [[1.0] * 4], distance, scaling).tolist() == [6]
    assert predict([[1.0]], [0], [], distance, scaling).shape == (0,)


def test_unusable_arguments() -> None:
    with pytest.raises(ConfigError, match=r"Received: 'cosine'$"):
        nearest_series([[1.0]], [], "cosine")  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match=r"Received: most_steps=0$"):
        nearest_series([[1.0]], [], most_steps=0)
    with pytest.raises(DataError, match=r"each of 1 series\. Received: shape \(2,\)$"):
        predict([[1.0]], [0, 1], [])
    with pytest.raises(DataError, match=r"at least one series\. Received: none$"):
        predict([], [], [[1.0]])
    with pytest.raises(ShapeError, match=r"of 1 channels\. Received: 2$"):
        predict([[1.0]], [0], [np.zeros((3, 2))])
