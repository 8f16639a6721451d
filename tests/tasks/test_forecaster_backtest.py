"""Backtests: nothing after an origin is used, baselines next to the network, scores by hand, the conclusion."""

from __future__ import annotations

import logging
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from elman import Forecaster
from elman.errors import ConfigError, DataError
from elman.metrics.forecast_backtest import NETWORK, Backtest
from elman.metrics.forecast_baselines import LinearAutoregression, drift, seasonal_naive
from elman.metrics.forecast_scores import mase

from .small_series import OPTIONS, fitted, long_frame, wave


def test_the_scores_by_hand() -> None:
    frame = long_frame({"a": 60, "b": 50})
    model = fitted(long_frame({"a": 40, "b": 30}), valid_steps=3)
    found = model.backtest(frame, 4, origins=3, step=2, levels=(80,), paths=50)
    assert found.windows == 6
    names = ("network", "seasonal_naive", "drift", "autoregression")
    errors: dict[str, list[Any]] = {name: [] for name in names}
    ratios: dict[str, list[float]] = {name: [] for name in names}
    for back in (4, 2, 0):
        for name in "ab":
            values = frame.loc[frame["unique_id"] == name, "y"].to_numpy()
            stop = len(values) - 4 - back
            past, truth = values[:stop], values[stop : stop + 4]
            own = model.forecast(frame[frame["unique_id"] == name].iloc[:stop], 4, levels=(80,), samples=50)
            simple = {
                "network": own.mean[0, :, 0],
                "seasonal_naive": seasonal_naive(past, 4, 12),
                "drift": drift(past, 4),
                "autoregression": LinearAutoregression(min(24, stop // 3)).fit([past]).forecast(past, 4),
            }
            for label, values_4 in simple.items():
                errors[label].append(truth - values_4)
                ratios[label].append(mase(truth, values_4, past, 12))
    for label in names:
        if label == "network":  # paths are drawn for other groups of series here
            assert found.scores[NETWORK]["rmse"] == pytest.approx(np.sqrt(np.mean(np.square(errors[label]))), rel=0.2)
            continue
        assert found.scores[label]["rmse"] == pytest.approx(np.sqrt(np.mean(np.square(errors[label]))))
        assert found.scores[label]["mae"] == pytest.approx(np.mean(np.abs(errors[label])))
        assert found.scores[label]["crps"] == found.scores[label]["mae"]
        assert found.scores[label]["mase"] == pytest.approx(np.mean(ratios[label]))
    assert found.scores[NETWORK]["crps"] < found.scores[NETWORK]["mae"]
    assert 0 <= found.coverage[80] <= 1
    assert found.remarks == []


def test_a_network_of_one_value_is_scored_exactly() -> None:
    values = wave(60)
    model = fitted(values[:40], distribution="point")
    found = model.backtest(values, 3, origins=2)
    by_hand = [model.forecast(values[:stop], 3).mean[0, :, 0] - values[stop : stop + 3] for stop in (54, 57)]
    assert found.scores[NETWORK]["rmse"] == pytest.approx(np.sqrt(np.mean(np.square(by_hand))), rel=1e-4)
    assert found.scores[NETWORK]["crps"] == found.scores[NETWORK]["mae"]
    assert found.coverage == {}
    assert found.horizon == 3
    np.testing.assert_allclose(found.last.mean[0, :, 0], by_hand[1] + values[57:], rtol=1e-4)


@pytest.mark.parametrize("refit", [False, True])
def test_nothing_after_an_origin_is_used(refit: bool) -> None:
    """With other values after the first origin, its forecasts are the same, those of the simple ones too."""
    frame = long_frame({"new": 44})
    model = fitted(long_frame({"a": 40}), max_steps=2)
    other = frame.copy()
    other.loc[other.index >= 38, "y"] *= 30
    one, two = (model.backtest(each, 3, origins=2, refit=refit, paths=20) for each in (frame, other))
    assert one.scores["drift"] != two.scores["drift"], "what came is another"
    early = [model.backtest(each.iloc[:41], 3, origins=1, refit=refit, paths=20) for each in (frame, other)]
    assert np.array_equal(early[0].last.mean, early[1].last.mean)
    assert all(np.array_equal(*(side[0] for side in pair)) for pair in zip(
        early[0].last.intervals.values(), early[1].last.intervals.values(), strict=True)
    )  # fmt: skip


def test_a_remark_where_the_network_has_seen_what_it_is_tested_on() -> None:
    frame = long_frame({"a": 40, "b": 40})
    model = fitted(frame)
    (remark,) = model.backtest(frame, 3, origins=2, as_is=True, paths=10).remarks
    assert remark.startswith("the network was trained or selected on steps of 2 of 2 series")
    assert model.backtest(frame, 3, origins=1, refit=True, paths=10).remarks == []
    untrained = Forecaster(**OPTIONS)
    assert untrained.backtest(frame, 3, origins=1, refit=True, paths=10).windows == 2
    unseen = long_frame({"c": 40})
    assert model.backtest(unseen, 3, origins=2, paths=10).remarks == []


def test_a_model_that_has_seen_what_it_is_tested_on_is_trained_again(caplog: pytest.LogCaptureFixture) -> None:
    """By default, the measured network is that of the same options, trained on what is before the first origin."""
    frame = long_frame({"a": 40, "b": 40})
    model, before = fitted(frame), fitted(long_frame({"a": 34, "b": 34}))
    with caplog.at_level(logging.WARNING, logger="elman.tasks"):
        found = model.backtest(frame, 3, origins=2, paths=10, tune=False)
    assert found.scores == before.backtest(frame, 3, origins=2, paths=10).scores
    assert found.scores != model.backtest(frame, 3, origins=2, paths=10, as_is=True).scores
    assert found.remarks == [found.remarks[0]]
    assert found.remarks[0].startswith("the network is a new one with the same options, trained on the 68 steps before")
    assert "is trained on the 68 steps before the first origin, about as long as the model was" in caplog.text
    assert "as_is (--as-is) measures the model as it is" in caplog.text
    caplog.clear()
    with caplog.at_level(logging.WARNING, logger="elman.tasks"):
        assert before.backtest(frame, 3, origins=2, paths=10).remarks == []
    assert caplog.text == "", "a model of data before the first origin is measured as it is"
    # One origin earlier, it has seen three of the steps.
    assert before.backtest(frame, 3, origins=3, paths=10, tune=False).remarks != []
    with pytest.raises(ConfigError, match="expected one of refit"):
        model.backtest(frame, 3, refit=True, as_is=True)


def test_the_verdict_names_the_winner() -> None:
    def judged(own: float, other: float, **more: float) -> Backtest:
        row = dict.fromkeys(("smape", "rmse", "crps"), 1.0)
        scores = {
            NETWORK: {**row, "mase": own, "mae": own},
            "seasonal_naive": {**row, "mase": other, "mae": other},
            "drift": {**row, "mase": more.get("drift", 9.0), "mae": 9.0},
        }
        return Backtest(3, 2, scores, {})

    assert judged(0.9, 1.0).verdict == (
        "The network is better than the best simple forecast (seasonal naive) by 10.0 % in MASE."
    )
    beaten = judged(1.1, 1.0).verdict
    assert beaten.startswith("The network is beaten by a simple forecast (seasonal naive): MASE 1.1 against 1.")
    assert "beaten" in judged(1.0, 1.0).verdict, "as good as a simple one is no reason for a network"
    assert "in MAE" in judged(0.9, 1.0, drift=math.nan).verdict


def test_the_verdict_has_an_interval_over_periods_of_time() -> None:
    draw = np.random.default_rng(0)

    def judged(own: float, periods: int) -> Backtest:
        counts = np.stack([draw.uniform(0.9, 1.1, periods), np.ones(periods)], axis=1)
        errors = {NETWORK: counts * [own, 1], "seasonal_naive": counts, "drift": counts * [2, 1]}
        scores = {name: dict.fromkeys(("mase", "smape", "rmse", "mae", "crps"), 1.0) for name in errors}
        return Backtest(3, periods, scores, {}, errors=errors)

    better, worse, few = judged(0.5, 20), judged(1.5, 20), judged(0.5, 3)
    assert better.to_json()["outcome"] == "better"
    assert better.verdict.startswith("The network is better than the best simple rule (seasonal naive) by 0.5")
    assert better.verdict.endswith("on 20 separate periods of forecasts.")
    assert worse.to_json()["outcome"] == "worse"
    assert worse.verdict.endswith("Use that one, or train differently.")
    assert few.to_json()["outcome"] == "even"
    assert few.verdict.endswith("3 separate periods of forecasts are too few to say which is better.")
    counts = np.stack([draw.uniform(0.5, 1.5, (2, 20)), np.ones((2, 20))], axis=2)
    even = Backtest(3, 20, better.scores, {}, errors={NETWORK: counts[0], "drift": counts[1]})
    assert "not better than the best simple rule (drift) within the error" in even.verdict
    assert even.to_json()["outcome"] == "even"


def test_the_periods_of_a_backtest_have_its_scores() -> None:
    frame = long_frame({"a": 40, "b": 40})
    found = fitted(long_frame({"a": 30, "b": 30})).backtest(frame, 3, origins=6, step=1, paths=10)
    assert found.windows == 12
    for name, sums in found.errors.items():
        assert sums[:, 1].tolist() == [3, 3, 3, 3]
        assert sums[:, 0].sum() / 12 == pytest.approx(found.scores[name]["mase"])


def test_a_walk_is_best_forecast_by_its_last_value() -> None:
    """A network cannot beat a random walk's last value by much, and a backtest reports it if it does not."""
    walk = 100 + np.random.default_rng(2).normal(size=200).cumsum()
    model = fitted(walk[:150], max_steps=1, least_squares=False, autoregression=3, distribution="point")
    with np.errstate(all="raise"):
        found = model.backtest(walk, 1, origins=40, step=1)
    assert found.scores[NETWORK]["mae"] == pytest.approx(found.scores["seasonal_naive"]["mae"], rel=0.05)
    assert found.to_json()["forecasts"] == 40
    assert [row[0] for row in found.table()] == ["", "network", "seasonal naive", "drift", "linear autoregression"]


def test_the_last_forecast_is_drawn(tmp_path: Path) -> None:
    found = fitted(long_frame({"a": 40, "b": 40})).backtest(long_frame({"a": 40, "b": 40}), 3, origins=2, paths=10)
    found.plot(tmp_path / "last.png", series="b")
    assert (tmp_path / "last.png").read_bytes().startswith(b"\x89PNG")
    with pytest.raises(ConfigError, match="expected a series"):
        found.plot(tmp_path / "last.png", series=2)


def test_what_cannot_be_tested() -> None:
    model = fitted(wave(40), max_steps=1)
    with pytest.raises(DataError, match="at least 52 values for 4 origins 12 steps apart"):
        model.backtest(wave(40), 12, origins=4)
    with pytest.raises(ConfigError, match="expected at least one origin"):
        model.backtest(wave(40), 2, origins=0)
    with pytest.raises(ConfigError, match="expected a horizon"):
        model.backtest(wave(40), 0)
