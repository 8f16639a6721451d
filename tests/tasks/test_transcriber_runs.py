"""A transcriber's runs: stopped and gone on with bit for bit, over, or not to be gone on with."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

import elman
from elman import Transcriber
from elman.errors import ArtifactError, ConfigError, DataError, TrainingInterrupted
from elman.tasks.run import Run, resume_run
from elman.tasks.transcriber.setup import CTCObjective
from elman.train import checkpoint

from .small_transcribers import ONE_WAY, OPTIONS, tones, write_manifest, write_wave

# Everything that draws random numbers, and everything that is kept between steps.
DRAWING = {
    "dropout": 0.3,
    "input_dropout": 0.2,
    "time_masks": 2,
    "frequency_masks": 1,
    "ema_decay": 0.9,
    "max_steps": 10,
    "evaluate_every": 2,
    "batch_size": 4,
    "batch_frames": 250,
}


def resumed(folder: Path, **overrides: Any) -> Run:
    return resume_run(folder, overrides=overrides, quiet=True)


def train(data: Path, folder: Path, **options: Any) -> Transcriber:
    return Transcriber(**OPTIONS | options).fit(data, folder=folder, progress=False, tune=False)


@pytest.mark.parametrize("options", [{}, ONE_WAY], ids=["both ways", "one way"])
def test_a_stopped_run_goes_on_bit_for_bit(
    options: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = write_manifest(tmp_path / "data")
    straight = train(data, tmp_path / "straight", **DRAWING | options)
    calls, loss = [0], CTCObjective.loss

    def signalling(self: CTCObjective, *arguments: Any) -> Any:
        calls[0] += 1
        if calls[0] == 7:
            os.kill(os.getpid(), 15)
        return loss(self, *arguments)

    with monkeypatch.context() as patched:
        patched.setattr(CTCObjective, "loss", signalling)
        with pytest.raises(TrainingInterrupted, match="SIGTERM at step 7"):
            train(data, tmp_path / "stopped", **DRAWING | options)
    resumed(tmp_path / "stopped").run()
    for name in ("weights.safetensors", "vocabulary.json"):
        one, other = (tmp_path / folder / name for folder in ("straight", "stopped"))
        assert one.read_bytes() == other.read_bytes(), name
    last = [checkpoint.load(tmp_path / folder)[0] for folder in ("straight", "stopped")]
    assert last[0].keys() == last[1].keys()
    assert all((last[0][name] == last[1][name]).all() for name in last[0])
    assert elman.load(tmp_path / "stopped").metrics == straight.metrics


def test_another_sound_cannot_be_gone_on_with(tmp_path: Path) -> None:
    data = write_manifest(tmp_path / "data")
    train(data, tmp_path / "model")
    run = resumed(tmp_path / "model", max_steps=6)
    run.run()
    assert run.training.step == 6
    write_wave(tmp_path / "data" / "3.wav", tones("cc", seed=99))
    with pytest.raises(DataError, match="expected the data that the run was started with"):
        resumed(tmp_path / "model")
    (tmp_path / "data" / "3.wav").unlink()
    with pytest.raises(DataError, match=r"manifest.csv, line 5: 3.wav"):
        resumed(tmp_path / "model")


def test_a_run_needs_its_vocabulary(tmp_path: Path) -> None:
    train(write_manifest(tmp_path / "data"), tmp_path / "model")
    with pytest.raises(ConfigError, match="expected no cache for a transcriber, which does not use one"):
        resume_run(tmp_path / "model", overrides={}, quiet=True, cache=tmp_path)
    (tmp_path / "model" / "vocabulary.json").unlink()
    with pytest.raises(ArtifactError):
        resumed(tmp_path / "model")


def test_options_that_need_held_out_data(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="expected validation data for patience"):
        train(write_manifest(tmp_path / "data"), tmp_path / "model", held_out=0.0, patience=2)
