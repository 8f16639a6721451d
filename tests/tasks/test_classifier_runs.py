"""A classifier's folder and runs: saved and loaded, stopped and resumed bit for bit, refused when it lies."""

from __future__ import annotations

import json
import os
import resource
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import elman
from elman import Classifier
from elman.errors import ArtifactError, DataError, ElmanError, TrainingInterrupted
from elman.tasks.classifier.config import PRESETS, ClassifierConfig
from elman.tasks.classifier.objectives import ClassObjective, RegressionObjective
from elman.tasks.run import resume_run
from elman.train import checkpoint

from .labelled import OPTIONS, fitted, series, texts, write_csv

VARIANTS: dict[str, dict[str, Any]] = {
    "plain": {},
    "everything": {
        "layers": 2,
        "dropout": 0.2,
        "input_dropout": 0.2,
        "word_dropout": 0.2,
        "output_dropout": 0.3,
        "recurrent_dropout": 0.1,
        "weight_drop": 0.1,
        "variational": True,
        "residual": True,
        "learn_initial_state": True,
        "pool": "last-mean-max-attention",
        "class_weights": "balanced",
        "label_smoothing": 0.1,
        "split": (0.6, 0.2, 0.2),
        "ema_decay": 0.5,
        "embedding_dropout": 0.2,
        "bag": 2,
    },
    "one direction": {"bidirectional": False, "pool": "last"},
    "characters": {"tokens": "characters", "cell": "lstm"},
    "one-hot": {"embedding": 0},
    "subwords": {"tokens": "subwords", "vocabulary_size": 270},
    "no validation": {"split": (1.0, 0.0, 0.0)},
    "patience": {"patience": 3, "evaluate_every": 1, "learning_rate": 1.0, "max_steps": 40},
    "epochs": {"max_steps": 0, "max_epochs": 1.5},
    "a score": {"kind": "regression", "bag": 1},
    "characters of words": {"bag": 2, "bag_characters": 3, "bag_leave_one_out": True, "learning_rate": 0.01},
    "linear": {"cell": "mingru", "cell_options": {}},
}
OF_SERIES: dict[str, Any] = {
    "noise": 0.1,
    "scale_jitter": 0.1,
    "time_warp": 0.2,
    "crop": 0.2,
    "input_kernel": 3,
    "stride": 2,
    "linear": "both",
    "split": (0.6, 0.2, 0.2),
}


def data(folder: Path, options: dict[str, Any]) -> Path:
    X, y = texts(90)
    scores = [f"{len(text) / 7:.3f}" for text in X]
    return write_csv(folder / "t.csv", X, scores if options.get("kind") == "regression" else y)


def resumed(folder: Path, **overrides: Any) -> Any:
    return resume_run(folder, overrides=overrides, quiet=True)


def stop_at(step: int, monkeypatch: pytest.MonkeyPatch, number: int = 15) -> None:
    """Send this process a signal in the loss of a step."""
    for kind in (ClassObjective, RegressionObjective):
        calls = [0]
        loss: Callable[..., Any] = kind.loss

        def signalling(self: Any, *arguments: Any, calls: Any = calls, loss: Any = loss) -> Any:
            calls[0] += 1
            if calls[0] == step:
                os.kill(os.getpid(), number)
            return loss(self, *arguments)

        monkeypatch.setattr(kind, "loss", signalling)


@pytest.mark.parametrize(
    "name", ["everything", "no validation", "patience", "epochs", "a score", "characters of words"]
)
def test_a_stopped_run_ends_where_one_that_was_not_ends(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    options = OPTIONS | VARIANTS[name]
    check_a_stopped_run(options, data(tmp_path, options), tmp_path, monkeypatch)


def test_a_stopped_run_on_series_ends_where_one_that_was_not_ends(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    check_a_stopped_run(OPTIONS | OF_SERIES, write_series(tmp_path / "s.csv"), tmp_path, monkeypatch)


def write_series(path: Path) -> Path:
    """Series and their labels as a table with one row per time step."""
    rows = [
        f"s{number},{label},{time},{','.join(map(repr, values.tolist()))}"
        for number, (x_TI, label) in enumerate(zip(*series(), strict=True))
        for time, values in enumerate(x_TI)
    ]
    path.write_text("\n".join(["series,label,time,a,b", *rows]) + "\n", encoding="utf-8")
    return path


def check_a_stopped_run(options: dict[str, Any], path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Classifier(**options).fit(path, folder=tmp_path / "straight", progress=False, tune=False)
    with monkeypatch.context() as patched:
        stop_at(3, patched)
        with pytest.raises(
            TrainingInterrupted, match=r"stopped by SIGTERM at step 3; resume: elman train --resume"
        ) as caught:
            Classifier(**options).fit(path, folder=tmp_path / "stopped", progress=False, tune=False)
    assert caught.value.exit_code == 143
    torch.manual_seed(77)
    resumed(tmp_path / "stopped").run()
    for file in ("weights.safetensors", "vocabulary.json"):
        one, other = (tmp_path / folder / file for folder in ("straight", "stopped"))
        assert one.read_bytes() == other.read_bytes()
    assert elman.load(tmp_path / "stopped").metrics == elman.load(tmp_path / "straight").metrics


def test_a_signal_stops_a_run_in_memory_too(monkeypatch: pytest.MonkeyPatch) -> None:
    stop_at(2, monkeypatch, 2)
    with pytest.raises(TrainingInterrupted, match="stopped by Ctrl-C at step 2") as caught:
        fitted()
    assert caught.value.exit_code == 130


def test_series_and_their_labels_are_found_again_from_any_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    X, y = np.random.default_rng(0).normal(size=(40, 6, 2)).astype(np.float32), np.arange(40) % 2
    np.save(tmp_path / "x.npy", X)
    np.save(tmp_path / "answers.npy", y)
    monkeypatch.chdir(tmp_path)
    model = Classifier(**OPTIONS, labels="answers.npy", standardise="channels")
    model.fit("x.npy", folder="m", progress=False, tune=False)
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    run = resumed(tmp_path / "m", max_steps=8)
    run.run()
    assert run.training.step == 8
    described = json.loads((tmp_path / "m" / "elman.json").read_text("utf-8"))
    assert str(tmp_path) not in json.dumps(described)


def begun(tmp_path: Path, **options: Any) -> Path:
    path = data(tmp_path, {})
    Classifier(**OPTIONS | options).fit(path, folder=tmp_path / "m", progress=False, tune=False)
    return tmp_path / "m"


def test_a_run_that_is_over_stays_over_or_gets_a_new_end(tmp_path: Path) -> None:
    folder = begun(tmp_path, split=(0.4, 0.6, 0.0))
    names = ("weights.safetensors", "history.csv", "vocabulary.json")
    before = {name: (folder / name).read_bytes() for name in names}
    resumed(folder).run()
    assert before == {name: (folder / name).read_bytes() for name in names}
    run = resumed(folder, max_steps=9)
    run.run()
    assert run.training.step == 9


def test_a_run_of_an_earlier_version_reads_its_tsv_as_it_did(tmp_path: Path) -> None:
    X, y = texts()
    X[3] = f'"{X[3]}\t\t""so""\n{X[3]}"'
    path = tmp_path / "t.tsv"
    path.write_text("text\tlabel\n" + "".join(f"{text}\t{label}\n" for text, label in zip(X, y, strict=True)))
    with pytest.raises(DataError, match=r"t\.tsv, line 5: expected 2 cells, as above\. Received: 3"):
        Classifier(**OPTIONS).fit(path, progress=False, tune=False)
    Classifier(**OPTIONS, quoting="on").fit(path, folder=tmp_path / "m", progress=False, tune=False)
    described = json.loads((tmp_path / "m" / "elman.json").read_text("utf-8"))
    del described["config"]["data"]["quoting"]
    (tmp_path / "m" / "elman.json").write_text(json.dumps(described), encoding="utf-8")
    assert elman.load(tmp_path / "m").config.data.quoting == "on"
    run = resumed(tmp_path / "m", max_steps=9)
    run.run()
    assert run.training.step == 9


def test_other_data_cannot_be_resumed_on(tmp_path: Path) -> None:
    folder = begun(tmp_path)
    X, y = texts(90)
    write_csv(tmp_path / "t.csv", X, [*y[:-1], "pos"])
    with pytest.raises(DataError, match="expected the data that the run was started with"):
        resumed(folder)


@pytest.mark.parametrize(
    "value", [None, {}, {"train": 3}, {"train": ["x"], "valid": [], "test": [], "more": 1}], ids=str
)
def test_a_checkpoint_with_wrong_inputs_is_refused(value: Any, tmp_path: Path) -> None:
    folder = begun(tmp_path)
    tensors, facts = checkpoint.load(folder)
    checkpoint.save(folder, tensors, facts | {"inputs": value})
    with pytest.raises(ElmanError):
        resumed(folder).run()


@pytest.mark.parametrize("name", sorted(set(VARIANTS) - {"patience", "epochs", "plain"}))
def test_what_is_saved_is_loaded(name: str, tmp_path: Path) -> None:
    options = OPTIONS | VARIANTS[name]
    X, y = texts(90)
    labels: Any = [len(text) / 7 for text in X] if options.get("kind") == "regression" else y
    model = Classifier(**options).fit(X, labels, progress=False, tune=False)
    model.save(tmp_path / "m")
    loaded = elman.load(tmp_path / "m")
    assert isinstance(loaded, Classifier)
    assert np.array_equal(model.predict(X), loaded.predict(X))
    assert loaded.evaluate(X, labels) == model.evaluate(X, labels)
    assert loaded.config == model.config
    assert loaded.metrics == model.metrics
    loaded.save(tmp_path / "again")
    for file in ("elman.json", "weights.safetensors", "vocabulary.json"):
        assert (tmp_path / "again" / file).read_bytes() == (tmp_path / "m" / file).read_bytes()
    loaded.fit(X, labels, progress=False, tune=False)
    assert np.array_equal(model.predict(X), loaded.predict(X))


def test_training_in_a_folder_equals_training_in_memory(tmp_path: Path) -> None:
    path = data(tmp_path, {})
    kept = Classifier(**OPTIONS).fit(path, folder=tmp_path / "m", progress=False, tune=False)
    free = Classifier(**OPTIONS).fit(path, progress=False, tune=False)
    X, _ = texts(30)
    assert np.array_equal(kept.predict_proba(X), free.predict_proba(X))
    assert np.array_equal(kept.predict_proba(X), elman.load(tmp_path / "m").predict_proba(X))
    there = {entry.name for entry in (tmp_path / "m").iterdir()}
    assert {"README.md", "elman.json", "vocabulary.json", "loss.png", "confusion.png", "history.csv"} < there
    card = (tmp_path / "m" / "README.md").read_text("utf-8")
    assert "elman predict MODEL DATA" in card


def test_every_option_goes_through_the_file() -> None:
    for preset in PRESETS:
        made = ClassifierConfig.make(preset, {"split": [0.8, 0.1, 0.1], "value_columns": ["a", "b"]})
        assert ClassifierConfig.from_json(json.loads(json.dumps(made.to_json())), "here") == made


HOSTILE: dict[str, tuple[str, str, Any]] = {
    "a huge layer": ("elman", "config.network.hidden", 10**9),
    "another size": ("elman", "config.network.hidden", 7),
    "another pool": ("elman", "config.network.pool", "mean"),
    "an unknown pool": ("elman", "config.network.pool", "magic"),
    "no direction": ("elman", "config.network.bidirectional", 3),
    "an unknown cell": ("elman", "config.network.cell", "os.system"),
    "a score": ("elman", "config.target.kind", "regression"),
    "no sections": ("elman", "config", {}),
    "another task": ("elman", "task", "tagger"),
    "no vocabulary": ("elman", "vocabulary", None),
    "no options of training": ("elman", "training", {}),
    "no labels": ("vocabulary", "labels", None),
    "another label": ("vocabulary", "labels", ["a", "b", "c"]),
    "very many labels": ("vocabulary", "labels", [str(n) for n in range(100_000)]),
    "labels that are numbers": ("vocabulary", "labels", [1, 2]),
    "no text": ("vocabulary", "text", None),
    "a text that is a list": ("vocabulary", "text", ["a"]),
    "other words": ("vocabulary", "text.words", ["a"]),
    "n-grams of no bag": ("vocabulary", "grams", 3),
    "n-grams by half": ("vocabulary", "grams", 0.5),
    "no temperature": ("vocabulary", "temperature", None),
    "a temperature of zero": ("vocabulary", "temperature", 0),
    "a temperature of words": ("vocabulary", "temperature", "hot"),
}


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.set_num_threads(1)
    folder = tmp_path_factory.mktemp("whole") / "m"
    fitted(max_steps=1).save(folder)
    return folder


@pytest.mark.parametrize("name", HOSTILE)
def test_a_folder_that_lies_is_refused_quickly_and_takes_no_memory(name: str, whole: Path, tmp_path: Path) -> None:
    file, place, value = HOSTILE[name]
    for entry in whole.iterdir():
        (tmp_path / entry.name).write_bytes(entry.read_bytes())
    content = json.loads((whole / f"{file}.json").read_text("utf-8"))
    *parents, last = place.split(".")
    target = content
    for parent in parents:
        target = target[parent]
    target[last] = value
    (tmp_path / f"{file}.json").write_text(json.dumps(content), encoding="utf-8")
    before, begun_at = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.perf_counter()
    with pytest.raises(ArtifactError) as caught:
        Classifier.load(tmp_path)
    assert time.perf_counter() - begun_at < 3.0
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 300_000, "kilobytes"
    assert str(tmp_path) in str(caught.value)


def test_series_are_saved_with_their_scale(tmp_path: Path) -> None:
    X, y = series()
    model = fitted(X, y, max_steps=2)
    model.save(tmp_path / "m")
    loaded = elman.load(tmp_path / "m")
    assert np.array_equal(model.predict_proba(X), loaded.predict_proba(X))
    assert loaded.predict(X).dtype.kind == "i"


def test_the_figures_of_a_bfloat16_run_are_those_of_evaluate(capsys: pytest.CaptureFixture[str]) -> None:
    held = series(30, seed=4)
    model = Classifier(**OPTIONS | {"precision": "bfloat16", "calibrate": False})
    model.fit(*series(), valid=held, progress=True, tune=False)
    figures = model.evaluate(*held)
    assert model.metrics["valid"]["loss"] == pytest.approx(figures["log_loss"], rel=1e-9)
    assert model.metrics["valid"]["accuracy"] == figures["accuracy"]
    (line,) = (line for line in capsys.readouterr().err.splitlines() if "in float32" in line)
    assert f"{figures['log_loss']:.4f} nats per example" in line
