"""`elman train forecaster`, `forecast`, `backtest` and `evaluate`: what they print and write, and what they refuse."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest

from elman.cli import main

TINY = ["--hidden-size", "6", "--context", "8", "--max-steps", "4", "--threads", "1", "--no-tune", "--no-tensorboard"]
TINY += ["--device", "cpu", "--horizon", "3", "--autoregression", "3", "-q"]


def table(steps: int = 40, series: tuple[str, ...] = ("a", "b"), end: str = "\n") -> str:
    """Daily series in long form."""
    rows = ["unique_id,ds,y"]
    for number, name in enumerate(series):
        for step in range(steps):
            day = date(2024, 1, 1) + timedelta(days=step)
            rows.append(f"{name},{day},{10 + number + math.sin(step):.4f}")
    return end.join(rows) + end


def monthly(steps: int = 40, column: str = "y") -> list[str]:
    values = [f"{20 + 3 * math.sin(step / 2):.3f}" for step in range(steps)]
    return [f"ds,{column}"] + [f"{2000 + step // 12}-{1 + step % 12:02d},{value}" for step, value in enumerate(values)]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a series and a model of its first 30 months."""
    folder = tmp_path_factory.mktemp("forecaster")
    (folder / "all.csv").write_text("\n".join(monthly()) + "\n")
    (folder / "early.csv").write_text("\n".join(monthly(30)) + "\n")
    assert main(["train", "forecaster", str(folder / "early.csv"), "-o", str(folder / "model"), *TINY]) == 0
    return folder


def test_train_and_resume(place: Path, tmp_path: Path, elman: Callable[..., Any]) -> None:
    said = elman("train", "forecaster", place / "all.csv", "-o", tmp_path / "m", *TINY, "--json")
    facts = said.json()
    assert facts["steps"] == 4
    assert {"loss", "scaled_rmse", "values"} == set(facts["valid"])
    assert (tmp_path / "m" / "loss.png").exists()
    assert (tmp_path / "m" / "forecast.png").exists()
    assert (
        elman("train", "--resume", tmp_path / "m", "--max-steps", 6, "-q", "--no-tune", "--json").json()["steps"] == 6
    )
    said = elman("train", "forecaster", place / "all.csv", "-o", tmp_path / "m", *TINY, "--overwrite", "--members", 2)
    assert said.out.startswith("validation: ")
    assert "nats per value" in said.out


def test_a_dry_run(place: Path, elman: Callable[..., Any]) -> None:
    said = elman("train", "forecaster", place / "all.csv", "--dry-run", *TINY)
    assert said.code == 0
    assert "frequency  MS" in said.out
    assert "windows" in said.out


def test_forecasts_as_a_table_as_csv_and_as_json(place: Path, tmp_path: Path, elman: Callable[..., Any]) -> None:
    said = elman("forecast", place / "model", "--horizon", 2)
    assert said.code == 0
    assert said.out.splitlines()[0].split()[:3] == ["unique_id", "ds", "y"]
    assert said.out.splitlines()[1].split()[1] == "2002-07-01"
    document = elman("forecast", place / "model", place / "all.csv", "--json", "--samples", 2).json()
    assert document["series"][0]["times"] == ["2003-05-01", "2003-06-01", "2003-07-01"]
    assert len(document["series"][0]["samples"]) == 2
    assert set(document["series"][0]["intervals"]) == {"80", "95"}
    said = elman(
        "forecast", place / "model", "--levels", "50", "-o", tmp_path / "f.csv", "--picture", tmp_path / "f.svg"
    )
    assert said.out == ""
    rows = list(csv.DictReader(io.StringIO((tmp_path / "f.csv").read_text())))
    assert list(rows[0]) == ["unique_id", "ds", "y", "y-lo-50", "y-hi-50"]
    assert len(rows) == 3
    assert "<svg" in (tmp_path / "f.svg").read_text()
    assert "y-lo" not in elman("forecast", place / "model", "--levels", "none").out


def test_a_new_series(place: Path, elman: Callable[..., Any]) -> None:
    one, two = (elman("forecast", place / "model", "--create", 5, "--seed", seed).out for seed in (1, 2))
    assert one.splitlines()[0] == "step,y"
    assert len(one.splitlines()) == 6
    assert one != two
    assert elman("forecast", place / "model", "--create", 5, "--samples", 2).out.startswith("step,y-1,y-2\n")


def test_names_with_commas_and_more_rows_than_a_screen_has(tmp_path: Path, elman: Callable[..., Any]) -> None:
    path = tmp_path / "names.csv"
    path.write_text(table(20).replace("\na,", '\n"a, the first",'))
    assert elman("train", "forecaster", path, "-o", tmp_path / "m", *TINY).code == 0
    said = elman("forecast", tmp_path / "m", "--horizon", 300, "--levels", "none")
    assert said.code == 0
    lines = said.out.splitlines()
    assert len(lines) == 201
    assert lines[0].split("  ")[0] == "unique_id"
    assert {line.index(" 2024-") for line in lines[1:]} == {len("a, the first ")}
    assert "and 400 rows more: -o or --json for all of them" in said.err
    same = [elman("forecast", tmp_path / "m", "--create", 3, "--series", name).out for name in ("a, the first", "b")]
    assert same[0] == elman("forecast", tmp_path / "m", "--create", 3).out != same[1]


def test_a_backtest(place: Path, tmp_path: Path, elman: Callable[..., Any]) -> None:
    said = elman("backtest", place / "model", place / "all.csv", "--origins", 2, "--picture", tmp_path / "b.png")
    assert said.code == 0
    lines = said.out.splitlines()
    assert lines[0] == "2 forecasts of 3 steps"
    assert lines[1].split() == ["MASE", "sMAPE", "RMSE", "MAE", "CRPS"]
    assert [line.split("  ")[0] for line in lines[2:6]] == [
        "network",
        "seasonal naive",
        "drift",
        "linear autoregression",
    ]
    assert lines[-1].startswith("Network and best simple rule (linear autoregression): MASE ")
    assert lines[-1].endswith("2 separate periods of forecasts are too few to say which is better.")
    assert (tmp_path / "b.png").exists()
    named = elman("backtest", "--model", place / "model", place / "all.csv", "--origins", 2)
    assert named.out == said.out
    assert elman("forecast", place / "model", "").code == 2
    document = elman("backtest", place / "model", place / "all.csv", "--origins", 2, "--refit", "--json").json()
    assert set(document["scores"]["network"]) == {"mase", "smape", "rmse", "mae", "crps"}
    early = elman("backtest", place / "model", place / "early.csv", "--origins", 1)
    assert "a new one with the same options is trained on the" in early.err
    assert "the network is a new one with the same options, trained on the" in early.err
    as_is = elman("backtest", place / "model", place / "early.csv", "--origins", 1, "--as-is")
    assert "trained or selected on steps of the series" in as_is.err
    assert "a new one" not in as_is.err
    both = elman("backtest", place / "model", place / "early.csv", "--as-is", "--refit")
    assert "expected one of --refit and --as-is" in both.error()


def test_an_evaluation(place: Path, elman: Callable[..., Any]) -> None:
    figures = elman("evaluate", place / "model", place / "all.csv", "--json").json()
    assert figures["forecasts"] == 10
    assert elman("evaluate", place / "model", place / "all.csv", "--limit", 4, "--json").json()["forecasts"] == 4
    assert "rmse" in elman("evaluate", place / "model", place / "all.csv").out
    said = elman("evaluate", place / "model", place / "early.csv")
    assert "expected series with steps after those that the model was trained on" in said.error()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--horizon", "0"], "expected a horizon from 1 to 100,000 steps. Received: 0"),
        (["--horizon", "1000000"], "expected a horizon from 1 to 100,000 steps. Received: 1000000"),
        (["--levels", "many"], "expected --levels in per cent"),
        (["--levels", "0"], "expected levels of intervals in per cent"),
        (["--samples", "3"], "expected --json with --samples"),
        (["--series", "x"], "expected --picture with --series"),
        (["--create", "4", "--json", "--levels", "50"], "with --create. Received: --levels, --json"),
        (["--create", "4", "--series", "zz"], "'zz'"),
        (["--picture", "f.gif"], "expected"),
        (["nowhere.csv"], "nowhere.csv"),
    ],
)
def test_what_a_forecast_refuses(words: list[str], message: str, place: Path, elman: Callable[..., Any]) -> None:
    said = elman("forecast", place / "model", *words)
    assert said.code == 2
    assert message in said.error()


BAD: dict[str, tuple[str, list[str], str]] = {
    "empty": ("", [], "empty"),
    "a header alone": ("unique_id,ds,y\n", [], "rows"),
    "a missing column": (table().replace("unique_id,ds,y", "unique_id,ds,z"), ["--target-columns", "y"], "'z'"),
    "text for a number": (table().replace("10.0000", "ten", 1), [], "'ten'"),
    "nothing for a number": (table().replace("10.0000", "", 1), [], "--missing|missing"),
    "not a number": (table().replace("10.0000", "nan", 1), [], "missing"),
    "infinity": (table().replace("10.0000", "inf", 1), [], "'inf'"),
    "no time": (table().replace("2024-01-05", "soon", 1), [], "soon"),
    "times twice": (table().replace("2024-01-05", "2024-01-04", 1), [], "2024-01-04"),
    "times out of order": (table().replace("2024-01-05", "2023-12-01", 1), [], "order|sort|2023-12-01"),
    "a gap": ("\n".join(line for line in table().splitlines() if "2024-01-05" not in line), [], "2024-01-05|missing"),
    "mixed frequencies": (
        "\n".join(["ds,y"] + [f"2024-01-{day:02d},{day}" for day in (1, 2, 3, 8, 15, 22, 29, 30, 31)]), [],
        "frequenc|missing|steps",
    ),
    "ragged rows": (table() + "a,2024-12-01\n", [], "cells"),
    "ten million signs in a cell": (table().replace("10.0000", "1" * 10_000_000, 1), [], "'1111"),
    "a series without a name": (table() + ",2024-01-01,3\n", [], "expected the name of a series"),
    "a short series": (table(6), [], "context = 8"),
    "a series of one row": (table() + "lone,2024-01-01,3\n", [], "'lone'"),
    "no logarithm": (table().replace("10.0000", "-1", 1), ["--transform", "log"], "log"),
    "an option": (table(), ["--mode", "backwards"], "backwards"),
    "loss_steps": (table(), ["--loss-steps", "3"], "mode=direct"),
    "dilations": (table(), ["--dilations", "1.5"], "whole numbers"),
    "an unknown cell": (table(), ["--cell", "gruu"], "gru"),
    "season": (table(), ["--seasonal-difference", "1", "--seasonal-period", "90"], "expected more than 90"),
}  # fmt: skip


@pytest.mark.parametrize("name", list(BAD))
def test_what_cannot_be_trained_on(name: str, tmp_path: Path, elman: Callable[..., Any]) -> None:
    content, words, reported = BAD[name]
    path = tmp_path / "bad.csv"
    path.write_text(content)
    said = elman("train", "forecaster", path, "-o", tmp_path / "m", *TINY, *words)
    assert said.code == 2, said.err
    assert any(part in said.error() for part in reported.split("|")), said.err
    assert not (tmp_path / "m").exists()


@pytest.mark.parametrize(("horizon", "limit"), [("0", "at least 1"), ("1000000", "at most 100000")])
def test_a_horizon_that_no_model_can_have(horizon: str, limit: str, tmp_path: Path, elman: Callable[..., Any]) -> None:
    path = tmp_path / "good.csv"
    path.write_text(table())
    said = elman("train", "forecaster", path, "-o", tmp_path / "m", "--horizon", horizon)
    assert said.code == 2
    assert f"expected horizon to be {limit}" in said.error()
    assert not (tmp_path / "m").exists()


@pytest.mark.parametrize("kind", ["mark", "windows", "quotes", "semicolons"])
def test_tables_as_others_write_them(kind: str, tmp_path: Path, elman: Callable[..., Any]) -> None:
    content = table(20)
    if kind == "windows":
        content = table(20, end="\r\n")
    elif kind == "quotes":
        content = "\n".join(",".join(f'"{cell}"' for cell in line.split(",")) for line in content.splitlines())
    elif kind == "semicolons":
        content = content.replace(",", ";")
    path = tmp_path / "other.csv"
    path.write_bytes((b"\xef\xbb\xbf" if kind == "mark" else b"") + content.encode())
    said = elman("train", "forecaster", path, "-o", tmp_path / "m", *TINY)
    assert said.code == 0, said.err
    assert "a" in elman("forecast", tmp_path / "m").out


def test_what_is_wrong_can_be_handled_as_reported(tmp_path: Path, elman: Callable[..., Any]) -> None:
    lines = table().splitlines()
    content = "\n".join([lines[0], lines[2], lines[1], *lines[3:8], lines[7], *lines[9:]])
    path = tmp_path / "rough.csv"
    path.write_text(content)
    words = ["--sort", "sort", "--duplicates", "last", "--missing", "interpolate"]
    assert elman("train", "forecaster", path, "-o", tmp_path / "m", *TINY, *words).code == 0
    assert elman("forecast", tmp_path / "m", path).code == 0
    content = "\n".join(line for line in table().splitlines() if "2024-01-05" not in line)
    path.write_text(content)
    assert elman("train", "forecaster", path, "-o", tmp_path / "n", *TINY).code == 2
    assert elman("train", "forecaster", path, "-o", tmp_path / "n", *TINY, "--missing", "mask").code == 0


def test_no_data_and_no_place_for_the_model(place: Path, elman: Callable[..., Any]) -> None:
    assert "expected at least one file" in elman("train", "forecaster", "-o", "m").error()
    assert "expected a folder for the model" in elman("train", "forecaster", place / "all.csv").error()
    assert "expected data to test on" in elman("backtest", place / "model").error()
