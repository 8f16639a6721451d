"""sktime's own checks on the adapter, and that it answers as the forecaster that it wraps."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import elman
from elman.errors import ConfigError, DataError

pytest.importorskip("sktime")
from sktime.forecasting.base import ForecastingHorizon
from sktime.utils.estimator_checks import check_estimator

from elman.adapters.sktime import ElmanForecaster

PLAIN: dict[str, Any] = {"device": "cpu", "threads": 1, "precision": "float32"}
QUICK: dict[str, Any] = {"preset": "small", "hidden_size": 4, "max_steps": 4}


def quick(**arguments: Any) -> ElmanForecaster:
    return ElmanForecaster(**{**QUICK, "options": PLAIN, **arguments})


def own(**options: Any) -> elman.Forecaster:
    return elman.Forecaster(**{**QUICK, **PLAIN, **options})


def passengers(years: int = 8) -> pd.Series:
    """Months that grow, with a season."""
    months = np.arange(12 * years)
    noise = 0.05 * np.random.default_rng(0).normal(size=len(months))
    values = np.exp(4.7 + 0.01 * months + 0.2 * np.sin(months * np.pi / 6) + noise)
    return pd.Series(values, index=pd.period_range("1949-01", periods=len(months), freq="M"), name="passengers")


def days(count: int = 40, seed: int = 0) -> pd.Series:
    values = 50 + np.random.default_rng(seed).normal(size=count).cumsum()
    return pd.Series(values, index=pd.date_range("2020-01-01", periods=count, freq="D"), name="y")


def panel() -> pd.DataFrame:
    """Three series; the last of them ends two days before the others."""
    parts = {"a": days(30, 1), "b": days(30, 2), "c": days(28, 3)}
    table = pd.concat({name: part.to_frame() for name, part in parts.items()}, names=["shop", "day"])
    assert isinstance(table, pd.DataFrame)
    return table


# sktime's suite is run as it is. Its own warnings are its own; those two come hundreds of times.
its_own_warnings = pytest.mark.filterwarnings(
    "default",
    "ignore:Forecasters' predict_proba requires skpro",  # skpro is not installed; sktime leaves out what needs it
    "ignore:Sorting by default when concatenating:DeprecationWarning",  # sktime's call of pandas.concat
)
SOME_CHECKS = ["test_constructor", "test_set_params", "test_fit_does_not_overwrite_hyper_params", "test_fit_predict",
               "test_predict_quantiles", "test_update_predict_single", "test_persistence_via_pickle"]  # fmt: skip


@its_own_warnings
def test_some_of_sktimes_checks() -> None:
    results = check_estimator(ElmanForecaster, raise_exceptions=False, verbose=False, tests_to_run=SOME_CHECKS)
    assert {name: result for name, result in results.items() if result != "PASSED"} == {}
    assert {name.partition("[")[0] for name in results} == set(SOME_CHECKS)


@pytest.mark.slow
@its_own_warnings
@pytest.mark.timeout(600)  # 890 checks, most of which train
def test_sktimes_checks() -> None:
    results = check_estimator(ElmanForecaster, raise_exceptions=False, verbose=False)
    assert {name: result for name, result in results.items() if result != "PASSED"} == {}
    print(f"{len(results)} checks passed")
    assert len(results) >= 690


def test_forecasts_and_intervals_are_those_of_the_model() -> None:
    y = passengers()
    adapter = quick(transform="log").fit(y)
    steps = list(range(1, 13))
    model = own(transform="log").fit(y, progress=False)
    forecast = model.forecast(horizon=12, levels=(80, 95))
    found = adapter.predict(fh=steps)
    assert np.array_equal(found.to_numpy(), forecast.mean[0, :, 0])
    assert (found.index == pd.period_range("1957-01", periods=12, freq="M")).all()
    assert found.name == "passengers"
    between = adapter.predict_interval(fh=steps, coverage=[0.8, 0.95])["passengers"]
    for coverage, level in ((0.8, 80.0), (0.95, 95.0)):
        low, high = forecast.intervals[level]
        assert np.allclose(between[coverage]["lower"], low[0, :, 0], rtol=1e-9)
        assert np.allclose(between[coverage]["upper"], high[0, :, 0], rtol=1e-9)
    quantiles = adapter.predict_quantiles(fh=steps, alpha=[0.9, 0.5, 0.1])["passengers"]
    assert list(quantiles.columns) == [0.9, 0.5, 0.1]
    assert np.allclose(quantiles[0.9], forecast.intervals[80.0][1][0, :, 0], rtol=1e-9)
    assert np.allclose(quantiles[0.5], found, rtol=1e-4)  # the model's one value is the median


def test_a_step_that_is_asked_for_alone_is_that_step() -> None:
    y = passengers()
    adapter = quick(random_state=3).fit(y)
    many = adapter.predict(fh=[1, 2, 3, 4])
    assert np.array_equal(adapter.predict(fh=[2, 4]), many.iloc[[1, 3]])
    absolute = ForecastingHorizon(pd.PeriodIndex(["1957-02", "1957-04"], freq="M"), is_relative=False)
    assert adapter.predict(fh=absolute).equals(many.iloc[[1, 3]])
    assert not np.array_equal(many, quick(random_state=4).fit(y).predict(fh=[1, 2, 3, 4]))


def test_the_past_is_forecast_from_what_came_before_it() -> None:
    y = days()
    adapter = quick(difference=1).fit(y)
    inside = adapter.predict(fh=list(range(-39, 2)))
    assert inside.index[0] == y.index[0]
    assert np.isnan(inside.to_numpy()).tolist() == [True, True] + 39 * [False]  # a difference needs two values
    for stop in (2, 20, 39, 40):
        ahead = adapter.model_.forecast(y[:stop], horizon=1, levels=(50,))
        assert np.isclose(inside.iloc[stop], ahead.mean[0, 0, 0])
        quarter = adapter.predict_quantiles(fh=[stop - 39], alpha=[0.25])
        assert np.isclose(quarter.iloc[0, 0], ahead.intervals[50.0][0][0, 0, 0])
    assert len(adapter.predict_residuals(y[5:])) == 35


def test_an_update_goes_on_from_the_new_values() -> None:
    y = days()
    adapter = quick().fit(y[:30])
    model = adapter.model_
    adapter.update(y[28:35], update_params=False)
    assert adapter.model_ is model
    assert np.allclose(adapter.predict(fh=[1, 2]), model.forecast(y[:35], horizon=2).mean[0, :, 0])
    adapter.update(y[35:], update_params=True)
    assert np.array_equal(adapter.predict(fh=[1, 2]), quick().fit(y).predict(fh=[1, 2]))


def test_one_network_serves_all_series_of_a_panel(tmp_path: Path) -> None:
    y = panel()
    adapter = quick().fit(y)
    found = adapter.predict(fh=[1, 2])
    assert found.index.names == ["shop", "day"]
    assert found.index.tolist() == [(shop, day) for shop in "abc" for day in pd.date_range("2020-01-31", periods=2)]
    long = y.reset_index().rename(columns={"shop": "unique_id", "day": "ds"})
    model = own().fit(long, progress=False)
    ahead = model.forecast(horizon=4).mean[..., 0]
    assert np.allclose(found.to_numpy().ravel(), [*ahead[0, :2], *ahead[1, :2], *ahead[2, 2:]])
    adapter.model_.save(tmp_path / "model")
    assert elman.load(tmp_path / "model").known.tail.ids == ["a", "b", "c"]
    assert adapter.predict_interval(fh=[1]).shape == (3, 2)


def test_several_variables_are_one_series() -> None:
    table = pd.DataFrame({"up": days(seed=1), "down": -days(seed=2)})
    adapter = quick().fit(table)
    model = own().fit(table, progress=False)
    assert np.array_equal(adapter.predict(fh=[1, 2, 3]).to_numpy(), model.forecast(horizon=3).mean[0])
    assert adapter.predict(fh=[1]).columns.tolist() == ["up", "down"]
    columns = adapter.predict_quantiles(fh=[1], alpha=[0.1, 0.9]).columns
    assert columns.tolist() == [("up", 0.1), ("up", 0.9), ("down", 0.1), ("down", 0.9)]


def test_covariates_are_known_ahead() -> None:
    y = days()
    X = pd.DataFrame(
        {"price": np.arange(44.0), "y": np.sin(np.arange(44.0))}, index=pd.date_range("2020-01-01", periods=44)
    )
    adapter = quick().fit(y, X=X[:40])
    table = y.to_frame("y").join(X.rename(columns={"y": "X_y"}), how="outer")
    model = own(target_columns=("y",), future_covariates=("price", "X_y")).fit(table, progress=False)
    found = adapter.predict(fh=[1, 4], X=X[40:][["y", "price"]])
    assert np.array_equal(found, model.forecast(horizon=4).mean[0, [0, 3], 0])
    other = X[40:].assign(price=-100.0)
    assert not np.array_equal(found, adapter.predict(fh=[1, 4], X=other))
    assert np.isfinite(adapter.predict(fh=[-3])).all()
    with pytest.raises(DataError, match=r"for all 4 steps ahead .*Received: 2 steps"):
        adapter.predict(fh=[1, 4], X=X[40:42])
    with pytest.raises(DataError, match=r"for all 1 steps ahead .*Received: 0 steps"):
        adapter.predict(fh=[1])
    with pytest.raises(DataError, match=r"expected X with the columns 'price', 'y', as in fit. Received: 'price'"):
        adapter.predict(fh=[1], X=X[40:][["price"]])
    with pytest.raises(DataError, match=r"expected X with the columns \(none\), as in fit"):
        quick().fit(y).predict(fh=[1], X=X[40:])


def test_covariates_that_are_known_up_to_the_present() -> None:
    y = days()
    X = pd.DataFrame({"rain": np.sin(np.arange(44.0))}, index=pd.date_range("2020-01-01", periods=44))
    adapter = quick(mode="direct", options={**PLAIN, "past_covariates": ("rain",)}).fit(y, X=X[:40], fh=[1, 2, 3])
    assert adapter.model_.known.tail.past_names == ("rain",)
    assert np.array_equal(adapter.predict(), adapter.predict(X=X[40:]))


def test_a_direct_forecast_has_the_horizon_that_fit_was_reported() -> None:
    assert quick(mode="direct").fit(days(), fh=[-1, 2, 5]).model_.config.window.horizon == 5
    assert quick(mode="direct", horizon=3).fit(days(), fh=[5]).model_.config.window.horizon == 3
    assert quick(mode="direct").fit(days()).model_.config.window.horizon == 12


def test_missing_values_and_times() -> None:
    y = days()
    y.iloc[5] = np.nan
    with pytest.raises(ValueError, match="cannot handle missing data"):
        quick().fit(y)
    gap = y.drop(y.index[5])
    with pytest.raises(DataError, match="expected a row for 2020-01-06"):
        quick().fit(gap)
    filled = quick(missing="interpolate")
    assert filled.get_tag("capability:missing_values")
    expected = filled.fit(y).predict(fh=[1, 2])
    found = filled.fit(gap).predict(fh=[1, 2])
    assert np.array_equal(found, expected)
    assert found.index.tolist() == [pd.Timestamp("2020-02-10"), pd.Timestamp("2020-02-11")]


def test_a_point_has_no_intervals() -> None:
    adapter = quick(distribution="point").fit(days())
    assert np.isfinite(adapter.predict(fh=[1, 2, 3])).all()
    with pytest.raises(NotImplementedError, match="prediction intervals"):
        adapter.predict_interval(fh=[1])


@pytest.mark.parametrize(
    "index",
    [
        pd.RangeIndex(5, 45),
        pd.date_range("2020-01-01", periods=40, freq="W-WED"),
        pd.date_range("2020-01-31", periods=40, freq="ME"),
        pd.date_range("2020-01-01", periods=40, freq="B"),
        pd.date_range("2020-06-01", periods=40, freq="h", tz="Europe/Berlin"),
        pd.date_range("2020-02-20", periods=40, freq="D", tz="America/New_York"),
        pd.period_range("2020-01", periods=40, freq="Q"),
        pd.period_range("2020-01-01", periods=40, freq="W-FRI"),
    ],
    ids=["range", "W-WED", "ME", "B", "zone", "days of a zone", "quarters", "weeks"],
)
def test_indexes(index: pd.Index) -> None:
    y = pd.Series(days().to_numpy(), index=index)
    adapter = quick().fit(y[:37])
    found = adapter.predict(fh=[-1, 0, 1, 2, 3])
    assert found.index.equals(index[35:])
    assert np.isfinite(found).all()


def test_wrong_options_are_reported_in_fit() -> None:
    with pytest.raises(ConfigError, match="Did you mean 'hidden_size'"):
        quick(options={"hiden": 4}).fit(days())
    for name in ("hidden_size", "seed", "target_columns", "missing"):
        with pytest.raises(ConfigError, match=f"expected options that are neither arguments.*Received: '{name}'"):
            quick(options={name: 4}).fit(days())


def test_a_horizon_without_end() -> None:
    with pytest.raises(ConfigError, match=r"expected a horizon from 1 to 100,000 steps. Received: 1000000"):
        quick().fit(pd.Series(days().to_numpy())).predict(fh=[10**6])


def test_series_whose_names_are_one_as_text() -> None:
    parts = {("a/b", "c"): days(), ("a", "b/c"): days()}
    y = pd.concat({key: part.to_frame() for key, part in parts.items()}, names=["one", "two", "day"]).sort_index()
    with pytest.raises(DataError, match=r"expected a unique name for each series. Received: 'a/b/c' twice"):
        quick().fit(y)


def test_without_sktime_the_error_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "elman.adapters.sktime")
    monkeypatch.setitem(sys.modules, "sktime.classification.base", None)
    with pytest.raises(ConfigError, match=r"expected sktime to be installed: pip install 'elman\[sktime\]'. Received"):
        importlib.import_module("elman.adapters.sktime")
