"""Runs of forecasters that are stopped and go on, bit for bit, in every way of training."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import elman
from elman import Forecaster
from elman.errors import DataError, TrainingInterrupted
from elman.tasks.forecaster.objective import NextValueObjective
from elman.tasks.run import Run, resume_run

from .small_series import OPTIONS, series_file

WAYS: dict[str, dict[str, Any]] = {
    "next": {"dropout": 0.2, "members": 2},
    "carry": {"carry": True, "batch_size": 2, "dilations": (2,)},
    "direct": {"mode": "direct", "loss_steps": 2, "distribution": "quantiles", "levels": (0.1, 0.5, 0.9)},
    "sampling": {"scheduled_sampling": 0.8, "sampling_epochs": 2.0, "batch_size": 2},
}


def resumed(folder: Path, **overrides: Any) -> Run:
    return resume_run(folder, overrides=overrides, quiet=True)


def train(path: Path, folder: Path, **options: Any) -> Forecaster:
    return Forecaster(**OPTIONS | {"max_steps": 8, "evaluate_every": 3} | options).fit(
        path, folder=folder, progress=False, tune=False
    )


@pytest.mark.parametrize("way", list(WAYS))
def test_a_stopped_run_makes_the_very_steps_that_it_would_have_made(
    way: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, options = series_file(tmp_path), WAYS[way]
    train(path, tmp_path / "straight", **options)
    calls, loss = [0], NextValueObjective.loss

    def signalling(self: NextValueObjective, *arguments: Any) -> Any:
        calls[0] += 1
        if calls[0] == 5:
            os.kill(os.getpid(), 15)
        return loss(self, *arguments)

    with monkeypatch.context() as patched:
        patched.setattr(NextValueObjective, "loss", signalling)
        with pytest.raises(TrainingInterrupted):
            train(path, tmp_path / "stopped", **options)
    run = resumed(tmp_path / "stopped")
    assert run.training.step == 5
    run.run()
    one, other = (tmp_path / name for name in ("straight", "stopped"))
    for name in ("weights.safetensors", "vocabulary.json"):
        assert (one / name).read_bytes() == (other / name).read_bytes(), name
    assert elman.load(one).metrics == elman.load(other).metrics


def test_other_data_cannot_be_resumed_on(tmp_path: Path) -> None:
    path = series_file(tmp_path)
    train(path, tmp_path / "model")
    path.write_text(path.read_text().replace("a,2000-01-01,", "a,2000-01-01,1"))
    with pytest.raises(DataError, match="expected the data that the run was started with"):
        resumed(tmp_path / "model", max_steps=9)


def test_sampling_rises_over_the_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[float] = []
    loss = NextValueObjective.loss

    def listening(self: NextValueObjective, *arguments: Any) -> Any:
        seen.append(self.sampling())
        return loss(self, *arguments)

    monkeypatch.setattr(NextValueObjective, "loss", listening)
    model = Forecaster(**OPTIONS | WAYS["sampling"] | {"max_steps": 60, "stride": 8})
    model.fit(series_file(tmp_path), progress=False, tune=False)
    assert seen == sorted(seen)
    assert 0 <= seen[0] < 0.2
    assert seen[-1] == 0.8


def test_training_helps() -> None:
    """On an alternating series that no linear map can follow, the network learns what comes next."""
    values = np.tile([0.0, 1.0, 0.0, 0.0, 1.0, 1.0, 0.0, 1.0, 1.0], 30) + 0.01 * np.arange(270) % 1
    losses = []
    for steps in (1, 150):
        options = {"max_steps": steps, "distribution": "point", "hidden_size": 16, "autoregression": 0, "context": 30}
        model = Forecaster(**OPTIONS | options).fit(values, progress=False, tune=False)
        losses.append(model.metrics["valid"]["scaled_rmse"])
    assert losses[1] < 0.5 * losses[0]
