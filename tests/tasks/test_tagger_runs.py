"""A tagger's runs: stopped and gone on with bit for bit, over, or not to be gone on with."""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

import elman
from elman import Tagger
from elman.data.sources import Sources
from elman.errors import ArtifactError, ConfigError, DataError, ElmanError, TrainingInterrupted
from elman.tasks.run import Run, resume_run
from elman.tasks.tagger.setup import TaggerSetup, TagObjective
from elman.train import checkpoint
from elman.train.loop import Training

from .small_taggers import OPTIONS, write_triples

# Everything that draws random numbers, and everything that is kept between steps.
DRAWING = {
    "dropout": 0.3,
    "input_dropout": 0.2,
    "word_dropout": 1.0,
    "intent": True,
    "ema_decay": 0.9,
    "max_steps": 14,
    "evaluate_every": 2,
}


def resumed(folder: Path, **overrides: Any) -> Run:
    return resume_run(folder, overrides=overrides, quiet=True)


def train(data: Path, folder: Path, **options: Any) -> Tagger:
    return Tagger(**OPTIONS | options).fit(data, folder=folder, progress=False, tune=False)


def stop_at(step: int, monkeypatch: pytest.MonkeyPatch, number: int = 15) -> None:
    calls = [0]
    loss = TagObjective.loss

    def signalling(self: TagObjective, *arguments: Any) -> Any:
        calls[0] += 1
        if calls[0] == step:
            os.kill(os.getpid(), number)
        return loss(self, *arguments)

    monkeypatch.setattr(TagObjective, "loss", signalling)


@pytest.mark.parametrize("head", ["crf", "softmax"])
def test_a_stopped_run_goes_on_bit_for_bit(head: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data = write_triples(tmp_path / "data")
    straight = train(data, tmp_path / "straight", head=head, **DRAWING)
    with monkeypatch.context() as patched:
        stop_at(9, patched)
        with pytest.raises(TrainingInterrupted, match="SIGTERM at step 9") as caught:
            train(data, tmp_path / "stopped", head=head, **DRAWING)
    assert caught.value.exit_code == 143
    resumed(tmp_path / "stopped").run()
    for name in ("weights.safetensors", "vocabulary.json"):
        one, other = (tmp_path / folder / name for folder in ("straight", "stopped"))
        assert one.read_bytes() == other.read_bytes(), name
    last = [checkpoint.load(tmp_path / folder)[0] for folder in ("straight", "stopped")]
    assert last[0].keys() == last[1].keys()
    assert all((last[0][name] == last[1][name]).all() for name in last[0])
    assert elman.load(tmp_path / "stopped").metrics == straight.metrics


def test_a_run_goes_on_to_a_new_end(tmp_path: Path) -> None:
    train(write_triples(tmp_path / "data"), tmp_path / "model")
    run = resumed(tmp_path / "model", max_steps=9)
    run.run()
    assert run.training.step == 9


def test_other_data_cannot_be_gone_on_with(tmp_path: Path) -> None:
    data = write_triples(tmp_path / "data")
    train(data, tmp_path / "model")
    (data / "label").write_text((data / "label").read_text().replace("Fly", "Go", 1))
    with pytest.raises(DataError, match="expected the data that the run was started with"):
        resumed(tmp_path / "model")


def test_a_run_needs_its_vocabulary(tmp_path: Path) -> None:
    train(write_triples(tmp_path / "data"), tmp_path / "model")
    with pytest.raises(ConfigError, match="expected no cache for a tagger"):
        resume_run(tmp_path / "model", overrides={}, quiet=True, cache=tmp_path)
    (tmp_path / "model" / "vocabulary.json").unlink()
    with pytest.raises(ArtifactError):
        resumed(tmp_path / "model")


def test_options_that_need_held_out_data(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="expected validation data for patience"):
        train(write_triples(tmp_path / "data"), tmp_path / "model", held_out=0.0, patience=2)


def test_only_values_of_the_folder_make_a_checkpoint_broken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "model"
    train(write_triples(tmp_path / "data"), folder)
    for owner, name, error in (
        (TaggerSetup, "open", TypeError("a coding error")),
        (Run, "__init__", AttributeError("another")),
        (Run, "restore", TypeError("a coding error")),
        (Training, "restore", KeyError("a coding error")),
        (torch.nn.Module, "load_state_dict", RuntimeError("a coding error")),
        (Sources, "__init__", TypeError("a coding error")),
        (Run, "restore", RuntimeError("CUDA error: device-side assert triggered")),
        (Run, "restore", torch.OutOfMemoryError("CUDA out of memory")),
    ):

        def fail(*_: Any, error: Exception = error, **__: Any) -> None:
            raise error

        with monkeypatch.context() as patched:
            patched.setattr(owner, name, fail)
            with pytest.raises(type(error), match=str(error)):
                resumed(folder)
    tensors, facts = checkpoint.load(folder)
    said = re.escape(f"the checkpoint in {folder} is broken: expected history to be a table. Received: 5")
    checkpoint.save(folder, tensors, {**facts, "history": 5})
    with pytest.raises(ArtifactError, match=said):
        resumed(folder)


# What may stand in a checkpoint in place of a value.
JUNK: list[Any] = [None, True, -1, 10**40, 0.5, "", "junk", [], [[]], {}, {"junk": 1}, [1, "a"]]


def places(value: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """The paths of all values inside a table and its tables."""
    for name, item in value.items():
        yield (*path, name)
        if isinstance(item, dict):
            yield from places(item, (*path, name))


@pytest.mark.slow
def test_every_wrong_value_of_a_checkpoint_is_told_of_or_harmless(tmp_path: Path) -> None:
    folder = tmp_path / "model"
    train(write_triples(tmp_path / "data"), folder)
    tensors, facts = checkpoint.load(folder)
    refused = 0
    for number, path in enumerate(places(facts)):
        for junk in JUNK[number % 3 :: 3]:
            changed = json.loads(json.dumps(facts))
            inner = changed
            for name in path[:-1]:
                inner = inner[name]
            inner[path[-1]] = junk
            checkpoint.save(folder, tensors, changed)
            try:
                resume_run(folder, overrides={}, quiet=True)
            except ElmanError:
                refused += 1
            except Exception as error:
                pytest.fail(f"{path} = {junk!r} gave {type(error).__name__}: {error}")
    assert refused > 60


def test_every_wrong_tensor_of_a_checkpoint_is_told_of(tmp_path: Path) -> None:
    folder = tmp_path / "model"
    train(write_triples(tmp_path / "data"), folder, ema_decay=0.9)
    tensors, facts = checkpoint.load(folder)
    kinds = {}
    for name in tensors:
        kinds.setdefault(name.partition(".")[0], name)
    assert set(kinds) == {"model", "optimizer", "average", "random", "best"}
    for part, name in kinds.items():
        for other in ({}, {name: torch.zeros(3, 5, 7)}, {f"{part}.junk": torch.zeros(2)}):
            kept = tensors if f"{part}.junk" in other else {key: tensors[key] for key in tensors if key != name}
            if part == "optimizer" and f"{part}.junk" not in other:
                continue  # optimisers have tensors of other shapes than the weights, or none
            if part == "random" and f"{part}.junk" in other:
                continue  # generators of other devices
            checkpoint.save(folder, {**kept, **other}, facts)
            with pytest.raises(ArtifactError, match=re.escape(f"the checkpoint in {folder} is broken: expected")):
                resume_run(folder, overrides={}, quiet=True)


def test_a_run_without_tensorboardx_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    monkeypatch.setitem(sys.modules, "tensorboardX", None)
    data = write_triples(tmp_path / "data")
    Tagger(**OPTIONS).fit(data, folder=tmp_path / "model", progress=True, tune=False)
    assert capsys.readouterr().err.count("no TensorBoard log: tensorboardX is not installed") == 1
    assert not (tmp_path / "model" / "tensorboard").exists()
    assert (tmp_path / "model" / "loss.png").exists()
