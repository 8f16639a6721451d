"""Runs that diverge, are stopped, go on, are over, or cannot go on."""

from __future__ import annotations

import math
import os
from pathlib import Path
from typing import Any

import pytest

import elman
from elman import LanguageModel
from elman.errors import ArtifactError, DataError, DivergenceError, ElmanError, OutOfMemoryError, TrainingInterrupted
from elman.tasks.language_model.setup import NextTokenObjective
from elman.tasks.run import Run, resume_run
from elman.train import checkpoint

from .small import OPTIONS, TEXT, trained


def resumed(folder: Path, **overrides: Any) -> Run:
    return resume_run(folder, overrides=overrides, quiet=True)


def test_a_diverged_run_leaves_its_last_good_model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "text.txt"
    path.write_text(TEXT, encoding="utf-8")
    calls = [0]
    loss = NextTokenObjective.loss

    def bad(self: NextTokenObjective, *arguments: Any) -> Any:
        calls[0] += 1
        total, count, state = loss(self, *arguments)
        return (total * math.nan if calls[0] == 6 else total), count, state

    monkeypatch.setattr(NextTokenObjective, "loss", bad)
    with pytest.raises(DivergenceError, match="at step 6"):
        LanguageModel(**OPTIONS | {"max_steps": 9, "evaluate_every": 2}).fit(
            path, folder=tmp_path / "model", progress=False, tune=False
        )
    model = elman.load(tmp_path / "model")
    assert model.metrics["best_step"] in (2, 4)
    assert model.generate(length=3)


@pytest.mark.parametrize("number", [2, 15])
def test_a_signal_stops_a_run_in_memory_too(number: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    loss = NextTokenObjective.loss
    calls = [0]

    def signalling(self: NextTokenObjective, *arguments: Any) -> Any:
        calls[0] += 1
        if calls[0] == 3:
            os.kill(os.getpid(), number)
        return loss(self, *arguments)

    monkeypatch.setattr(NextTokenObjective, "loss", signalling)
    with pytest.raises(TrainingInterrupted, match=r"stopped by .* at step 3") as caught:
        trained(tmp_path)
    assert caught.value.exit_code == 128 + number


def test_the_best_weights_outlive_a_stop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "text.txt"
    path.write_text(TEXT, encoding="utf-8")
    wild = {"max_steps": 60, "learning_rate": 1.5, "clip_norm": 0.0, "evaluate_every": 1, "schedule": "constant"}
    model = LanguageModel(**OPTIONS | wild)
    model.fit(path, folder=tmp_path / "straight", progress=False, tune=False)
    best = model.metrics["best_step"]
    calls = [0]
    loss = NextTokenObjective.loss

    def signalling(self: NextTokenObjective, *arguments: Any) -> Any:
        calls[0] += 1
        if calls[0] == 55:
            os.kill(os.getpid(), 15)
        return loss(self, *arguments)

    with monkeypatch.context() as patched:
        patched.setattr(NextTokenObjective, "loss", signalling)
        with pytest.raises(TrainingInterrupted):
            LanguageModel(**OPTIONS | wild).fit(path, folder=tmp_path / "stopped", progress=False, tune=False)
    assert best < 55, "the best step must come before the stop for this to be a test"
    resumed(tmp_path / "stopped").run()
    one, other = (tmp_path / name / "weights.safetensors" for name in ("straight", "stopped"))
    assert one.read_bytes() == other.read_bytes()
    assert elman.load(tmp_path / "stopped").metrics == model.metrics


def begun(tmp_path: Path) -> Path:
    path = tmp_path / "text.txt"
    path.write_text(TEXT, encoding="utf-8")
    LanguageModel(**OPTIONS).fit(path, folder=tmp_path / "model", progress=False, tune=False)
    return tmp_path / "model"


def test_a_run_that_is_over_can_be_given_a_new_end(tmp_path: Path) -> None:
    folder = begun(tmp_path)
    run = resumed(folder, max_steps=9)
    run.run()
    assert run.training.step == 9
    assert checkpoint.load(folder)[1]["step"] == 9


def test_a_run_that_is_over_stays_over(tmp_path: Path) -> None:
    folder = begun(tmp_path)
    before = {name: (folder / name).read_bytes() for name in ("weights.safetensors", "history.csv")}
    resumed(folder).run()
    assert before == {name: (folder / name).read_bytes() for name in before}


def test_another_text_cannot_be_resumed_on(tmp_path: Path) -> None:
    folder = begun(tmp_path)
    (tmp_path / "text.txt").write_text(TEXT + "more", encoding="utf-8")
    with pytest.raises(DataError, match="expected the data that the run was started with"):
        resumed(folder)


def test_a_model_without_a_checkpoint_cannot_be_resumed(tmp_path: Path) -> None:
    trained(tmp_path).save(tmp_path / "model")
    with pytest.raises(ArtifactError, match="no checkpoint to resume from"):
        resumed(tmp_path / "model")


@pytest.mark.parametrize(
    "fact", ["inputs", "history", "stream", "plan", "plateau", "optimizer", "fingerprint", "threads"]
)
@pytest.mark.parametrize("value", [None, {}, "missing"], ids=str)
def test_a_checkpoint_with_wrong_facts_is_refused(fact: str, value: Any, tmp_path: Path) -> None:
    folder = begun(tmp_path)
    tensors, facts = checkpoint.load(folder)
    if value == "missing":
        del facts[fact]
    else:
        facts[fact] = value
    if (fact, value) == ("optimizer", {}):
        return  # that is what an optimiser without numbers has
    checkpoint.save(folder, tensors, facts)
    with pytest.raises(ElmanError):
        resumed(folder).run()


def test_a_network_that_no_memory_can_hold_is_out_of_memory(tmp_path: Path) -> None:
    with pytest.raises(OutOfMemoryError, match="out of memory making the network"):
        trained(tmp_path, hidden_size=2_000_000)
