"""The forecaster as people use it: data of every kind in, frames and pictures out, saved, loaded, and refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars
import pytest
import torch

import elman
from elman import Forecaster
from elman.data.panel.history import series_history_from_json
from elman.errors import ArtifactError, ConfigError, DataError

from .small_series import OPTIONS, fitted, long_frame, series_file, wave


def test_saved_and_loaded_it_forecasts_the_same(tmp_path: Path) -> None:
    frame = long_frame({"a": 30, "b": 24}, price=lambda _, step: step % 5, size=lambda number, _: "xy"[number])
    frame.loc[[5], "y"] = np.nan
    model = fitted(frame, missing="mask", transform="box-cox", difference=1, static_columns=("size",), members=2)
    model.save(tmp_path / "model")
    opened = elman.load(tmp_path / "model")
    assert isinstance(opened, Forecaster)
    one, two = (each.forecast(horizon=5, samples=3) for each in (model, opened))
    assert np.array_equal(one.mean, two.mean)
    assert np.array_equal(one.samples, two.samples)
    assert opened.metrics == model.metrics
    assert opened.forecast(frame, 5).to_csv() == model.forecast(frame, 5).to_csv()
    assert "time-series-forecasting" in (tmp_path / "model" / "README.md").read_text()
    assert repr(opened).startswith("<Forecaster 2 members of gru 1x6, next, ")


def test_a_forecast_goes_on_from_the_training_data_or_from_other_data() -> None:
    frame = long_frame({"a": 30, "b": 24})
    model = fitted(frame)
    kept, given = model.forecast(horizon=4), model.forecast(frame, 4)
    np.testing.assert_allclose(kept.mean, given.mean, atol=1e-4)
    later = model.forecast(frame[frame["unique_id"] == "b"].iloc[:20], 4)
    assert later.ids == ["b"]
    assert str(later.times()[0])[:10] == "2001-09-01"
    assert str(kept.times(1)[0])[:10] == "2002-01-01"


def test_a_series_that_it_has_not_seen_has_a_scale_of_its_own() -> None:
    model = fitted(long_frame({"a": 30}), scaling="standard")
    own, large = (model.forecast(_as_month("new", factor * wave(30)), 4) for factor in (1, 1000))
    np.testing.assert_allclose(large.mean, 1000 * own.mean, rtol=1e-4)


def _as_month(name: str, values: Any) -> pd.DataFrame:
    times = pd.date_range("2000-01-01", periods=len(values), freq="MS")
    return pd.DataFrame({"unique_id": name, "ds": times, "y": values})


@pytest.mark.parametrize(
    "data",
    [
        wave(30),
        np.stack([wave(30), wave(30, 1)], 1),
        {"a": wave(30), "b": wave(20)},
        pd.Series(wave(30), index=pd.period_range("2000-01", periods=30, freq="M")),
        long_frame({"a": 30}),
        polars.DataFrame(
            {"ds": np.arange("2000-01", "2002-07", dtype="datetime64[M]").astype("datetime64[ms]"), "y": wave(30)}
        ),
    ],
    ids=["array", "two variables", "dictionary", "periods", "pandas", "polars"],
)
def test_data_of_every_kind(data: Any) -> None:
    model = fitted(data)
    frame = model.forecast(horizon=2).to_frame()
    assert isinstance(frame, polars.DataFrame if isinstance(data, polars.DataFrame) else pd.DataFrame)
    assert len(frame) == 2 * (2 if isinstance(data, dict) else 1)
    assert {"unique_id", "ds"} <= set(frame.columns)


def test_a_table_has_a_column_for_every_bound(tmp_path: Path) -> None:
    found = fitted(long_frame({"a": 30, "b": 20})).forecast(horizon=2, levels=(95, 80))
    frame = found.to_frame("pandas")
    assert list(frame.columns) == ["unique_id", "ds", "y", "y-lo-80", "y-hi-80", "y-lo-95", "y-hi-95"]
    assert list(frame["unique_id"]) == ["a", "a", "b", "b"]
    np.testing.assert_allclose(frame["y"], found.mean.ravel())
    path = tmp_path / "forecast.csv"
    path.write_text(found.to_csv())
    read = pd.read_csv(path, parse_dates=["ds"])
    np.testing.assert_allclose(read["y-hi-95"], found.intervals[95][1].ravel(), rtol=1e-8)
    assert list(read["ds"]) == list(frame["ds"])
    assert found.to_frame("polars").shape == (4, 7)
    with pytest.raises(ConfigError, match=r"pandas or polars. Received: 'arrow'"):
        found.to_frame("arrow")
    document = json.loads(json.dumps(found.to_json()))
    assert document["series"][1]["id"] == "b"
    assert document["series"][0]["intervals"]["80"]["low"]["y"] == pytest.approx(found.intervals[80][0][0, :, 0])


def test_pictures(tmp_path: Path) -> None:
    found = fitted(long_frame({"a": 30, "b": 20})).forecast(horizon=2)
    found.plot(tmp_path / "a.png")
    found.plot(tmp_path / "b.svg", series="b")
    assert (tmp_path / "a.png").read_bytes().startswith(b"\x89PNG")
    assert "<svg" in (tmp_path / "b.svg").read_text()
    with pytest.raises(ConfigError, match=r"expected a series among 'a', 'b'. Received: 'c'"):
        found.plot(tmp_path / "c.png", series="c")


def test_the_held_out_part_shapes_neither_scale_nor_weights() -> None:
    frame = long_frame({"a": 40})
    other = frame.copy()
    other.loc[other.index >= 36, "y"] *= 5
    models = [fitted(each, valid_steps=4, evaluate_every=100) for each in (frame, other)]
    one, two = (model.known.transforms[0] for model in models)
    assert one.to_json() == two.to_json()
    assert models[0].metrics["valid"]["loss"] != models[1].metrics["valid"]["loss"]
    history = frame.iloc[:30]
    assert np.array_equal(*(model.forecast(history, 3).mean for model in models))


def test_evaluation_has_the_true_past() -> None:
    values = wave(46)
    model = fitted(values[:40], valid_steps=4)
    by_hand = np.array([model.forecast(values[:stop], 1).mean[0, 0, 0] for stop in range(40, 46)])
    figures = model.evaluate(values)
    assert figures["forecasts"] == 6
    assert figures["rmse"] == pytest.approx(np.sqrt(np.mean((by_hand - values[40:]) ** 2)), rel=1e-4)
    assert figures["mae"] == pytest.approx(np.mean(np.abs(by_hand - values[40:])), rel=1e-4)
    assert model.evaluate(values, steps=3)["forecasts"] == 3
    assert model.evaluate(values, stride=2)["forecasts"] == 3
    with pytest.raises(DataError, match="expected series with steps after those that the model was trained on"):
        model.evaluate(values[:40])


def test_a_direct_network_is_evaluated_over_its_horizon() -> None:
    values = wave(46)
    model = fitted(values[:40], mode="direct", distribution="point", valid_steps=4, difference=1)
    figures = model.evaluate(values)
    errors = [model.forecast(values[:stop], 3).mean[0, :, 0] - values[stop : stop + 3] for stop in range(40, 44)]
    assert figures["forecasts"] == 4
    assert figures["mse"] == pytest.approx(np.mean(np.square(errors)), rel=1e-3)


def test_series_of_its_own() -> None:
    model = fitted(long_frame({"a": 40, "b": 40}), difference=1, context=10)
    drawn = [model.create(30, random=seed) for seed in (0, 0, 1)]
    assert drawn[0].shape == (30,)
    assert np.array_equal(drawn[0], drawn[1])
    assert not np.allclose(drawn[0], drawn[2])
    quiet = model.create(30, draw=False)
    assert np.array_equal(quiet, model.create(30, draw=False, random=5))
    stretch = model.known.tail.targets[1]
    np.testing.assert_allclose(
        model.create(4, ("b", slice(None)), draw=False), model.create(4, stretch, series="b", draw=False)
    )
    np.testing.assert_allclose(
        model.create(1, ("b", slice(None)), draw=False), model.forecast(horizon=1).mean[1, :, 0], atol=1e-4
    )
    with pytest.raises(DataError, match=r"values of the shape \[T, 1\] as the seed. Received: \(3, 2\)"):
        model.create(4, np.zeros((3, 2)))
    with pytest.raises(ConfigError, match="expected the seed zeros"):
        model.create(4, "ones")


@pytest.mark.parametrize("role", ["future_covariates", "past_covariates", "static_columns"])
def test_the_unit_of_a_covariate_does_not_matter(role: str, tmp_path: Path) -> None:
    answers = []
    for size, middle in ((1.0, 0.0), (1e4, 1e6)):
        frame = long_frame({"a": 40, "b": 40}, step=lambda _, step: step, kind=lambda n, _: "uv"[n])
        moves = np.cos(frame.pop("step")) * (role != "static_columns")
        frame["x"] = ((frame.kind == "v") + 1.0 + moves) * size + middle
        columns = {"static_columns": ("kind",), role: ("x", "kind") if role == "static_columns" else ("x",)}
        model = fitted(frame, **columns, valid_steps=5, mode="direct", max_steps=20)
        model.save(tmp_path / str(size))
        loaded = elman.load(tmp_path / str(size))
        known = frame if role != "future_covariates" else frame.assign(y=frame.y.where(frame.ds < "2003-01-01"))
        answers.append(loaded.forecast(known, 2).mean)
        assert np.array_equal(answers[-1], model.forecast(known, 2).mean)
        kept, frame = model.network.scales, frame[frame.ds < "2002-12-01"]  # what is not held out
        if role != "static_columns":
            assert kept is not None
            assert kept.offset[0] == pytest.approx(frame.x.mean(), rel=1e-6)
            assert kept.scale[0] == pytest.approx(frame.x.std(ddof=0), rel=1e-6)
        assert kept is not None
        assert (kept.offset[-2:].tolist(), kept.scale[-2:].tolist()) == ([0, 0], [1, 1])  # a category stays 0 or 1
    np.testing.assert_allclose(answers[0], answers[1], rtol=0.02)
    with torch.no_grad():
        model.network.get_buffer("covariate_scale")[0] = 0.0
    model.save(tmp_path / "bad")
    with pytest.raises(ArtifactError, match="expected scales of covariates above 0"):
        elman.load(tmp_path / "bad")


def test_a_series_of_its_own_goes_on_from_where_its_stretch_ends() -> None:
    """The calendar that it reads is that of the steps after the stretch, wherever this lies."""
    frame = long_frame({"a": 60})
    model = fitted(frame, calendar=("month",), context=6, max_steps=60, least_squares=False, residual_to_last=False)
    kept = len(model.known.tail.targets[0])
    for stop in (kept - 3, kept):
        goes_on = model.forecast(frame[60 - kept : 60 - kept + stop], 1, levels=()).mean[0, :, 0]
        np.testing.assert_allclose(model.create(1, ("a", slice(0, stop)), draw=False), goes_on, rtol=1e-4)
    with pytest.raises(ConfigError, match="expected a slice of consecutive steps"):
        model.create(4, ("a", slice(0, 6, 2)))


@pytest.mark.parametrize(
    "change",
    [
        {"series": []},
        {"series": ""},
        {"targets": []},
        {"encoder": "junk"},
        {"encoder": [1]},
        {"encoder": [{"name": "size", "kind": "number"}]},
        {"start": 10**30},
        {"until": -(10**30)},
        {"past": []},
        {"future": []},
        {"id": "b"},
        {"transform": None},
    ],
    ids=str,
)
def test_series_of_a_folder_that_contradict_each_other_are_refused(change: dict[str, Any]) -> None:
    model = fitted(long_frame({"a": 30, "b": 30}), max_steps=1)
    good = model.known.to_json()
    chain = model.config.transforms
    assert series_history_from_json(good, chain, "here").to_json() == good
    first = {name: value for name, value in change.items() if name in good["series"][0]}
    bad = {**good, "series": [{**good["series"][0], **first}, good["series"][1]], **(change if not first else {})}
    with pytest.raises(ArtifactError):
        series_history_from_json(bad, chain, "here")


def test_data_may_be_read_otherwise_than_in_training() -> None:
    model, frame = fitted(long_frame({"a": 30})), long_frame({"a": 30})
    frame.loc[20, "y"] = np.nan
    with pytest.raises(DataError, match="missing"):
        model.forecast(frame, 2)
    other = model.reading(missing="interpolate")
    assert np.isfinite(other.forecast(frame, 2).mean).all()
    assert other.config.data.missing == "interpolate"
    assert model.config.data.missing == "error", "the model itself stays as it is"


def test_fitted_again_it_begins_again() -> None:
    model = Forecaster(**{**OPTIONS, "context": 0, "autoregression": -1})
    model.fit(wave(80), progress=False, tune=False)
    assert model.config.window.context == 12
    daily = pd.DataFrame({"ds": pd.date_range("2000-01-01", periods=60), "y": wave(60), "z": wave(60, 1)})
    again = model.fit(daily.assign(y=wave(60)), progress=False, tune=False)
    assert again.config.window.context == 21
    fresh = Forecaster(**{**OPTIONS, "context": 0, "autoregression": -1}).fit(daily, progress=False, tune=False)
    assert np.array_equal(again.forecast(horizon=2).mean, fresh.forecast(horizon=2).mean)


def test_params() -> None:
    model = Forecaster("small", horizon=4)
    assert (model.get_params()["preset"], model.get_params()["horizon"]) == ("small", 4)
    assert model.get_params()["hidden_size"] == 24, "as the preset has it"
    assert Forecaster(**model.get_params()).config == model.config
    assert model.set_params(horizon=5, hidden_size=7).config.window.horizon == 5
    assert model.get_params()["hidden_size"] == 7
    with pytest.raises(ConfigError, match="Did you mean 'horizon'"):
        model.set_params(horizn=3)
    trained = fitted(wave(30), max_steps=1)
    before = trained.config
    with pytest.raises(ConfigError, match="dilations of at least 1 step"):
        trained.set_params(dilations=(0,))
    assert trained.config == before
    assert trained.forecast(horizon=1)


@pytest.mark.parametrize("rate", [1.0, 1.5])
def test_a_rate_of_dropout_that_leaves_nothing_is_refused(rate: float) -> None:
    for name in ("input_dropout", "dropout"):
        with pytest.raises(ConfigError, match=rf"expected {name} from 0 up to, but not including, 1"):
            fitted(wave(30), **{name: rate})


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"mode": "both"}, "expected mode among next, direct"),
        ({"horizon": 0}, "expected horizon to be at least 1. Received: 0"),
        ({"horizon": 10**6}, "expected horizon to be at most 100,?000. Received: 1000000"),
        ({"carry": True, "mode": "direct"}, "expected mode=next and no scheduled_sampling with carry"),
        ({"scheduled_sampling": 0.5, "mode": "direct"}, "scheduled_sampling with mode=next alone"),
        ({"scheduled_sampling": 0.5, "variational": True, "dropout": 0.1}, "one mask for all time steps.*variational"),
        ({"scheduled_sampling": 0.5, "weight_drop": 0.1}, "Received: weight_drop"),
        ({"scheduled_sampling": 0.5, "recurrent_dropout": 0.1}, "Received: recurrent_dropout"),
        ({"loss_steps": 2}, "loss_steps with mode=direct alone"),
        ({"dilations": (1, 2)}, r"one dilation for each of the layers = 1. Received: \(1, 2\)"),
        ({"dilations": (0,)}, "dilations of at least 1 step"),
        ({"resolutions": (1,)}, "resolutions of at least 2 steps"),
        ({"distribution": "quantiles", "levels": (0.9, 0.1)}, "expected rising levels between 0 and 1"),
        ({"loss_from": 3}, "expected no loss_from"),
    ],
)
def test_options_that_cannot_work(options: dict[str, Any], words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        Forecaster(**options)


@pytest.mark.parametrize("horizon", [0, -1, 10**6, 2.5, True])
def test_horizons_that_no_forecast_can_have(horizon: Any) -> None:
    with pytest.raises(ConfigError, match=r"expected a horizon from 1 to 100,000 steps. Received: "):
        fitted(wave(30), max_steps=1).forecast(horizon=horizon)


def test_a_long_horizon() -> None:
    assert fitted(wave(30), distribution="point", least_squares=False).forecast(horizon=500).mean.shape == (1, 500, 1)


def test_data_that_does_not_fit() -> None:
    model = fitted(long_frame({"a": 30}))
    daily = pd.DataFrame({"ds": pd.date_range("2000-01-01", periods=30), "y": wave(30)})
    with pytest.raises(DataError, match=r"frequency|times"):
        model.forecast(daily, 2)
    with pytest.raises(DataError):
        model.forecast(np.stack([wave(30), wave(30)], 1), 2)
    with pytest.raises(ConfigError, match="levels of intervals in per cent"):
        model.forecast(horizon=2, levels=(0.8, 120))
    with pytest.raises(ConfigError, match=r"list of levels of intervals, such as \(80, 95\). Received: 80"):
        model.forecast(horizon=2, levels=80)  # type: ignore[arg-type]
    with pytest.raises(DataError, match="expected numbers as the seed"):
        model.create(3, ["a"])
    for origins, step in (("3", 1), (2.5, 1), (2, 0)):
        with pytest.raises(ConfigError, match="at least one origin, and a step of at least 1"):
            model.backtest(long_frame({"a": 30}), 2, origins=origins, step=step)  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="distribution=point has no intervals"):
        fitted(wave(30), distribution="point").forecast(horizon=2, levels=(80,))
    with pytest.raises(ConfigError, match=r"no history \(keep_history=false\)"):
        fitted(wave(30), keep_history=False).forecast(horizon=2)
    with pytest.raises(ConfigError, match="expected a model that is trained"):
        Forecaster().forecast(horizon=2)
    with pytest.raises(ConfigError, match="expected data in files when training in a folder"):
        Forecaster(**OPTIONS).fit(wave(30), folder="somewhere", progress=False)


@pytest.mark.parametrize(
    ("values", "words"),
    [
        (wave(8), "expected a series longer than a window of context = 8 steps. Received: 8 steps"),
        (wave(1), "expected"),
        (np.append(wave(20), np.nan), "expected|NaN|missing"),
        (np.append(wave(20), np.inf), "inf"),
    ],
)
def test_series_that_nothing_can_be_learnt_from(values: Any, words: str) -> None:
    with pytest.raises(DataError, match=words):
        fitted(values)


def test_what_reaches_further_than_the_longest_series_is_refused() -> None:
    with pytest.raises(DataError, match=r"longer than autoregression = 30 steps. Received: 30 steps in the longest"):
        fitted(wave(30), autoregression=30)
    with pytest.raises(DataError, match=r"longer than horizon = 30 steps, with mode=direct. Received: 30 steps"):
        fitted(wave(30), mode="direct", horizon=30)
    assert fitted(wave(30), horizon=30, max_steps=1).forecast().mean.shape == (1, 30, 1)


def test_a_short_series_among_longer_ones_is_named() -> None:
    with pytest.raises(DataError, match="'c': expected at least 2 values"):
        fitted({"a": wave(30), "c": wave(1)})
    with pytest.raises(DataError, match=r"'c': expected more than valid_steps \+ 1 = 6 values, .* Received: 6"):
        fitted({"a": wave(30), "c": wave(6)}, valid_steps=5)
    with pytest.raises(DataError, match="'c': expected more than 6 steps"):
        fitted({"a": wave(30), "c": wave(6)}, seasonal_difference=1, seasonal_period=6)


@pytest.mark.parametrize("damage", ["kind", "values", "transform", "until"])
def test_a_broken_memory_is_refused(damage: str, tmp_path: Path) -> None:
    import hashlib

    fitted(long_frame({"a": 30})).save(tmp_path / "model")
    path, about = tmp_path / "model" / "vocabulary.json", tmp_path / "model" / "elman.json"
    before = path.read_text()
    content = json.loads(before)
    if damage == "kind":
        content.pop("frequency")
    elif damage == "until":
        content["series"][0]["until"] = "soon"
    else:
        content["series"][0][damage] = [["x"]] if damage == "values" else {}
    path.write_text(json.dumps(content))
    digests = [hashlib.sha256(text.encode()).hexdigest() for text in (before, path.read_text())]
    about.write_text(about.read_text().replace(*digests))
    with pytest.raises(ArtifactError):
        elman.load(tmp_path / "model")


def test_files_in_a_folder(tmp_path: Path) -> None:
    path = series_file(tmp_path)
    model = Forecaster(**OPTIONS).fit(path, folder=tmp_path / "model", progress=False, tune=False)
    assert (tmp_path / "model" / "loss.png").exists()
    opened = elman.load(tmp_path / "model")
    np.testing.assert_array_equal(opened.forecast(horizon=3).mean, model.forecast(path, 3).mean)
