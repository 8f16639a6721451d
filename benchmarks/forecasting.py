"""Forecasts compared with linear and naive ones from the same run: four series (one step ahead), ETTh1 (24 steps).

One step: the first 67 % of a series (80 % of the prices) are for training; the last part of them selects one of the
candidates below and its weights. Every later value is forecast from the true values before it. ETTh1: 12 months of 30
days for training, 4 for validation, 4 for testing; all 7 variables, scaled by the training part; forecasts of 24 hours
from every hour.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from typing import Any

import numpy as np
from _common import dataset, machine

QUICK = False

# File, columns of times and values, share of training data, validation steps in it, lags of the linear autoregression,
# and the target error.
SERIES: dict[str, tuple[str, str, str, float, int, int, float | None]] = {
    "airline": ("airline-passengers.csv", "Month", "Passengers", 0.67, 24, 12, 20.9),
    "sunspots": ("monthly-sunspots.csv", "Month", "Sunspots", 0.67, 400, 36, 16.7),
    "temperatures": ("daily-min-temperatures.csv", "Date", "Temp", 0.67, 500, 28, 2.34),
    "apple": ("finance-charts-apple.csv", "", "AAPL.Close", 0.8, 80, 5, None),
}
CANDIDATES: dict[str, list[dict[str, Any]]] = {
    "airline": [
        {"transform": "log", "context": 24, "autoregression": 12},
        {"transform": "log", "context": 24, "autoregression": 13},
        {"transform": "log", "seasonal_difference": 1, "context": 24, "autoregression": 1},
    ],
    "sunspots": [
        {"context": 96, "autoregression": 12, "hidden_size": 32, "max_steps": 900},
        {"context": 96, "autoregression": 36, "hidden_size": 32, "max_steps": 900},
    ],
    # The 29th of February is not in the data.
    "temperatures": [
        {
            "calendar": ("day_of_year",),
            "context": 56,
            "autoregression": lags,
            "residual_to_last": False,
            "missing": "mask",
        }
        for lags in (7, 28)
    ],
    "apple": [
        {"transform": "log", "context": 30, "autoregression": 5, "least_squares": False},
        {"transform": "log", "context": 30, "autoregression": 5},
    ],
}
COMMON = {"learning_rate": 2e-3, "calendar": ("none",), "members": 3}


def one_step(name: str, threads: int, seed: int) -> None:
    """Select a candidate on the validation part, and print its error on the test part."""
    import pandas as pd

    from elman import Forecaster
    from elman.metrics.forecast_baselines import LinearAutoregression

    file, time_column, column, share, valid, lags, most = SERIES[name]
    frame = pd.read_csv(dataset(f"timeseries/{file}"))
    frame = frame[[time_column, column]] if time_column else frame[[column]]
    count = int(len(frame) * share)
    begun, found = time.perf_counter(), []
    for options in CANDIDATES[name]:
        settled = {**COMMON, **options, "valid_steps": valid, "device": "cpu", "threads": threads, "seed": seed}
        model = Forecaster("small", **settled).fit(frame.iloc[:count], progress=False)
        error = model.evaluate(frame.iloc[:count], steps=valid)["rmse"]
        print(f"{name}: validation RMSE {error:.3f} with {options}", flush=True)
        found.append((error, len(found), model))
    model = min(found)[2]
    seconds = time.perf_counter() - begun
    values = frame[column].to_numpy(float)
    rest = values[count:]
    linear = LinearAutoregression(lags).fit([values[:count]]).one_step(values, count)

    def rmse(forecast: Any) -> float:
        return float(np.sqrt(np.mean((forecast - rest) ** 2)))

    own = model.evaluate(frame)["rmse"]
    asked = "" if most is None else f"  (at most {most:g}: {verdict(own, most)})"
    print(f"{name}: last value          RMSE {rmse(values[count - 1 : -1]):.3f}")
    print(f"{name}: linear, {lags:3} lags    RMSE {rmse(linear):.3f}")
    print(f"{name}: network             RMSE {own:.3f}{asked}, {seconds:.0f} s", flush=True)


def etth1(threads: int, seed: int, lags: int) -> None:
    """Train a direct network on all variables as separate series, with a linear map of the last values in parallel."""
    import pandas as pd

    from elman import Forecaster

    frame = pd.read_csv(dataset("timeseries/ETTh1.csv")).iloc[: 20 * 720]
    columns, horizon = list(frame.columns[1:]), 24
    scaled = frame.copy()
    scaled[columns] = (frame[columns] - frame[columns][:8640].mean()) / frame[columns][:8640].std(ddof=0)
    begun = time.perf_counter()
    model = Forecaster(
        "small", mode="direct", horizon=horizon, together=False, scaling="none", distribution="point", loss_steps=1,
        context=48, autoregression=lags, calendar=("hour",), hidden_size=32, dropout=0.2, batch_size=128,
        learning_rate=3e-3, max_steps=1000, ema_decay=0.99, evaluate_every=125, valid_steps=2880,
        device="cpu", threads=threads, seed=seed,
    ).fit(scaled.iloc[:11520], progress=False)  # fmt: skip
    seconds = time.perf_counter() - begun
    figures = model.evaluate(scaled, steps=2880)
    values = scaled[columns].to_numpy()
    print(f"ETTh1: last value             MSE {_windows(values, 96, horizon, _last):.4f}")
    print(f"ETTh1: linear map of 96 steps MSE {_linear(values, 96, horizon):.4f}")
    if lags != 96:
        print(f"ETTh1: linear map of {lags:3}      MSE {_linear(values, lags, horizon):.4f}")
    valid = model.metrics["valid"]["loss"]
    print(
        f"ETTh1: network                MSE {figures['mse']:.4f}, MAE {figures['mae']:.4f} of {figures['forecasts']:,} "
        f"forecasts (validation {valid:.4f}; at most 0.31: {verdict(figures['mse'], 0.31)}), {seconds:.0f} s"
    )


def _last(past: np.ndarray[Any, Any], horizon: int) -> np.ndarray[Any, Any]:
    return np.repeat(past[:, -1:], horizon, axis=1)


def _rows(values: np.ndarray[Any, Any], first: int, stop: int, lags: int, horizon: int) -> np.ndarray[Any, Any]:
    """Return all windows of `lags + horizon` values of each variable with forecasts between `first` and `stop`."""
    part = values[first - lags : stop]
    return np.lib.stride_tricks.sliding_window_view(part, lags + horizon, axis=0).reshape(-1, lags + horizon)


def _windows(values: np.ndarray[Any, Any], lags: int, horizon: int, forecast: Callable[..., Any]) -> float:
    rows = _rows(values, 11520, 14400, lags, horizon)
    return float(((forecast(rows[:, :lags], horizon) - rows[:, lags:]) ** 2).mean())


def _linear(values: np.ndarray[Any, Any], lags: int, horizon: int) -> float:
    """Return the error of a linear map shared by all variables, fitted by least squares to the training part."""
    rows = _rows(values, lags, 8640, lags, horizon)
    x = np.concatenate([rows[:, :lags], np.ones((len(rows), 1))], axis=1)
    weights = np.linalg.solve(x.T @ x + 1e-3 * np.eye(lags + 1), x.T @ rows[:, lags:])
    return _windows(values, lags, horizon, lambda past, _: past @ weights[:-1] + weights[-1])


def verdict(error: float, most: float) -> str:
    """Return whether an error is at most the target."""
    return "reached" if error <= most else "missed"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", choices=[*SERIES, "etth1"], help="only this data set")
    parser.add_argument("--lags", type=int, default=96, help="ETTh1: number of lags of the linear map in the network")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    print(machine(), flush=True)
    for name in SERIES:
        if arguments.only in (None, name):
            one_step(name, arguments.threads, arguments.seed)
    if arguments.only in (None, "etth1"):
        etth1(arguments.threads, arguments.seed, arguments.lags)


if __name__ == "__main__":
    main()
