"""What a forecaster's endpoints give to others than the command line."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from elman import Forecaster
from elman.errors import ConfigError
from elman.tasks.endpoint import Call, EndpointCallbacks, Screen
from elman.tasks.forecaster.endpoints import BacktestOptions, ForecastOptions, backtest, forecast

from .small_series import fitted, long_frame, series_file


@pytest.fixture(scope="module")
def model() -> Forecaster:
    return fitted(long_frame({"a": 40, "b": 30, "c": 22}))


def test_a_forecast_of_a_file_leaves_the_model_as_it_is(model: Forecaster, tmp_path: Path) -> None:
    path, before = series_file(tmp_path), model.config
    found = forecast(model, (str(path),), ForecastOptions(horizon=2, levels="50", missing="zero"), EndpointCallbacks())
    assert model.config is before
    expected = model.forecast(path, 2, levels=(50,))
    assert found.to_json() == expected.to_json()
    assert "".join(found.to_text(Screen())).startswith("unique_id")
    said: list[str] = []
    assert found.save(tmp_path / "f.csv", as_json=False, remark=said.append)
    assert not found.save(tmp_path / "f.csv", as_json=True, remark=said.append), "JSON is still to be shown"
    assert (tmp_path / "f.csv").read_text() == expected.to_csv()
    assert said == [f"written: {tmp_path / 'f.csv'}"] * 2


def test_new_series_are_columns_by_name(model: Forecaster) -> None:
    found = forecast(model, (), ForecastOptions(create=5, samples=2, seed=3), EndpointCallbacks())
    document = json.loads(json.dumps(found.to_json()))
    assert list(document) == ["y-1", "y-2"]
    np.testing.assert_array_equal(document["y-2"], model.create(5, random=4))


def test_a_backtest_remarks_on_what_the_model_has_seen(model: Forecaster, tmp_path: Path) -> None:
    said: list[str] = []
    shares: list[float] = []
    callbacks = EndpointCallbacks(lambda stage, share: shares.append(share), said.append)
    found = backtest(model, (str(series_file(tmp_path)),), BacktestOptions(horizon=2, origins=2), callbacks)
    assert found.to_json()["forecasts"] == 6
    assert shares == [0, 0.5]
    assert [sentence[:29] for sentence in said] == [
        "the model was trained or sele",
        "the network is a new one with",
    ]
    said.clear()
    backtest(model, (str(series_file(tmp_path)),), BacktestOptions(horizon=2, origins=2, as_is=True), callbacks)
    assert [sentence.partition(" of ")[0] for sentence in said] == ["the network was trained or selected on steps"]


@pytest.mark.parametrize(
    ("options", "files", "message"),
    [
        (BacktestOptions(), (), "expected data to test on"),
        (BacktestOptions(levels="many"), ("a.csv",), "expected --levels in per cent"),
        (ForecastOptions(samples=2, create=4), ("a.csv",), "with --create. Received: DATA, --json"),
        (ForecastOptions(series="a"), (), "expected --picture with --series"),
    ],
)
def test_options_are_refused_before_a_model_is_opened(
    options: BacktestOptions | ForecastOptions, files: tuple[str, ...], message: str
) -> None:
    with pytest.raises(ConfigError, match=message):
        options.check(files, Call(as_json=True))
