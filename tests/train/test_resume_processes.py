"""Real processes, killed at random moments and resumed, write the very model of the process that never stopped."""

from __future__ import annotations

import csv
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import pytest

import elman
from elman.train import checkpoint

from .runs import SMALL, made_up_text

PROGRAM = Path(__file__).with_name("interrupted_runs.py")
OPTIONS: dict[str, Any] = SMALL | {
    "dropout": 0.2,
    "documents": "paragraphs",
    "evaluate_every": 50,
    "evaluate_tokens": 300,
    "checkpoint_seconds": 0.04,
}


@pytest.fixture(scope="module")
def text(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("text") / "text.txt"
    path.write_text(made_up_text(400).replace("\n", "\n\n", 40), encoding="utf-8")
    return path


def environment(tmp_path: Path) -> dict[str, str]:
    return {**os.environ, "OMP_NUM_THREADS": "1", "ELMAN_CACHE": str(tmp_path / "cache")}


def train(text: Path, folder: Path, steps: int, kills: int, tmp_path: Path) -> list[str]:
    """Train in processes, `kills` of which are killed; how each of them ended."""
    options = json.dumps(OPTIONS | {"max_steps": steps})
    command = [sys.executable, str(PROGRAM), str(text), str(folder), options, str(kills), "3"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=100, env=environment(tmp_path))
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    ends: list[str] = json.loads(done.stdout)
    return ends


@pytest.fixture(scope="module")
def straight(text: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[[int], Path]:
    """The model of a process that never stopped (this one), by its number of steps."""

    @cache
    def trained(steps: int) -> Path:
        folder = tmp_path_factory.mktemp("straight") / "model"
        elman.LanguageModel(**OPTIONS | {"max_steps": steps}).fit(text, folder=folder, progress=False, tune=False)
        return folder

    return trained


def rows_without_seconds(folder: Path) -> list[dict[str, str]]:
    with open(folder / "history.csv", newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    for row in rows:
        del row["seconds"]
    return rows


def metrics(folder: Path) -> Any:
    return json.loads((folder / "elman.json").read_text(encoding="utf-8"))["metrics"]


def assert_same_model(one: Path, other: Path) -> None:
    assert (one / "weights.safetensors").read_bytes() == (other / "weights.safetensors").read_bytes()
    assert rows_without_seconds(one) == rows_without_seconds(other)
    assert metrics(one) == metrics(other)
    last, last_other = (checkpoint.load(folder) for folder in (one, other))
    assert last[0].keys() == last_other[0].keys()
    assert all(tensor.equal(last_other[0][name]) for name, tensor in last[0].items())


@pytest.mark.parametrize(
    ("kills", "steps", "training_rows"), [(4, 100, 7), pytest.param(20, 500, 15, marks=pytest.mark.slow)]
)
def test_kills_change_nothing(
    kills: int, steps: int, training_rows: int, text: Path, straight: Callable[[int], Path], tmp_path: Path
) -> None:
    ends = train(text, tmp_path / "killed", steps, kills, tmp_path)
    assert ends == ["-9", "143", "-9", "130"] * (kills // 4) + ["0"]
    assert_same_model(straight(steps), tmp_path / "killed")
    rows = rows_without_seconds(tmp_path / "killed")
    assert len([row for row in rows if row["valid_loss"]]) == steps // 50
    assert len([row for row in rows if row["train_loss"]]) == training_rows
    names = sorted(path.name for path in (tmp_path / "killed").rglob("*") if path.is_file())
    assert not [name for name in names if name.endswith(".elman-part")], "what a killed writer left is cleared away"
    assert "loss.png" in names
    assert elman.load(tmp_path / "killed").generate(length=5, seed=1)


@pytest.mark.parametrize(
    ("number", "code"), [pytest.param(signal.SIGTERM, 143, marks=pytest.mark.slow), (signal.SIGINT, 130)]
)
def test_the_command_line_stops_saves_and_resumes(
    text: Path, straight: Callable[[int], Path], tmp_path: Path, number: int, code: int
) -> None:
    steps = 500

    def command(*arguments: str) -> list[str]:
        return [sys.executable, "-m", "elman", *arguments, "--no-tensorboard"]

    folder = tmp_path / "model"
    flags = [f"--{name.replace('_', '-')}={value}" for name, value in (OPTIONS | {"max_steps": steps}).items()]
    environ = environment(tmp_path)
    process = subprocess.Popen(
        command("train", "lm", str(text), "-o", str(folder), *flags), env=environ, stderr=subprocess.PIPE, text=True
    )
    path = checkpoint.path_in(folder)
    begun = time.monotonic()
    while not path.exists() and process.poll() is None and time.monotonic() - begun < 60:
        time.sleep(0.005)
    time.sleep(0.1)
    process.send_signal(number)
    _, messages = process.communicate(timeout=60)
    assert process.returncode == code, messages
    assert f"elman train --resume {folder}" in messages
    assert "Traceback" not in messages
    step = checkpoint.load(folder)[1]["step"]
    assert 0 < step < steps
    elman.load(folder)  # what is in the folder meanwhile is a whole model
    if number == signal.SIGINT:
        return
    done = subprocess.run(
        command("train", "--resume", str(folder)), env=environ, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    assert f"resuming after step {step:,}" in done.stderr
    assert_same_model(straight(steps), folder)
