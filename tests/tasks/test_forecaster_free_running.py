"""Free running against one step at a time by hand; samples, members, transforms undone, covariates ahead."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from elman import Forecaster
from elman.errors import ConfigError, DataError

from .small_series import fitted, long_frame, wave

MEAN = {"distribution": "point", "context": 40, "valid_steps": 4}


def forecast(model: Forecaster, values: Any, horizon: int, **options: Any) -> np.ndarray:
    return model.forecast(values, horizon, **options).mean[0, :, 0]


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"cell": "lstm", "dilations": (1, 3), "layers": 2},
        {"resolutions": (5,), "residual_to_last": False},
        {"transform": "log", "difference": 1},
        {"seasonal_difference": 1, "seasonal_period": 6, "scaling": "min-max"},
    ],
)
def test_a_prediction_goes_back_in_as_if_it_had_been_seen(options: dict[str, Any]) -> None:
    values = wave(46)
    model = fitted(values, **MEAN | options)
    along, history = forecast(model, values[:30], 5), list(values[:30])
    for step in range(5):
        value = forecast(model, np.array(history), 1)[0]
        assert along[step] == pytest.approx(value, abs=2e-3)
        history.append(value)


def test_blocks_of_a_direct_network_follow_each_other() -> None:
    values = wave(46)
    model = fitted(values, **MEAN | {"mode": "direct", "context": 10})
    along = forecast(model, values, 8)
    history = values
    for first in range(0, 8, 3):
        block = forecast(model, history, 3)
        np.testing.assert_allclose(along[first : first + 3], block[: 8 - first], atol=2e-3)
        history = np.append(history, block)


@pytest.mark.parametrize("mode", ["next", "direct"])
def test_series_of_unlike_lengths_do_not_mix(mode: str) -> None:
    frame = long_frame({"a": 30, "b": 5, "c": 17})
    model = fitted(frame, mode=mode, distribution="point", valid_steps=1)
    together = model.forecast(frame, 7).mean
    for number, name in enumerate("abc"):
        alone = model.forecast(frame[frame["unique_id"] == name], 7).mean
        np.testing.assert_allclose(together[number], alone[0], atol=1e-4)


@pytest.mark.parametrize("distribution", ["student-t", "gaussian", "quantiles"])
@pytest.mark.parametrize("mode", ["next", "direct"])
@pytest.mark.parametrize("calibrate", [False, True])
def test_intervals_lie_within_each_other_around_the_middle(distribution: str, mode: str, calibrate: bool) -> None:
    options = {"distribution": distribution, "mode": mode, "transform": "log", "calibrate": calibrate}
    model = fitted(long_frame({"a": 30, "b": 20}), **options)
    found = model.forecast(horizon=6, levels=(50, 90), samples=200)
    (low50, high50), (low90, high90) = found.intervals[50], found.intervals[90]
    assert found.samples.shape == (2, 200, 6, 1)
    assert (low90 <= low50).all()
    assert (low50 <= found.mean).all()
    assert (found.mean <= high50).all()
    assert (high50 <= high90).all()
    # The middle of two corrected paths in a logarithm is not that of their values.
    np.testing.assert_allclose(np.median(found.samples, 1), found.mean, rtol=1e-4 if calibrate else 1e-7)
    assert (found.samples > 0).all(), "samples of a logarithmic transform are positive"


def test_intervals_of_one_step_are_those_of_the_distribution() -> None:
    model = fitted(wave(40), transform="log")
    exact = model.forecast(horizon=1, levels=(80,))
    drawn = model.forecast(horizon=1, levels=(80,), samples=20_000)
    for one, other in zip([exact.mean, *exact.intervals[80]], [drawn.mean, *drawn.intervals[80]], strict=True):
        np.testing.assert_allclose(one, other, rtol=0.02)


def test_paths_hang_on_the_seed_alone() -> None:
    model = fitted(wave(40), members=2)
    paths = [model.forecast(horizon=4, samples=6, seed=seed).samples for seed in (1, 1, 2)]
    assert np.array_equal(paths[0], paths[1])
    assert not np.allclose(paths[0], paths[2])
    assert len(np.unique(paths[0][0, :, 0, 0])) == 6
    one, few = (model.forecast(horizon=4, samples=count).mean for count in (0, 3))
    assert np.array_equal(one, few), "how many paths are shown changes no forecast"


@pytest.mark.parametrize(
    ("options", "asked"),
    [
        ({"members": 2}, {"horizon": 4}),
        ({"members": 3}, {"horizon": 4, "samples": 1}),
        ({"mode": "direct"}, {"horizon": 7}),
        ({"mode": "direct"}, {"horizon": 2}),
    ],
)
def test_progress_rises_to_the_end(options: dict[str, Any], asked: dict[str, Any]) -> None:
    shares: list[float] = []
    fitted(wave(40), **options).forecast(**asked, progress=lambda stage, share: shares.append(share))
    assert shares == sorted(shares)
    assert 0 < shares[0] <= shares[-1] == 1


def test_members_are_averaged() -> None:
    model = fitted(wave(40), members=3, distribution="point")
    joint = model.forecast(horizon=1).mean
    alone = []
    layers = model.network.layers
    for member in list(layers):
        model.network.layers = type(layers)([member])
        alone.append(model.forecast(horizon=1).mean)
    np.testing.assert_allclose(np.mean(alone, 0), joint, atol=1e-4)


def test_the_median_or_the_mean_stands_for_a_distribution() -> None:
    model = fitted(wave(40), transform="log", point="mean", calibrate=False)
    found = model.forecast(horizon=2, samples=250)
    np.testing.assert_allclose(found.mean, found.samples.mean(1))
    assert np.isfinite(model.forecast(horizon=2, samples=2).mean).all()
    assert np.isfinite(model.forecast(horizon=1).mean).all()


@pytest.mark.parametrize("mode", ["next", "direct"])
def test_known_ahead_covariates_are_used_and_must_reach(mode: str) -> None:
    frame = long_frame({"a": 34, "b": 34}, price=lambda number, step: np.sin(step + number))
    frame.loc[frame.groupby("unique_id").cumcount() >= 30, "y"] = np.nan
    options = {"mode": mode, "distribution": "point", "future_covariates": ("price",), "max_steps": 10}
    model = fitted(frame, **options)
    one = model.forecast(frame, 4).mean
    for step in range(3):
        other = frame.copy()
        later = other.groupby("unique_id").cumcount() > 30 + step
        other.loc[later, "price"] += 3
        two = model.forecast(other, 4).mean
        if mode == "next":
            np.testing.assert_allclose(one[:, : step + 1], two[:, : step + 1], atol=1e-5)
        assert not np.allclose(one, two)
    with pytest.raises(DataError, match=r"'a': expected price for all 5 steps ahead .* Received: 4 steps"):
        model.forecast(frame, 5)
    known = frame[frame["y"].notna()]
    with pytest.raises(DataError, match="Received: 0 steps"):
        model.forecast(known, 4)
    ahead = frame[frame["y"].isna()][["unique_id", "ds", "price"]]
    np.testing.assert_allclose(model.forecast(known, 4, future=ahead).mean, one, atol=1e-5)
    np.testing.assert_allclose(model.forecast(horizon=4).mean, one, atol=1e-4)


def test_past_covariates_reach_as_far_as_they_are_known() -> None:
    frame = long_frame({"a": 34}, rain=lambda number, step: np.cos(step + number))
    model = fitted(frame, past_covariates=("rain",), distribution="point", max_steps=10)
    other = frame.copy()
    other.loc[33, "rain"] += 5
    assert not np.allclose(model.forecast(frame, 1).mean, model.forecast(other, 1).mean)
    with pytest.raises(ConfigError, match=r"at most 1 with past_covariates.*mode=direct.*Received: 2"):
        model.forecast(frame, 2)
    direct = fitted(frame, past_covariates=("rain",), mode="direct")
    assert direct.forecast(frame, 3).mean.shape == (1, 3, 1)
    with pytest.raises(ConfigError, match="at most 3 with past_covariates"):
        direct.forecast(frame, 4)


def test_counts_are_drawn_as_counts() -> None:
    rates = np.random.default_rng(0).poisson(6, size=(60,)).astype(float)
    options = {"distribution": "negative-binomial", "scaling": "none", "residual_to_last": False, "autoregression": 0}
    model = fitted(rates, **options)
    found = model.forecast(horizon=5, samples=30)
    assert np.array_equal(found.samples, np.floor(found.samples))
    assert (found.samples >= 0).all()
    with pytest.raises(DataError, match=r"expected counts .* Received: 1\.5"):
        fitted(np.append(rates, 1.5), **options)
    with pytest.raises(ConfigError, match="no differences with counts"):
        fitted(rates, **options | {"scaling": "standard"})


def test_several_variables_and_static_features() -> None:
    frame = long_frame(
        {"a": 30, "b": 30}, other=lambda number, step: step + number, size=lambda number, _: ["big", "small"][number]
    )
    options = {"target_columns": ("y", "other"), "static_columns": ("size",), "layout": "long"}
    model = fitted(frame, **options)
    found = model.forecast(horizon=4)
    assert found.mean.shape == (2, 4, 2)
    assert found.names == ("y", "other")
    frame["size"] = "small"
    assert not np.allclose(model.forecast(frame, 4).mean[0], found.mean[0])


def test_what_grows_without_bound_is_an_error() -> None:
    model = fitted(
        wave(40), distribution="point", autoregression=2, least_squares=False, residual_to_last=False, max_steps=1
    )
    import torch

    with torch.no_grad():
        model.network.members[0].lag_weight.fill_(40.0)
    with pytest.raises(DataError, match="expected a forecast that stays finite"):
        model.forecast(horizon=400)


def test_times_go_on(tmp_path: Any) -> None:
    frame = pd.DataFrame({"ds": pd.date_range("2024-01-29", periods=20, freq="B"), "y": wave(20)})
    found = fitted(frame, valid_steps=2).forecast(horizon=3)
    assert [str(time)[:10] for time in found.times()] == ["2024-02-26", "2024-02-27", "2024-02-28"]
