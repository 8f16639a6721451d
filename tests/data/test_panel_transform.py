"""Transforms: undone exactly, and found as scipy and scikit-learn find them."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from sklearn import preprocessing

from elman.data.panel import Transform, TransformConfig, fit_transforms
from elman.errors import ArtifactError, ConfigError, DataError, ShapeError
from elman.options import fill


def series(seed: int = 0, steps: int = 60, variables: int = 2, spread: float = 0.5) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return np.exp(3 + np.cumsum(rng.normal(scale=spread / 5, size=(steps, variables)), axis=0))


def fitted(y: np.ndarray, season: int = 1, **options: object) -> Transform:
    return fit_transforms([y], fill(TransformConfig, options), season=season)[0]


@settings(max_examples=150, deadline=None)
@given(
    kind=st.sampled_from(["none", "log", "log1p", "box-cox"]),
    difference=st.integers(0, 2),
    seasonal=st.integers(0, 1),
    period=st.integers(2, 13),
    scaling=st.sampled_from(["none", "standard", "min-max", "mean", "robust"]),
    cut=st.integers(1, 30),
    seed=st.integers(0, 1000),
)
def test_the_way_back_is_exact(
    kind: str, difference: int, seasonal: int, period: int, scaling: str, cut: int, seed: int
) -> None:
    y = series(seed)
    chain = fitted(y, period, transform=kind, difference=difference, seasonal_difference=seasonal, scaling=scaling)
    assert chain.lost == difference + seasonal * period
    z = chain.forward(y)
    assert len(z) == len(y) - chain.lost
    begin = chain.lost + cut - 1
    back = chain.inverse(z[cut - 1 :], y[:begin])
    np.testing.assert_allclose(back, y[begin:], rtol=1e-9)
    # Sample paths are undone one by one, and what was stored is what is opened.
    paths = np.stack([z[cut - 1 :], z[cut - 1 :] * 0.5])
    opened = Transform.from_json(json.loads(json.dumps(chain.to_json())))
    both = opened.inverse(paths, y[:begin])
    np.testing.assert_array_equal(both[0], back)
    np.testing.assert_array_equal(both[1], chain.inverse(paths[1], y[:begin]))


def test_differences_by_hand() -> None:
    y = np.array([[1.0], [2.0], [4.0], [7.0], [11.0], [20.0]])
    chain = fitted(y, difference=1, seasonal_difference=1, seasonal_period=2, scaling="none")
    # y[t] - y[t-2]: 3, 5, 7, 13; and of those 2, 2, 6.
    assert chain.forward(y).ravel().tolist() == [2, 2, 6]
    assert chain.inverse(np.array([[0.0], [0.0], [0.0]]), y).ravel().tolist() == [24, 33, 37]


@pytest.mark.parametrize(
    ("scaling", "judge"),
    [
        ("standard", preprocessing.StandardScaler()),
        ("min-max", preprocessing.MinMaxScaler()),
        ("robust", preprocessing.RobustScaler()),
    ],
)
def test_scales_agree_with_scikit_learn(scaling: str, judge: preprocessing.StandardScaler) -> None:
    y = series(3, 41)
    np.testing.assert_allclose(fitted(y, scaling=scaling).forward(y), judge.fit_transform(y), atol=1e-12)
    holes = y.copy()
    holes[[4, 9], 0] = np.nan
    found = fitted(holes, scaling=scaling).forward(holes)
    np.testing.assert_allclose(found, judge.fit_transform(holes), atol=1e-12)


def test_the_mean_scale_is_of_sizes() -> None:
    y = np.array([[-1.0], [3.0]])
    assert fitted(y, scaling="mean").forward(y).ravel().tolist() == [-0.5, 1.5]


@pytest.mark.parametrize("seed", range(6))
def test_the_power_is_scipys(seed: int) -> None:
    rng = np.random.default_rng(seed)
    power = [0.0, 0.3, 0.7, 1.0, 1.4, 1.8][seed]
    normal = rng.normal(loc=3.0, scale=0.4, size=300)
    y = np.exp(normal) if power == 0 else (power * normal + 1) ** (1 / power)
    expected = stats.boxcox_normmax(y, method="mle", brack=(0, 2))
    found = fitted(y[:, None], transform="box-cox", scaling="none")
    assert found.power[0] == pytest.approx(np.clip(expected, 0, 2), abs=2e-3)
    lam = found.power[0]
    expected_values = stats.boxcox(y / stats.gmean(y), lam)
    np.testing.assert_allclose(found.forward(y[:, None]).ravel(), expected_values, rtol=1e-9, atol=1e-12)


def test_series_of_many_lengths_are_fitted_as_if_alone() -> None:
    many = [series(seed, steps) for seed, steps in enumerate((20, 33, 33, 64, 100, 21))]
    many[2][5, 1] = np.nan
    options = {"transform": "box-cox", "difference": 1, "seasonal_difference": 1, "scaling": "robust"}
    config = fill(TransformConfig, options)
    together = fit_transforms(many, config, season=4)
    for values, chain in zip(many, together, strict=True):
        alone = fit_transforms([values], config, season=4)[0]
        for name in ("power", "centre", "offset", "scale"):
            np.testing.assert_allclose(getattr(chain, name), getattr(alone, name), rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize("scaling", ["standard", "min-max", "mean", "robust"])
@pytest.mark.parametrize("level", [0.0, 0.1, 1e6 + 0.1])
def test_a_constant_series_is_safe(scaling: str, level: float) -> None:
    y = np.full((30, 1), level)
    chain = fitted(y, scaling=scaling)
    z = chain.forward(y)
    assert np.isfinite(z).all()
    assert np.abs(z).max() <= 1 + 1e-9
    np.testing.assert_allclose(chain.inverse(z, y), y, rtol=1e-12)
    rounded = np.where(np.arange(30)[:, None] % 2, np.nextafter(level, np.inf), level)
    expected = level if scaling == "mean" and level else 1.0
    assert fitted(rounded, scaling=scaling).scale == pytest.approx(expected)
    line = level + 0.1 * np.arange(30.0)[:, None]
    assert fitted(line, scaling=scaling, difference=1).scale == pytest.approx(0.1 if scaling == "mean" else 1.0)
    if level:
        boxed = fitted(y, transform="box-cox", scaling=scaling)
        np.testing.assert_allclose(boxed.inverse(boxed.forward(y), y), y, rtol=1e-9)


def test_far_forecasts_stay_finite() -> None:
    y = series()
    for kind in ("log", "log1p", "box-cox"):
        chain = fitted(y, transform=kind)
        far = chain.inverse(np.array([[-1e5, -1e5], [1e5, 1e5]]), y)
        assert np.isfinite(far).all()
        assert (far[0] >= (-1 if kind == "log1p" else 0)).all()
        assert (far[1] > y.max()).all()
    power = fitted(np.arange(1.0, 60.0)[:, None], transform="box-cox")
    assert power.power > 0.3
    assert power.inverse(np.array([[-1e5]]), y[:, :1]) == 0


@pytest.mark.parametrize(("kind", "value"), [("log", 0.0), ("log", -3.0), ("box-cox", 0.0), ("log1p", -1.0)])
def test_values_without_a_logarithm_are_named(kind: str, value: float) -> None:
    bad = series()
    bad[7, 1] = value
    message = rf"the series 'b': expected values above .* transform {kind}\. Received: {value:g}"
    with pytest.raises(DataError, match=message):
        fit_transforms([series(), bad], fill(TransformConfig, {"transform": kind}), ids=["a", "b"])
    with pytest.raises(DataError, match=r"the series: expected values above"):
        fitted(series(), transform=kind).forward(bad)


def test_bad_use_is_refused() -> None:
    y = series()
    with pytest.raises(DataError, match=r"the series 'a': expected more than 2 steps .* Received: 2"):
        fit_transforms([y[:2]], fill(TransformConfig, {"difference": 2}), ids=["a"])
    with pytest.raises(ConfigError, match=r"seasonal_period of at least 2 .* Received: a season of 1"):
        fitted(y, seasonal_difference=1)
    holes = np.full((20, 1), np.nan)
    holes[::2] = 1.0
    with pytest.raises(DataError, match=r"the series 1: expected values for every variable"):
        fitted(holes, difference=1)
    for options in ({}, {"scaling": "mean"}, {"scaling": "min-max"}, {"difference": 1}):
        with pytest.raises(DataError, match=r"the series 1: expected values small enough to be scaled. Received: 1e"):
            fitted(np.array([[1e308], [-1e308], [1e308], [1.0]]), **options)
    chain = fitted(y, 12, difference=1, seasonal_difference=1)
    z = chain.forward(y)
    with pytest.raises(DataError, match=r"expected more than 13 steps .* Received: 13"):
        chain.forward(y[:13])
    with pytest.raises(DataError, match=r"last 13 steps have values.* Received: 12 steps"):
        chain.inverse(z, y[:12])
    gone = y.copy()
    gone[-3, 0] = np.nan
    with pytest.raises(DataError, match=r"Received: a missing value"):
        chain.inverse(z, gone)
    with pytest.raises(ShapeError, match=r"z_NY: expected 2 variables"):
        chain.inverse(z[:, :1], y)
    with pytest.raises(ShapeError, match=r"y_TY: expected 2 variables"):
        chain.forward(y[0])


@pytest.mark.parametrize(
    "change",
    [
        {"kind": "sqrt"},
        {"difference": 3},
        {"seasonal": 1, "period": 0},
        {"scale": [0.0, 1.0]},
        {"scale": [1.0]},
        {"offset": ["1", 2.0]},
        {"power": [-1.0, 1.0]},
        {"centre": [float("nan"), 1.0]},
        {"period": True},
        {"x": 1},
    ],
)
def test_a_stored_transform_is_checked(change: dict[str, object]) -> None:
    with pytest.raises(ArtifactError, match="expected the transform of a series"):
        Transform.from_json({**fitted(series()).to_json(), **change})
