"""Intervals of a forecaster hold what their level says: on made data, after training and after a planted fault."""

from __future__ import annotations

import dataclasses
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

import elman
from elman import Forecaster
from elman.errors import ArtifactError
from elman.tasks.average import average_folders
from elman.tasks.forecaster.calibration import calibrate_intervals

from .small_series import OPTIONS, fitted, long_frame, wave

Doubles = npt.NDArray[np.float64]

LEARNS: dict[str, Any] = {"hidden_size": 8, "context": 24, "horizon": 6, "autoregression": 12, "max_steps": 120}
AHEAD = 6


def walk(steps: int, rng: np.random.Generator) -> Doubles:
    """A Gaussian random walk."""
    return 100 + rng.normal(size=steps).cumsum()


def autoregressive(steps: int, rng: np.random.Generator) -> Doubles:
    """A series that returns to its mean."""
    values = np.zeros(steps)
    for step in range(1, steps):
        values[step] = 0.7 * values[step - 1] + rng.normal()
    return 10 + values


def seasonal(steps: int, rng: np.random.Generator) -> Doubles:
    """A yearly wave with noise."""
    return 50 + 5 * np.sin(2 * np.pi * np.arange(steps) / 12) + rng.normal(size=steps)


def heteroscedastic(steps: int, rng: np.random.Generator) -> Doubles:
    """A yearly wave with more noise in one half of the year."""
    wave = np.sin(2 * np.pi * np.arange(steps) / 12)
    return 20 + 3 * wave + rng.normal(size=steps) * np.where(wave > 0, 2, 0.5)


def multiplicative(steps: int, rng: np.random.Generator) -> Doubles:
    """A rising series whose season and noise grow with its level."""
    trend = np.cumsum(0.008 + 0.015 * rng.normal(size=steps))
    return np.exp(4 + trend + 0.15 * np.sin(2 * np.pi * np.arange(steps) / 12))


def panel(steps: int, rng: np.random.Generator) -> dict[str, Doubles]:
    """30 series of very different scales and noise."""
    return {f"s{k}": 10.0 ** (k % 4) * (10 + (0.3 + 0.1 * (k % 5)) * seasonal(steps, rng)) for k in range(30)}


MADE: dict[str, tuple[Callable[[int, np.random.Generator], Any], dict[str, Any]]] = {
    "walk": (walk, {}),
    "autoregressive": (autoregressive, {}),
    "seasonal": (seasonal, {}),
    "heteroscedastic": (heteroscedastic, {}),
    "multiplicative": (multiplicative, {"transform": "log"}),
    "panel": (panel, {}),
}


def first(data: Any, steps: int) -> Any:
    """The first steps of the series."""
    return {name: values[:steps] for name, values in data.items()} if isinstance(data, dict) else data[:steps]


def narrowed(model: Forecaster, factor: float) -> Forecaster:
    """Plant a fault: the network's distributions are narrower by a factor."""
    for member in model.network.members:
        right = member.head.link

        def link(raw: Any, right: Any = right) -> Any:
            parameters = right(raw)
            if model.config.network.distribution == "quantiles":
                middle = parameters[..., parameters.shape[-1] // 2, None]
                return middle + factor * (parameters - middle)
            parameters[..., 1] *= factor
            return parameters

        member.head.link = link  # type: ignore[method-assign]
    return model


def calibrated(model: Forecaster, data: Any) -> Forecaster:
    """Calibrate a model again, on the data that it was trained on."""
    read = model.read(data)
    begin = np.array([length - max(int(0.1 * length), model.config.window.valid_steps) for length in read.lengths])
    correction, _ = calibrate_intervals(model.network, read, model.known.transforms_of(read), begin, most=60)
    model._vocabulary = dataclasses.replace(model.known, correction=correction)
    return model


def coverage(model: Forecaster, data: Any, origins: int = 60) -> float:
    """The share of the values inside the 80 % intervals, from many origins after the training data."""
    return model.backtest(data, AHEAD, origins=origins, step=1, levels=(80,), paths=60).coverage[80]


SLOW = [pytest.param(name, marks=pytest.mark.slow) for name in MADE if name != "walk"]


@pytest.mark.parametrize("name", ["walk", *SLOW])
def test_narrow_intervals_are_widened_to_their_level(name: str) -> None:
    make, options = MADE[name]
    steps, origins, rng = (
        (240, 10, np.random.default_rng(0)) if name == "panel" else (300, 40, np.random.default_rng(1))
    )
    data = make(steps + origins + AHEAD, rng)
    if name != "panel":
        data = {"a": data, "b": make(len(data), rng), "c": make(len(data), rng)}
    model = narrowed(fitted(first(data, steps), **LEARNS, **options, calibrate=False), 0.2)
    assert model.known.correction is None
    before = coverage(model, data, origins)
    assert before < 0.45
    assert 0.7 <= coverage(calibrated(model, first(data, steps)), data, origins) <= 0.92


@pytest.mark.slow
@pytest.mark.parametrize(
    "options",
    [
        {"mode": "direct"},
        {"mode": "direct", "distribution": "quantiles", "levels": (0.1, 0.5, 0.9)},
        {"distribution": "gaussian", "members": 2, "point": "mean"},
        {"distribution": "gaussian", "difference": 1, "residual_to_last": False},
    ],
)
def test_narrow_intervals_of_every_kind_of_network(options: dict[str, Any]) -> None:
    data = walk(500 + 60 + AHEAD, np.random.default_rng(1))
    model = narrowed(fitted(data[:500], **LEARNS, **options, calibrate=False), 0.2)
    assert coverage(model, data) < 0.45
    assert 0.68 <= coverage(calibrated(model, data[:500]), data) <= 0.93


def test_a_run_calibrates_and_the_folder_keeps_it(tmp_path: Path) -> None:
    data = long_frame({"a": 90, "b": 80})
    plain = fitted(data, calibrate=False)
    model = fitted(data)
    assert plain.known.correction is None
    assert "calibration" not in plain.metrics
    correction = model.known.correction
    assert correction is not None
    figures = model.metrics["calibration"]
    assert figures["origins"] > 10
    assert set(figures) == {"origins", *(f"coverage_{level}{part}" for level in (80, 95) for part in ("", "_before"))}
    model.save(tmp_path / "model")
    again = elman.load(tmp_path / "model")
    one, two = (each.forecast(levels=(50, 80, 95), samples=30) for each in (model, again))
    assert one.to_json() == two.to_json()
    assert np.array_equal(one.samples, two.samples)
    # The point forecast is that of the network, and the intervals are those of the factors.
    without = plain.forecast(levels=(50, 80, 95), samples=30)
    assert np.array_equal(one.mean, without.mean)
    assert not np.array_equal(one.intervals[80][0], without.intervals[80][0])
    own = correction.of_series(["a", "b"], 1)[:, None]
    factors = correction.at((80,), 3)[0, :, :1]
    distance = without.mean - without.intervals[80][0]
    assert one.mean - one.intervals[80][0] == pytest.approx(own * factors * distance, rel=0.05)


def test_samples_have_the_spread_of_the_intervals() -> None:
    data = wave(90)
    model = narrowed(fitted(data, calibrate=False), 0.2)
    before = model.forecast(levels=(80,), samples=400)
    after = calibrated(model, data).forecast(levels=(80,), samples=400)
    for found in (before, after):
        low, high = np.quantile(found.samples[0], (0.1, 0.9), axis=0)
        assert found.intervals[80][0][0] == pytest.approx(low, rel=1e-6)
        assert found.intervals[80][1][0] == pytest.approx(high, rel=1e-6)
    assert after.samples.std(1).mean() > 2 * before.samples.std(1).mean()
    assert model.create(5, random=3).shape == (5,)


def test_a_level_does_not_depend_on_the_others() -> None:
    model = fitted(wave(90))
    alone, both = model.forecast(levels=(80,)), model.forecast(levels=(50, 80, 99))
    assert np.array_equal(alone.intervals[80][0], both.intervals[80][0])
    direct = fitted(wave(90), mode="direct", distribution="quantiles")
    alone, both = direct.forecast(levels=(80,)), direct.forecast(levels=(50, 80, 99))
    assert np.array_equal(alone.intervals[80][0], both.intervals[80][0])
    assert (both.intervals[99][1] >= both.intervals[80][1]).all()


def test_horizons_after_the_validation_part() -> None:
    model = fitted(wave(40))  # 4 steps are held out
    found = model.forecast(horizon=30, levels=(80,))
    widths = (found.intervals[80][1] - found.intervals[80][0])[0, :, 0]
    assert np.isfinite(widths).all()
    assert widths[20:].mean() > 0.5 * widths[:5].mean()


def test_nothing_held_out_gives_wide_intervals_and_a_remark(caplog: pytest.LogCaptureFixture) -> None:
    data = 50 + 10 * np.random.default_rng(0).normal(size=60)
    with caplog.at_level(logging.WARNING, logger="elman.tasks"):
        model = fitted(data, valid_share=0.0)
    assert "no steps are held out for validation" in caplog.text
    assert (model.known.correction.factors >= 1).all()
    assert "calibration" not in model.metrics
    found = model.forecast(horizon=3, levels=(80,))
    widths = found.intervals[80][1] - found.intervals[80][0]
    assert widths.min() > 2 * 1.28 * 10, "the changes from step to step have a standard deviation of 14"
    caplog.clear()
    with caplog.at_level(logging.WARNING, logger="elman.tasks"):
        assert fitted(data, valid_share=0.0, calibrate=False).known.correction is None
        assert fitted(data, valid_share=0.0, distribution="point").known.correction is None
    assert caplog.text == ""


@pytest.mark.parametrize(
    ("columns", "options"),
    [
        ({"price": lambda number, time: time % 5 + number}, {"future_covariates": ("price",)}),
        ({"price": lambda number, time: time % 5 + number}, {"past_covariates": ("price",)}),
        ({}, {"difference": 1, "seasonal_difference": 1, "residual_to_last": False}),
        ({}, {"transform": "box-cox", "distribution": "quantiles"}),
        ({}, {"carry": True}),
    ],
)
def test_every_kind_of_data_is_calibrated(columns: dict[str, Any], options: dict[str, Any]) -> None:
    known: dict[str, Any] = {"horizon": 1} if "past_covariates" in options else {}
    model = fitted(long_frame({"a": 60, "b": 50}, **columns), **options, **known)
    assert model.known.correction is not None
    assert model.metrics["calibration"]["origins"] >= 5


def test_counts_and_missing_values() -> None:
    counts = np.random.default_rng(0).poisson(2, 80).astype(float)
    options: dict[str, Any] = {"scaling": "none", "residual_to_last": False, "autoregression": 0}
    model = fitted(counts, distribution="negative-binomial", **options)
    found = model.forecast(levels=(80,), samples=20)
    for values in (*found.intervals[80], found.samples):
        assert (values >= 0).all()
    assert np.array_equal(found.samples, np.rint(found.samples))
    gaps = wave(80)
    gaps[[20, 74, 76]] = np.nan
    assert fitted(gaps, missing="mask").metrics["calibration"]["origins"] == 8
    differences = fitted(gaps, missing="mask", difference=1, residual_to_last=False)
    assert differences.metrics["calibration"]["origins"] == 6, "differences cannot be undone after a missing value"


def test_calibration_is_a_small_part_of_a_run(monkeypatch: pytest.MonkeyPatch) -> None:
    """The number of origins depends on the work of training, and on nothing that differs between two runs."""
    asked = []

    def counted(*parts: Any, most: int) -> Any:
        asked.append(most)
        return calibrate_intervals(*parts, most=most)

    monkeypatch.setattr("elman.tasks.forecaster.setup.calibrate_intervals", counted)
    data = wave(800)
    few = fitted(data, max_steps=1)
    again = fitted(data, max_steps=1)
    assert asked == [60, 60]
    assert few.known.correction.to_json() == again.known.correction.to_json()
    assert few.metrics["calibration"]["origins"] == 60
    fitted(data, max_steps=60, mode="direct")
    assert asked[-1] == int(0.03 * 60 * 32 * 8 * 10 / (8 + 20 * 3))


@pytest.mark.parametrize("name", ["steps", "levels", "factors", "growth", "series"])
def test_broken_corrections_are_refused(name: str, tmp_path: Path) -> None:
    model = fitted(wave(60), max_steps=1)
    values = model.known.to_json()
    for wrong in (None, "x", -1, [], [[1.0], [2.0]]):
        values["intervals"] = model.known.correction.to_json() | {name: wrong}
        with pytest.raises(ArtifactError, match=r"expected the series of a forecaster"):
            model.setup_class.vocabulary_from(values, model.config, "here")


def test_models_without_a_correction_are_as_before() -> None:
    values = fitted(wave(60), calibrate=False, max_steps=1).known.to_json()
    assert "intervals" not in values
    assert OPTIONS["horizon"] == 3


def test_models_with_other_corrections_can_be_averaged(tmp_path: Path) -> None:
    """A correction belongs to the weights that it was determined for: the average of other weights has none."""
    for seed in (1, 2):
        fitted(wave(60), seed=1, max_steps=2 * seed).save(tmp_path / f"{seed}")
    assert average_folders([tmp_path / "1", tmp_path / "1"]).known.correction is not None
    averaged = average_folders([tmp_path / "1", tmp_path / "2"])
    assert averaged.known.correction is None
    assert averaged.forecast(levels=(80,)).intervals
