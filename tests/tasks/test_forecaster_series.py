"""What a forecaster makes of the series that it is given: columns by name, new rows, many series, short ones."""

from __future__ import annotations

import dataclasses
import logging
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import elman
from elman import Forecaster
from elman.data.panel.history import series_history_from_json
from elman.errors import ConfigError, DataError
from elman.tasks.endpoint import EndpointCallbacks
from elman.tasks.forecaster.endpoints import (
    BacktestOptions,
    EvaluateForecastsOptions,
    ForecastOptions,
    backtest,
    evaluate,
    forecast,
)

from .small_series import fitted, long_frame, wave


def wide(steps: int = 40) -> pd.DataFrame:
    days = pd.date_range("2024-01-01", periods=steps).strftime("%Y-%m-%d")
    return pd.DataFrame({"date": days, "price": wave(steps), "volume": 50 * wave(steps, 1)})


@pytest.fixture(scope="module")
def prices() -> Forecaster:
    return fitted(wide(), horizon=1)


@pytest.mark.parametrize(
    "names", [["date", "volume", "price"], ["volume", "price", "date"], ["", "date", "price", "volume"]]
)
def test_variables_go_by_name(prices: Forecaster, names: list[str], tmp_path: Path) -> None:
    expected = prices.forecast(wide(), levels=())
    other = wide().assign(**{"": range(40)})[names]
    path = tmp_path / "later.csv"
    other.to_csv(path, index=False)
    for data in (path, pd.read_csv(path), other):
        assert prices.forecast(data, levels=()).to_csv() == expected.to_csv()
    assert prices.backtest(path, 1, origins=2).scores == prices.backtest(wide(), 1, origins=2).scores
    assert prices.evaluate(path, steps=3) == prices.evaluate(wide(), steps=3)


def test_other_names_are_refused(prices: Forecaster, tmp_path: Path) -> None:
    path = tmp_path / "other.csv"
    wide().rename(columns={"price": "temperature"}).to_csv(path, index=False)
    message = r"expected the columns 'price', 'volume', as in training, in any order \(missing: 'price'; unknown: 'temp"
    for call in (prices.forecast, prices.backtest, prices.evaluate):
        with pytest.raises(DataError, match=message):
            call(path)
    with pytest.raises(DataError, match=r"\(unknown: 'rain'\)"):
        prices.forecast(wide().assign(rain=1.0))
    with pytest.raises(DataError, match=r"\(missing: 'volume'\)"):
        prices.forecast(wide()[["date", "price"]])


def test_numbers_as_names_go_by_name() -> None:
    frame = wide().rename(columns={"price": "1", "volume": "2"})
    model = fitted(frame)
    assert model.forecast(frame[["date", "2", "1"]]).to_csv() == model.forecast(frame).to_csv()


def test_variables_without_names_go_by_their_places() -> None:
    model = fitted(wide()[["price", "volume"]].to_numpy())
    frame = wide().drop(columns="date")
    np.testing.assert_array_equal(model.forecast(frame).mean, model.forecast(frame.to_numpy()).mean)


def test_a_column_of_row_numbers_that_an_earlier_version_learnt_is_read_again() -> None:
    frame = wide().drop(columns="date")
    old = frame.assign(**{"Unnamed: 0": np.arange(40.0)})
    model = fitted(old, target_columns=tuple(old.columns))
    with_numbers = model.forecast(old).mean
    reader = model.reading()
    reader.config = dataclasses.replace(model.config, data=dataclasses.replace(model.config.data, target_columns=()))
    np.testing.assert_array_equal(reader.forecast(old).mean, with_numbers)


def days(values: Any, start: str = "2024-01-01") -> pd.DataFrame:
    return pd.DataFrame({"ds": pd.date_range(start, periods=len(values)), "y": values})


@pytest.mark.parametrize("options", [{}, {"difference": 1}, {"mode": "direct"}, {"carry": True}])
def test_new_rows_alone_go_on_from_the_kept_history(options: dict[str, Any]) -> None:
    values = wave(63)
    model = fitted(days(values[:60]), **options)
    whole = model.forecast(days(values))
    for kept in (60, 55):
        rest = model.forecast(days(values)[kept:])
        np.testing.assert_allclose(rest.mean, whole.mean, rtol=1e-4)
        assert (rest.times() == whole.times()).all()
        assert rest.remarks == ()


@pytest.mark.parametrize("options", [{}, {"difference": 1}, {"mode": "direct"}])
def test_an_evaluation_and_a_backtest_of_new_rows_go_on_from_the_kept_history(options: dict[str, Any]) -> None:
    values = wave(66)
    model = fitted(days(values[:60]), **options)
    whole = model.evaluate(days(values))
    assert whole["forecasts"] == (4 if options.get("mode") else 6)
    for kept in (60, 57):
        rest = model.evaluate(days(values)[kept:])
        assert rest["forecasts"] == whole["forecasts"]
        assert rest["rmse"] == pytest.approx(whole["rmse"], rel=1e-3)
    steps = {"horizon": 2, "origins": 2, "step": 2}
    expected = model.backtest(days(values), **steps)
    found = model.backtest(days(values)[60:], **steps)
    assert found.remarks == expected.remarks == []
    assert found.scores["network"]["rmse"] == pytest.approx(expected.scores["network"]["rmse"], rel=1e-3)
    assert model.backtest(days(values)[60:], **steps, refit=True).windows == 2
    without = fitted(days(values[:60]), keep_history=False, **options)
    with pytest.raises(DataError, match="expected series with steps after those that the model was trained on"):
        without.evaluate(days(values)[60:])


def test_rows_that_are_fewer_than_the_window_are_remarked_on(caplog: pytest.LogCaptureFixture) -> None:
    model = fitted({"a": wave(60), "b": wave(6)})
    with caplog.at_level(logging.WARNING):
        found = model.forecast({"a": wave(60), "b": wave(6)})
        assert found.remarks == ()
        found = model.forecast({"a": wave(3), "b": wave(6), "c": wave(7)})
    assert len(found.remarks) == 1
    assert found.remarks[0].startswith("2 series, such as 'a', have fewer steps (3) than the window of 8")
    assert [record.message for record in caplog.records] == list(found.remarks)
    assert found.to_json()["remarks"] == list(found.remarks)
    gap = fitted(days(wave(60))).forecast(days(wave(3), "2024-06-01"))
    assert gap.remarks[0].startswith("the series 'y' has fewer steps (3) than the window of 8")
    without = fitted(days(wave(60)), keep_history=False).forecast(days(wave(3), "2024-03-01"))
    assert len(without.remarks) == 1


@pytest.mark.parametrize(
    "options", [{}, {"mode": "direct"}, {"distribution": "quantiles"}, {"members": 2}, {"distribution": "gaussian"},
                {"distribution": "negative-binomial", "scaling": "none", "residual_to_last": False,
                 "autoregression": 0}]
)  # fmt: skip
def test_a_series_is_forecast_alike_whichever_others_are(options: dict[str, Any]) -> None:
    frame = long_frame({"a": 30, "b": 24, "c": 27})
    frame["y"] = frame["y"].round()
    model = fitted(frame, **options)
    whole = model.forecast(frame, 5, samples=3, seed=4)
    assert not np.allclose(whole.samples[0] - whole.mean[0, None], whole.samples[1] - whole.mean[1, None])
    for name in ("b", "c"):
        number = whole.ids.index(name)
        alone = model.forecast(frame[frame["unique_id"] == name], 5, samples=3, seed=4)
        np.testing.assert_allclose(alone.samples[0], whole.samples[number], rtol=1e-3)
        np.testing.assert_allclose(alone.intervals[80][0][0], whole.intervals[80][0][number], rtol=1e-3)
        other = model.forecast(frame[frame["unique_id"] == name], 5, samples=3, seed=5)
        assert not np.allclose(other.samples, alone.samples)


def test_models_of_earlier_versions_draw_as_they_did_and_keep_texts() -> None:
    frame = long_frame({"1": 30, "2": 24})
    frame["unique_id"] = frame["unique_id"].astype(int)
    model = fitted(frame)
    content = model.known.to_json()
    assert content.pop("whole_ids")
    earlier = series_history_from_json(content, model.config.transforms, "x")
    assert earlier.earlier
    assert earlier.to_json() == content
    new = model.forecast(horizon=3)
    model._vocabulary = earlier
    old = model.forecast(frame, horizon=3)
    assert old.to_frame()["unique_id"].tolist() == ["1"] * 3 + ["2"] * 3
    assert not np.array_equal(old.mean, new.mean)


def test_whole_numbers_as_names_come_back_as_whole_numbers(tmp_path: Path) -> None:
    frame = long_frame({"1": 30, "2": 24}).assign(unique_id=lambda table: table["unique_id"].astype(int))
    model = fitted(frame)
    model.save(tmp_path / "model")
    for each in (model, elman.load(tmp_path / "model")):
        for found in (each.forecast(), each.forecast(frame[frame["unique_id"] == 2])):
            table = found.to_frame()
            assert table["unique_id"].dtype.kind == "i"
            assert len(table.merge(frame[["unique_id"]].drop_duplicates(), on="unique_id")) == len(table)
            assert found.to_frame("polars")["unique_id"].to_list() == table["unique_id"].tolist()
            assert found.ids[-1] == "2"
    text = fitted(long_frame({"1": 30, "2": 24})).forecast().to_frame()
    assert text["unique_id"].tolist()[0] == "1"


def test_a_value_without_a_logarithm_is_named_with_its_series_and_time() -> None:
    frame = long_frame({"a": 30, "b": 30})
    model = fitted(frame, transform="log")
    frame.loc[35, "y"] = 0
    message = r"the series 'b' at 2000-06-01: expected values above 0 for the transform log. Received: 0"
    for call in (model.forecast, model.backtest, lambda data: fitted(data, transform="log")):
        with pytest.raises(DataError, match=message):
            call(frame)
    with pytest.raises(DataError, match=message.replace("'b'", "'new'")):
        model.forecast(frame[30:].assign(unique_id="new"))


@pytest.mark.parametrize("level", [0.8, 0.95, 0.5])
def test_levels_that_are_shares_are_refused(prices: Forecaster, level: float) -> None:
    with pytest.raises(ConfigError, match=rf"in per cent, {100 * level:g} for a share of {level}.* Received: {level}"):
        prices.forecast(levels=(level,))
    with pytest.raises(ConfigError, match="in per cent"):
        prices.backtest(wide(), levels=(80, level))
    assert list(prices.forecast(levels=(1, 80)).intervals) == [1, 80]


@pytest.mark.parametrize(
    "options", [{}, {"valid_steps": 5}, {"difference": 1}, {"seasonal_difference": 1, "seasonal_period": 6}]
)
def test_a_series_that_is_too_short_can_be_left_out(options: dict[str, Any], caplog: pytest.LogCaptureFixture) -> None:
    data = {"a": wave(30), "new": wave(1), "b": wave(24)}
    with pytest.raises(DataError, match=r"'new': .*"):
        fitted(data, **options)
    with caplog.at_level(logging.WARNING):
        model = fitted(data, short_series="drop", **options)
    assert model.known.tail.ids == ["a", "b"]
    assert caplog.messages == ["1 of 3 series left out, because they are too short to train on: 'new'"]
    with pytest.raises(DataError, match="expected a series of at least"):
        fitted({"new": wave(1)}, short_series="drop", frequency="step", **options)


def test_the_message_about_a_short_series_names_the_option() -> None:
    with pytest.raises(
        DataError, match=r"'c': expected at least 2 values to train on, or the option short_series=drop"
    ):
        fitted({"a": wave(30), "c": wave(1)})


def test_short_series_of_a_backtest_and_of_a_forecast(caplog: pytest.LogCaptureFixture, tmp_path: Path) -> None:
    frame = long_frame({"a": 40, "b": 30})
    model = fitted(frame, difference=2)
    longer = pd.concat([frame, long_frame({"new": 2})], ignore_index=True)
    with pytest.raises(DataError, match=r"the series 'new': .* short_series=drop"):
        model.backtest(longer, 2, origins=2)
    reader = model.reading(short_series="drop")
    found = reader.backtest(longer, 2, origins=2)
    assert found.windows == 4
    assert found.remarks[0] == "1 of 3 series left out, because they are too short for the backtest: 'new'"
    assert found.scores == model.backtest(frame, 2, origins=2).scores
    forecasts = reader.forecast(longer)
    assert forecasts.ids == ["a", "b"]
    assert forecasts.remarks[0] == "1 of 3 series left out, because they are too short to forecast: 'new'"
    with pytest.raises(DataError, match="expected a series of at least"):
        reader.backtest(frame, 30, origins=5)
    with pytest.raises(DataError, match="expected a series of more than 2 values"):
        reader.forecast(longer[longer["unique_id"] == "new"])
    caplog.clear()
    path = tmp_path / "longer.csv"
    longer.to_csv(path, index=False)
    said: list[str] = []
    callbacks = EndpointCallbacks(remark=said.append)
    evaluate(model, (str(path),), EvaluateForecastsOptions(limit=4, short_series="drop"), callbacks)
    assert said.pop() == "1 of 3 series left out, because they are too short to evaluate: 'new'"
    backtest(model, (str(path),), BacktestOptions(horizon=2, origins=2, short_series="drop"), callbacks)
    assert any(sentence.endswith("for the backtest: 'new'") for sentence in said)
    answer = forecast(model, (str(path),), ForecastOptions(short_series="drop"), callbacks)
    assert answer.to_json()["remarks"][0].endswith("to forecast: 'new'")
    assert said[-1] == answer.to_json()["remarks"][-1]
    assert not caplog.messages


@pytest.mark.parametrize("options", [{}, {"difference": 2}, {"seasonal_difference": 1, "seasonal_period": 6}])
def test_short_series_of_an_evaluation(options: dict[str, Any], caplog: pytest.LogCaptureFixture) -> None:
    frame = long_frame({"a": 46, "b": 46})
    model = fitted(frame[frame["ds"] < "2003-05-01"], **options)
    expected = model.evaluate(frame)
    short = pd.concat([frame, long_frame({"new": 1}), long_frame({"newer": 2})], ignore_index=True)
    if options:
        with pytest.raises(DataError, match=r"'new'.*: expected more than"):
            model.evaluate(short)
    reader = model.reading(short_series="drop")
    with caplog.at_level(logging.WARNING):
        assert reader.evaluate(short) == expected
        assert reader.evaluate(short, steps=4) == model.evaluate(frame, steps=4)
    assert caplog.messages[0] == ("2 of 4 series left out, because they are too short to evaluate: 'new', 'newer'")
    assert reader.evaluate(frame) == expected
    with pytest.raises(DataError, match=r"expected a series with more than .* values before the first forecast"):
        reader.evaluate(long_frame({"new": 1}))
    caplog.clear()
    assert reader.evaluate(pd.concat([frame[:46], frame[46:86]]))["forecasts"] == 6
    assert not caplog.messages, "a series without new rows is not short"


def test_a_zone_is_kept_in_the_folder(tmp_path: Path) -> None:
    index = pd.bdate_range("2024-02-15", periods=40).tz_localize("America/New_York")
    model = fitted(pd.Series(wave(40), index=index, name="close"))
    model.save(tmp_path / "model")
    for each in (model, elman.load(tmp_path / "model")):
        times = each.forecast(horizon=2, levels=()).to_frame()["ds"]
        assert times.tolist() == list(pd.bdate_range("2024-04-11", periods=2).tz_localize("America/New_York"))
