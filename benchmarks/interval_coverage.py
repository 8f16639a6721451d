"""Coverage of a forecaster's intervals with default options, and its errors next to those of simple forecasts.

usage: python benchmarks/interval_coverage.py [--budgets 10 60] [--seeds 1] [--only NAME ...] [--new] [--rows FILE]

Each model is trained, with default options and a budget in seconds, on what comes before the test part of a series or
panel, and then forecasts from at least 25 origins in the test part, which no model has seen. Coverage is shown as
trained ("before", with calibrate=False measured on the same weights) and calibrated. The last lines pool all data, each
set with the same weight. Rows are kept in a file, and the script goes on where it stopped.

The errors are compared with those of the best simple rule by periods of time, since forecasts that overlap are not
independent of each other. --new takes series that no choice of the method was made on: other columns of the same
files, and series that come with sktime.
"""

from __future__ import annotations

import argparse
import copy
import dataclasses
import json
import statistics
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from _common import dataset, machine

import elman

ORIGINS = 25


class Series(NamedTuple):
    """Values to train on and to test on, the horizon, steps between origins, and options."""

    frame: pd.DataFrame
    horizon: int
    step: int
    options: dict[str, Any]


def one(name: str, column: str, frequency: str, horizon: int, step: int, **options: Any) -> Callable[[], Series]:
    """A column of a table whose rows follow on each other."""

    def make() -> Series:
        values = pd.read_csv(dataset(f"timeseries/{name}"))[column].interpolate().bfill()
        times = pd.date_range("2000-01-01", periods=len(values), freq=frequency)
        return Series(pd.DataFrame({"ds": times, "y": values.to_numpy(float)}), horizon, step, options)

    return make


def made() -> Series:
    """200 monthly series with a level, a trend, a season and noise of their own."""
    draw, frames = np.random.default_rng(0), []
    steps = np.arange(120)
    times = pd.date_range("2010-01-01", periods=120, freq="MS")
    for number in range(200):
        level, scale = draw.uniform(20, 500), draw.uniform(0.02, 0.1)
        season = draw.uniform(0, 0.3) * np.sin(2 * np.pi * (steps + draw.integers(12)) / 12)
        walk = np.cumsum(draw.normal(draw.normal(0, 0.002), scale / 3, 120))
        values = level * np.exp(season + walk + draw.normal(0, scale, 120))
        frames.append(pd.DataFrame({"unique_id": f"s{number}", "ds": times, "y": values}))
    return Series(pd.concat(frames), 12, 1, {})


def bundled(path: str, column: int, frequency: str, horizon: int, step: int) -> Callable[[], Series]:
    """A column of a table that comes with sktime."""

    def make() -> Series:
        import sktime

        table = pd.read_csv(Path(sktime.__file__).parent / "datasets/data" / path)
        values = table.iloc[:, column].astype(float).to_numpy()
        times = pd.date_range("1950-01-01", periods=len(values), freq=frequency)
        return Series(pd.DataFrame({"ds": times, "y": values}), horizon, step, {})

    return make


DATA: dict[str, Callable[[], Series]] = {
    "airline": one("airline-passengers.csv", "Passengers", "MS", 12, 1, transform="log"),
    "sunspots": one("monthly-sunspots.csv", "Sunspots", "MS", 12, 12),
    "temperatures": one("daily-min-temperatures.csv", "Temp", "D", 12, 12),
    "ETTh1": one("ETTh1.csv", "OT", "h", 24, 24),
    "pollution": one("pollution.csv", "pm2.5", "h", 24, 24),
    "made panel": made,
}

NEW: dict[str, Callable[[], Series]] = {
    "ETTh1 HUFL": one("ETTh1.csv", "HUFL", "h", 24, 24),
    "ETTh1 LULL": one("ETTh1.csv", "LULL", "h", 24, 24),
    "dew point": one("pollution.csv", "DEWP", "h", 24, 24),
    "pressure": one("pollution.csv", "PRES", "h", 24, 24),
    "wind": one("pollution.csv", "Iws", "h", 24, 24),
    "prices": one("finance-charts-apple.csv", "AAPL.Close", "B", 12, 6),
    "consumption": bundled("Uschange/Uschange.csv", 2, "QS", 12, 1),
    "drugs": bundled("PBS_dataset/PBS_dataset.csv", 1, "MS", 12, 1),
    "lynx": bundled("Lynx/Lynx.csv", 1, "YS", 12, 1),
}


def measured(name: str, budget: float, seed: int) -> dict[str, Any]:
    frame, horizon, step, options = (DATA | NEW)[name]()
    test = horizon + step * (ORIGINS - 1)
    ids = "unique_id" in frame
    parts = [each for _, each in frame.groupby("unique_id")] if ids else [frame]
    train = pd.concat([each.iloc[: len(each) - test] for each in parts])
    model = elman.Forecaster(max_seconds=budget, seed=seed, horizon=horizon, **options)
    model.fit(train, progress=False)
    plain = copy.copy(model)
    plain._vocabulary = dataclasses.replace(model.vocabulary, correction=None)
    row: dict[str, Any] = {"data": name, "budget": budget, "seed": seed, "steps": model.training["steps"]}
    for label, each in (("before", plain), ("after", model)):
        found = each.backtest(frame, horizon, origins=ORIGINS, step=step, as_is=True)
        row[label] = {f"{level:g}": share for level, share in found.coverage.items()}
        row[f"{label} scores"] = found.scores
    difference = found.difference
    if difference is not None:
        row["difference"] = [difference.outcome, difference.difference, difference.low, difference.high]
    return row


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--budgets", type=float, nargs="+", default=[10.0, 60.0])
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--only", nargs="+")
    parser.add_argument("--new", action="store_true")
    parser.add_argument("--rows", type=Path, default=Path("interval_coverage.jsonl"))
    given = parser.parse_args()
    print(machine())
    rows = [json.loads(line) for line in given.rows.read_text().splitlines()] if given.rows.exists() else []
    done = {(row["data"], row["budget"], row["seed"]) for row in rows}
    for budget in given.budgets:
        for name in given.only or (NEW if given.new else DATA):
            for seed in range(given.seeds):
                if (name, budget, seed) in done:
                    continue
                rows.append(measured(name, budget, seed))
                with given.rows.open("a") as file:
                    file.write(json.dumps(rows[-1]) + "\n")
    for row in rows:
        scores = row["after scores"]
        outcome = "{} {:+.3f}, {:+.3f} to {:+.3f}".format(*row["difference"]) if "difference" in row else "no scale"
        best = min((rule for rule in scores if rule != "network"), key=lambda rule: scores[rule]["mase"])
        print(
            f"{row['data']:13} {row['budget']:4g} s, seed {row['seed']}, {row['steps']:6,} steps: "
            f"80 %: {row['before']['80']:.3f} -> {row['after']['80']:.3f}, "
            f"95 %: {row['before']['95']:.3f} -> {row['after']['95']:.3f}; "
            f"MASE {scores['network']['mase']:.3f}, {best} {scores[best]['mase']:.3f} ({outcome}); "
            f"CRPS {row['before scores']['network']['crps']:.4g} -> {scores['network']['crps']:.4g}"
        )
    for budget in sorted({row["budget"] for row in rows}):
        chosen = [row for row in rows if row["budget"] == budget]
        for level in ("80", "95"):
            before, after = (statistics.fmean(row[label][level] for row in chosen) for label in ("before", "after"))
            print(f"all data, {budget:g} s: {level} % intervals hold {before:.3f} before, {after:.3f} calibrated")


if __name__ == "__main__":
    main()
