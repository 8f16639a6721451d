"""Features of series: statistics of scipy and numpy, convolutions by numpy.convolve, and unusual series."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.stats import linregress

from elman.baselines import series_features
from elman.baselines.ridge import RidgeClassifier
from elman.baselines.series_features import RandomConvolutions, summary_features, summary_size
from elman.errors import ConfigError, DataError, ShapeError

NAN = float("nan")


def expected_statistics(x: NDArray[np.float64]) -> list[float]:
    """The statistics of one channel without gaps, one after the other."""
    centred = x - x.mean()
    lags = [
        float((centred[lag:] * centred[:-lag]).sum() / (centred**2).sum()) if lag < len(x) else 0.0
        for lag in (1, 2, 3, 5, 10)
    ]
    quartiles = np.percentile(x, [0, 25, 50, 75, 100]).tolist()
    slope = float(linregress(np.arange(len(x)), x).slope)
    return [x.mean(), x.std(), *quartiles, slope, x[0], x[-1], np.abs(np.diff(x)).mean(), *lags, 0]


def test_statistics() -> None:
    rng = np.random.default_rng(0)
    series = [rng.normal(size=(length, 2)).cumsum(0) for length in (30, 4, 30, 12)]
    found = summary_features(series)
    assert found.shape == (4, 2 * 17 + 1)
    for one, row in zip(series, found, strict=True):
        expected = np.array([expected_statistics(one[:, c]) for c in range(2)]).T.ravel()
        np.testing.assert_allclose(row, [*expected, len(one)], atol=1e-12)


def test_gaps_and_short_series() -> None:
    found = summary_features([[1.0, NAN, 3.0], [NAN, NAN], [], [4.0]])
    assert np.isfinite(found).all()
    assert found[0, :2].tolist() == pytest.approx([2, np.sqrt(2 / 3)])
    assert found[0, -2:].tolist() == pytest.approx([1 / 3, 3])
    assert found[1].tolist() == [0] * 16 + [1, 2]
    assert found[2].tolist() == [0] * 18
    assert found[3].tolist() == [4, 0, 4, 4, 4, 4, 4, 0, 4, 4] + [0] * 7 + [1]


@pytest.mark.parametrize("channels", [1, 5])
@pytest.mark.parametrize("steps", [4, 40])
def test_convolutions_are_numpys(channels: int, steps: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(series_features, "_MOST_NUMBERS", 3000)
    rng = np.random.default_rng(0)
    series = rng.normal(size=(6, steps, channels))
    series = (series - series.mean(1, keepdims=True)) / series.std(1, keepdims=True)
    model = RandomConvolutions(seed=3, kernels=40, scaling="series").fit(series)
    found, at = model.transform(series), 0
    assert found.shape == (6, 80)
    for group in model._groups:
        kernels = len(group.biases_K)
        for k in range(kernels):
            weights = group.weights_KCN[k]
            spread = np.zeros((channels, group.reach + 1))
            spread[:, :: group.dilation] = weights
            for row, one in enumerate(series):
                edge = group.reach // 2 if group.padded else 0
                wide = np.pad(one, ((edge, edge), (0, 0)))
                sums = [np.convolve(wide[:, c], spread[c, ::-1], "valid") for c in range(channels)]
                output = np.sum(sums, axis=0) + group.biases_K[k]
                assert len(output) == (steps if group.padded else steps - group.reach)
                assert found[row, at + k] == pytest.approx((output > 0).mean())
                assert found[row, at + kernels + k] == pytest.approx(output.max())
        at += 2 * kernels


def test_kernels_are_those_of_the_paper() -> None:
    model = RandomConvolutions(seed=0, kernels=600).fit([np.zeros((300, 4))])
    lengths = [group.reach // group.dilation + 1 for group in model._groups]
    assert set(lengths) == {7, 9, 11}
    assert max(group.reach for group in model._groups) > 250
    assert {group.padded for group in model._groups} == {True, False}
    for group, length in zip(model._groups, lengths, strict=True):
        assert group.weights_KCN.shape[1:] == (4, length)
        np.testing.assert_allclose(group.weights_KCN.sum(2), 0, atol=1e-12)
        assert (np.abs(group.biases_K) <= 1).all()
    channels = np.concatenate([(group.weights_KCN != 0).any(2).sum(1) for group in model._groups])
    assert set(channels.tolist()) == {1, 2, 3, 4}


def test_convolutions_with_a_ridge_find_the_class_of_a_series() -> None:
    """The class is a frequency; phases and lengths differ."""
    rng = np.random.default_rng(0)
    labels = np.arange(90) % 3
    series = [
        np.sin((label + 2) * 0.25 * np.arange(rng.integers(70, 90)) + rng.uniform(0, 6)) + rng.normal()
        for label in labels
    ]
    model = RandomConvolutions(kernels=100).fit(series[:60])
    classifier = RidgeClassifier().fit(model.transform(series[:60]), labels[:60], 3)
    assert (classifier.predict(model.transform(series[60:])) == labels[60:]).mean() > 0.9
    again = RandomConvolutions(kernels=100).fit(series[:60])
    np.testing.assert_array_equal(again.transform(series[60:]), model.transform(series[60:]))
    other = RandomConvolutions(seed=1, kernels=100).fit(series[:60])
    assert not np.allclose(other.transform(series[60:]), model.transform(series[60:]))


def test_convolutions_of_levels() -> None:
    series = [np.full(30, level) for level in (1.0, 1.1, 5.0, 5.1)]
    differ = {}
    for scaling in ("series", "training", None):
        found = RandomConvolutions(kernels=10, scaling=scaling).fit(series).transform(series)
        assert found.shape == (4, 20)
        differ[scaling] = int((np.ptp(found, axis=0) > 0).sum())
    assert differ["series"] == 0
    assert 0 < differ[None] < differ["training"]
    with pytest.raises(ConfigError, match=r"Received: 'none'$"):
        RandomConvolutions(scaling="none").fit(series)  # type: ignore[arg-type]


@pytest.mark.parametrize("train", [[[1.0, 2.0]], [[]], [[NAN] * 20], [[3.0] * 30, []]])
def test_unusual_series(train: list[list[float]]) -> None:
    model = RandomConvolutions(kernels=20).fit(train)
    assert np.isfinite(model.transform([*train, [1.0, NAN, 2.0], [], [7.0] * 50])).all()
    assert model.transform([]).shape == (0, 40)


def test_unusable_arguments() -> None:
    with pytest.raises(ConfigError, match=r"Received: kernels=0, most_steps=1024$"):
        RandomConvolutions(kernels=0)
    with pytest.raises(ConfigError, match=r"Received: convolutions without kernels$"):
        RandomConvolutions().transform([[1.0]])
    with pytest.raises(DataError, match=r"Received: none$"):
        RandomConvolutions().fit([])
    with pytest.raises(ShapeError, match=r"of 1 channels\. Received: 2$"):
        RandomConvolutions(kernels=1).fit([[1.0]]).transform([np.zeros((4, 2))])
    with pytest.raises(DataError, match=r"Received: none$"):
        summary_features([])


@pytest.mark.parametrize("channels", [1, 3])
def test_convolutions_are_made_again_from_their_state(channels: int) -> None:
    draw = np.random.default_rng(0)
    train, others = ([draw.normal(5, 2, size=(steps, channels)) for steps in (30, 12, 25)] for _ in range(2))
    convolutions = RandomConvolutions(kernels=40).fit(train)
    state = convolutions.state()
    again = RandomConvolutions.from_state(state)
    np.testing.assert_array_equal(again.transform(others), convolutions.transform(others))
    assert state.weights_KCL.shape == (40, channels, 11)
    rounded = RandomConvolutions.from_state(type(state)(*(each.astype("float32") for each in state)))
    np.testing.assert_allclose(rounded.transform(others), convolutions.transform(others), atol=0.1)
    assert summary_features(train).shape[1] == summary_size(channels)


def test_only_fitted_convolutions_have_a_state() -> None:
    with pytest.raises(ConfigError, match="Received: convolutions without kernels"):
        RandomConvolutions().state()
    with pytest.raises(ConfigError, match="Received: scaling=series"):
        RandomConvolutions(scaling="series").fit([[1.0, 2.0]]).state()
