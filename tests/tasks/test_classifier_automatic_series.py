"""The options that a classifier of series chooses by its data."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest

from elman import Classifier
from elman.data.examples.base import Examples
from elman.options import AUTO
from elman.tasks.classifier.automatic_series import SeriesCounts, count_series, series_options
from elman.tasks.classifier.config import ClassifierConfig

from .labelled import series

FEW = SeriesCounts(
    series=50,
    validation=5,
    shortest=150,
    mean=150.0,
    longest=150,
    channels=1,
    classes=2,
    smallest_class=24,
    level_share=0.0,
    level_spread=0.0,
    size_spread=0.0,
    bounded=False,
)


def options(**changes: Any) -> dict[str, Any]:
    found = series_options(dataclasses.replace(FEW, **changes))
    ClassifierConfig.make("base", found)
    return found


def counted(X: Any, y: Any, *, regression: bool = False) -> SeriesCounts:
    labels = [str(label) for label in y]
    return count_series(Examples("series", list(X), labels, [""] * len(X), ("",)), regression=regression)


def test_few_series_are_augmented_and_have_linear_models() -> None:
    found = options()
    assert found["linear"] == "both"
    assert found["noise"] > 0
    assert found["time_warp"] > 0
    assert found["label_smoothing"] > 0
    assert "label_smoothing" not in options(classes=0)


@pytest.mark.parametrize(
    ("most", "name"), [(5000, "linear"), (20_000, "noise"), (20_000, "time_warp"), (20_000, "label_smoothing")]
)
def test_many_series_need_neither(most: int, name: str) -> None:
    assert name in options(series=most)
    assert name not in options(series=most + 1)


@pytest.mark.parametrize(("validation", "last"), [(0, False), (1, True), (99, True), (100, False)])
def test_the_last_weights_are_kept_where_the_validation_part_is_small(validation: int, last: bool) -> None:
    found = options(validation=validation)
    assert found.get("evaluate_every") == (found["max_steps"] if last else None)


def test_steps_grow_with_the_series_but_more_slowly() -> None:
    steps = [options(series=count)["max_steps"] for count in (4, 50, 1000, 60_000, 10**6)]
    assert steps == sorted(steps)
    assert steps[0] > 400
    assert steps[-1] < 30_000


def test_long_series_get_fewer_steps_and_many_values_no_linear_models() -> None:
    short, long = (options(series=60_000, shortest=n, mean=float(n), longest=n) for n in (28, 256))
    assert short["max_steps"] == 500 + 20 * 244
    assert long["max_steps"] == 50_000_000 // (64 * 256)
    assert options(series=10**9, shortest=256, mean=256.0, longest=256)["max_steps"] == long["max_steps"]
    for channels, steps, few in ((40, 100, True), (41, 100, False), (235, 2, True), (236, 2, False)):
        found = options(series=5000, channels=channels, shortest=steps, mean=float(steps), longest=steps)
        assert ("linear" in found) == few


@pytest.mark.parametrize("longest", [1, 256, 257, 10_000, 100_000, 10**6])
def test_recurrent_layers_read_a_bounded_number_of_steps(longest: int) -> None:
    found = options(shortest=1, mean=(1 + longest) / 2, longest=longest)
    stride = found.get("stride", 1)
    assert longest / stride <= 256
    assert found["input_kernel"] >= (2 * stride if stride > 1 else 1)
    assert ("stride" in found) == (longest > 256)


@pytest.mark.parametrize(
    ("changes", "removed"),
    [
        ({}, False),
        ({"level_spread": 0.31}, True),
        ({"size_spread": 0.21}, True),
        ({"level_spread": 0.3, "size_spread": 0.2}, False),
        ({"level_spread": 5.0, "level_share": 0.1}, False),
        ({"level_spread": 5.0, "level_share": 0.09}, True),
        ({"level_spread": 5.0, "bounded": True}, False),
        ({"level_spread": 5.0, "channels": 2}, False),
    ],
    ids=str,
)
def test_levels_that_say_nothing_about_the_class_are_removed(changes: dict[str, Any], removed: bool) -> None:
    assert options(**changes).get("standardise") == ("series" if removed else None)


def test_counts_by_hand() -> None:
    draw = np.random.default_rng(0)
    X = [draw.normal(size=(length, 3)) for length in (4, 6, 5, 9, 7)]
    counts = counted(X, ["a", "b", "a", "b", "b"])
    assert (counts.series, counts.shortest, counts.mean, counts.longest) == (5, 4, 6.2, 9)
    assert (counts.channels, counts.classes, counts.smallest_class, counts.bounded) == (3, 2, 2, False)
    levels, sizes = (np.array([of(x_TI, axis=0) for x_TI in X]) for of in (np.mean, np.std))
    spread = levels.std(axis=0) / np.sqrt((sizes**2).mean(axis=0))
    assert counts.level_spread == pytest.approx(spread.max())
    assert counts.size_spread == pytest.approx(np.log(sizes).std(axis=0).max())
    assert str(counts) == "5 series of 4 to 9 steps and 3 channels, 2 classes"
    assert str(FEW) == "50 series of 150 steps and 1 channel, 2 classes"
    assert counted(np.abs(np.tanh(X[0]))[None], [1.5], regression=True).classes == 0
    assert counted(np.abs(np.tanh(X[0]))[None], [1.5], regression=True).bounded


def test_the_share_of_the_levels_is_an_adjusted_r_squared() -> None:
    draw = np.random.default_rng(0)
    y = np.arange(60) % 3
    shapes = draw.normal(size=(60, 8, 2))
    shapes = (shapes - shapes.mean(axis=1, keepdims=True)) / shapes.std(axis=1, keepdims=True)
    levels = draw.normal(size=(60, 1, 1)) + 0.7 * y[:, None, None] * [0, 1]
    column = levels[:, 0, 1]
    within = sum(((column[y == label] - column[y == label].mean()) ** 2).sum() for label in range(3)) / 57
    assert counted(shapes + levels, y).level_share == pytest.approx(1 - within / column.var(ddof=1))
    assert counted(shapes * np.exp(levels), y).level_share == pytest.approx(1 - within / column.var(ddof=1), abs=0.1)
    assert counted(shapes + levels, draw.permutation(y)).level_share < 0.1
    assert counted(shapes + levels, np.arange(60)).level_share == 1.0


def test_series_without_variance_are_counted() -> None:
    counts = counted(np.ones((6, 4, 1)), [0, 1] * 3)
    assert (counts.level_share, counts.level_spread, counts.size_spread) == (0.0, 0.0, 0.0)


def test_a_model_takes_the_options_of_its_data_and_those_that_were_given() -> None:
    X, y = series()
    model = Classifier(AUTO, max_steps=1, noise=0.0, hidden_size=4).fit(X, y, progress=False, tune=False)
    network = model.config.network
    assert (network.noise, network.stride, network.linear, network.scale_jitter) == (0.0, 1, "both", 0.1)
    assert network.input_kernel == 3
    assert model.config.training.max_steps == 1


def test_a_regression_takes_the_options_of_its_data() -> None:
    X, y = series()
    model = Classifier(AUTO, max_steps=1, hidden_size=4, kind="regression")
    model.fit(X, [float(label) for label in y], progress=False, tune=False)
    assert (model.config.network.linear, model.config.target.label_smoothing) == ("both", 0.0)


def test_a_given_kernel_limits_the_chosen_stride() -> None:
    X = [np.random.default_rng(row).normal(size=(600, 1)) for row in range(12)]
    y = [row % 2 for row in range(12)]
    for kernel, stride in ((0, 1), (2, 2), (50, 3)):
        model = Classifier(AUTO, max_steps=1, hidden_size=4, input_kernel=kernel)
        model.fit(X, y, progress=False, tune=False)
        assert (model.config.network.input_kernel, model.config.network.stride) == (kernel, stride)
