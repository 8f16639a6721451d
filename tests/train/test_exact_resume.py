"""A run that is stopped and resumed ends, to the last bit, where the run that never stopped ends."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from elman.errors import ArtifactError, StorageError
from elman.train import checkpoint

from .runs import Journey, differences, made_up_text

VARIANTS: dict[str, dict[str, Any]] = {
    "plain": {},
    "everything": {
        "layers": 2,
        "dropout": 0.3,
        "input_dropout": 0.2,
        "recurrent_dropout": 0.2,
        "weight_drop": 0.2,
        "residual": True,
        "documents": "lines",
        "learn_initial_state": True,
        "accumulate": 2,
        "schedule": "plateau",
        "plateau_patience": 0,
    },
    "dropout": {"dropout": 0.4, "layers": 2},
    "input dropout": {"input_dropout": 0.4},
    "variational": {"dropout": 0.4, "input_dropout": 0.2, "variational": True},
    "recurrent dropout": {"recurrent_dropout": 0.4},
    "weight drop": {"weight_drop": 0.4},
    "plateau": {"schedule": "plateau", "plateau_patience": 0, "learning_rate": 0.5, "evaluate_every": 2},
    "early stopping": {"patience": 2, "learning_rate": 2.0, "evaluate_every": 1, "max_steps": 40, "clip_norm": 0.0},
    "early evaluations": {"evaluate_every": 0, "max_steps": 150, "schedule": "plateau", "plateau_patience": 0},
    "automatic stop": {"evaluate_every": 0, "max_steps": 150, "learning_rate": 0.1, "split": (0.1, 0.9, 0.0)},
    "constant rate": {"schedule": "constant", "warmup_steps": 0},
    "accumulation": {"accumulate": 3},
    "documents": {"documents": "lines", "batch_size": 4},
    "documents, several a chunk": {"documents": "lines", "bptt": 40},
    "learnt start": {"learn_initial_state": True, "documents": "lines"},
    "bfloat16": {"precision": "bfloat16", "dropout": 0.1},
    "SGD": {"optimizer": "sgd", "learning_rate": 0.5},
    "SGD with momentum": {"optimizer": "sgd", "learning_rate": 0.1, "optimizer_options": {"momentum": 0.9}},
    "Adam": {"optimizer": "adam", "weight_decay": 0.1},
    "Adam with amsgrad": {"optimizer": "adam", "optimizer_options": {"amsgrad": True}},
    "RMSprop": {"optimizer": "rmsprop", "optimizer_options": {"momentum": 0.5, "centered": True}},
    "Adagrad": {"optimizer": "adagrad"},
    "NAdam": {"optimizer": "nadam"},
    "Adafactor": {"optimizer": "adafactor"},
    "words": {"tokens": "words", "split": (0.6, 0.2, 0.2)},
    "subwords": {"tokens": "subwords", "vocabulary_size": 300, "split": (0.6, 0.2, 0.2)},
    "tied": {"tied": True, "embedding": 8},
    "one-hot": {"embedding": 0},
    "clipped values": {"clip_value": 0.01, "clip_norm": 0.0},
    "no validation": {"split": (1.0, 0.0, 0.0), "evaluate_every": 0},
    "epochs": {"max_steps": 0, "max_epochs": 0.3, "evaluate_every": 0},
    "part of each chunk": {"loss_from": 2, "loss_to": 4},
    "averaged weights": {"ema_decay": 0.9},
    "averaged SGD": {"optimizer": "sgd", "learning_rate": 3.0, "average_trigger": 1, "evaluate_every": 1},
    "adaptive softmax": {"head": "adaptive", "dropout": 0.2},
    "sampled softmax": {"head": "sampled", "noise_samples": 6},
    "NCE": {"head": "nce", "noise_samples": 6, "accumulate": 2},
    "regularised": {
        "embedding_dropout": 0.3,
        "activation_penalty": 2.0,
        "temporal_activation_penalty": 1.0,
    },
    "GRU": {"cell": "gru"},
    "Elman": {"cell": "elman"},
    "minGRU": {"cell": "mingru"},
    "frozen at first": {"freeze": ("embedding", "1:0.05"), "freeze_until": 0.08, "ema_decay": 0.9},
    "gradual": {"unfreeze": "gradual", "layer_decay": 0.4, "layers": 2, "batch_size": 40, "bptt": 20},
    "LSTM with peepholes": {"cell_options": {"peepholes": True}},
}


@pytest.fixture
def text(tmp_path: Path) -> Path:
    path = tmp_path / "text.txt"
    path.write_text(made_up_text(), encoding="utf-8")
    return path


def carry_over(old: Journey, text: Path, options: dict[str, Any]) -> Journey:
    """Save, forget everything, and load into a fresh run; the state of the global generator is changed in between."""
    old.save()
    fresh = Journey(old.folder, text, options)
    torch.manual_seed(999)
    torch.rand(3)
    fresh.restore(*checkpoint.load(old.folder))
    return fresh


@pytest.mark.parametrize("name", VARIANTS)
def test_three_stops_change_nothing(name: str, text: Path, tmp_path: Path) -> None:
    options = VARIANTS[name]
    straight = Journey(tmp_path, text, options)
    straight.run()
    assert straight.training.step >= 3
    stops = sorted({1, straight.events // 2, straight.events - 1})
    run = Journey(tmp_path, text, options)
    done = 0
    for stop in stops:
        run.run(stop_after=stop - done)
        run, done = carry_over(run, text, options), stop
    run.run()
    assert differences(straight.result(), run.result()) == set()


def test_a_stop_after_every_single_event_changes_nothing(text: Path, tmp_path: Path) -> None:
    options = VARIANTS["everything"]
    straight = Journey(tmp_path, text, options)
    straight.run()
    assert straight.events == 15  # 12 steps and 3 evaluations
    run = Journey(tmp_path, text, options)
    for _ in range(straight.events):
        run.run(stop_after=1)
        run = carry_over(run, text, options)
    run.run()
    assert run.events == 0, "nothing was left to do"
    assert differences(straight.result(), run.result()) == set()


def test_a_run_can_be_carried_over_before_its_first_step(text: Path, tmp_path: Path) -> None:
    straight = Journey(tmp_path, text, {"dropout": 0.2})
    straight.run()
    run = carry_over(Journey(tmp_path, text, {"dropout": 0.2}), text, {"dropout": 0.2})
    run.run()
    assert differences(straight.result(), run.result()) == set()


def without(part: str) -> Callable[[dict[str, Tensor], dict[str, Any]], None]:
    """Takes one part of a snapshot away, or puts that of a new run in its place."""

    def spoil(tensors: dict[str, Tensor], facts: dict[str, Any]) -> None:
        if part == "carried state":
            facts["rows"] = None
        elif part == "generator":
            tensors["random.cpu"] = torch.Generator().manual_seed(1).get_state()
        elif part == "optimiser":
            for name in [name for name in tensors if name.startswith("optimizer.")]:
                del tensors[name]
        elif part == "moments of the optimiser":
            for name in [name for name in tensors if name.endswith("exp_avg_sq")]:
                tensors[name] = torch.zeros_like(tensors[name])
        elif part == "weights":
            name = "model.head.bias"
            tensors[name] = torch.zeros_like(tensors[name])
        elif part == "cursor":
            facts["stream"]["positions"] = [0, 70, 140]
        elif part == "plateau":
            facts["plateau"]["factor"] = 1.0
        elif part == "best loss":
            facts["plateau"]["best"] = 0.0
        elif part == "step":
            facts["step"] = 0
        elif part == "due evaluation":
            facts["evaluated_at"] = facts["step"]
        elif part == "sums of the history":
            facts["history"]["nats"] = 0.0

    return spoil


PARTS = [
    "carried state",
    "generator",
    "optimiser",
    "moments of the optimiser",
    "weights",
    "cursor",
    "plateau",
    "best loss",
    "step",
    "due evaluation",
    "sums of the history",
]


@pytest.mark.parametrize("part", ["nothing", *PARTS])
def test_a_resume_without_any_one_part_ends_elsewhere(part: str, text: Path, tmp_path: Path) -> None:
    """Shows that the comparison above would see the loss of each part."""
    options = {"dropout": 0.2, "schedule": "plateau", "plateau_patience": 0, "learning_rate": 0.3, "evaluate_every": 2}
    straight = Journey(tmp_path, text, options)
    straight.run()
    run = Journey(tmp_path, text, options)
    run.run(stop_after=11)  # after step 8, whose evaluation is due
    run.save()
    tensors, facts = checkpoint.load(tmp_path)
    assert facts["step"] == 8
    assert facts["evaluated_at"] == 6
    assert facts["plateau"]["factor"] < 1.0
    without(part)(tensors, facts)
    fresh = Journey(tmp_path, text, options)
    fresh.restore(tensors, facts)
    fresh.run()
    assert bool(differences(straight.result(), fresh.result())) == (part != "nothing")


def test_a_snapshot_of_facts_does_not_change_with_the_run(text: Path, tmp_path: Path) -> None:
    run = Journey(tmp_path, text, {})
    run.run(stop_after=2)
    _, facts = run.training.snapshot()
    before = repr(facts)
    run.run()
    assert repr(facts) == before


@pytest.mark.parametrize("step", ["open", "write", "fsync", "replace"])
def test_a_save_that_fails_leaves_the_checkpoint_before_it(
    step: str, text: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = Journey(tmp_path, text, {})
    run.run(stop_after=3)
    run.save()
    whole = checkpoint.path_in(tmp_path).read_bytes()
    run.run(stop_after=3)

    def fail(*_: Any, **__: Any) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        if step == "open":
            patched.setattr("tempfile.mkstemp", fail)
        elif step == "write":
            patched.setattr(os, "fdopen", fail)
        else:
            patched.setattr(os, step, fail)
        with pytest.raises(StorageError, match="No space left"):
            run.save()
    assert checkpoint.path_in(tmp_path).read_bytes() == whole
    assert [path.name for path in checkpoint.path_in(tmp_path).parent.iterdir()] == ["last.safetensors"]
    checkpoint.load(tmp_path)


@pytest.mark.parametrize("damage", ["missing", "empty", "cut", "garbage", "no facts", "facts no JSON", "facts a list"])
def test_a_broken_checkpoint_is_refused(damage: str, text: Path, tmp_path: Path) -> None:
    import safetensors.torch

    run = Journey(tmp_path, text, {})
    run.save()
    path = checkpoint.path_in(tmp_path)
    if damage == "missing":
        path.unlink()
    elif damage in ("no facts", "facts no JSON", "facts a list"):
        metadata = {"no facts": None, "facts no JSON": {"elman.facts": "{"}, "facts a list": {"elman.facts": "[1]"}}
        path.write_bytes(safetensors.torch.save({"a": torch.zeros(2)}, metadata[damage]))
    else:
        whole = path.read_bytes()
        path.write_bytes({"empty": b"", "cut": whole[:-7], "garbage": b"\x93" * 300}[damage])
    with pytest.raises(ArtifactError, match=str(path)):
        checkpoint.load(tmp_path)
