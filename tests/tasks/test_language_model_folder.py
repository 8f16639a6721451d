"""A model's folder: written by training or by save, read back exactly, and refused when it lies."""

from __future__ import annotations

import json
import resource
import time
from pathlib import Path
from typing import Any

import pytest
import torch

import elman
from elman import LanguageModel
from elman.data.corpus import HeldOutText, prepare_corpus
from elman.data.sources import Sources
from elman.errors import ArtifactError, ConfigError, DataError
from elman.tasks.language_model.config import PRESETS, LanguageModelConfig
from elman.tasks.language_model.setup import NextTokenObjective
from elman.train import TrainConfig
from elman.train.machine import resolve_auto

from .small import OPTIONS, TEXT, trained

VARIANTS: dict[str, dict[str, Any]] = {
    "plain": {},
    "tied": {"tied": True, "embedding": 8},
    "one-hot": {"embedding": 0},
    "deep": {"layers": 2, "residual": True, "dropout": 0.1, "learn_initial_state": True, "cell": "gru"},
    "peepholes": {"cell_options": {"peepholes": True, "projection": 5}},
    "words": {"tokens": "words", "lowercase": True, "min_count": 2, "numbers": True, "vocabulary_size": 12},
    "subwords": {"tokens": "subwords", "vocabulary_size": 270},
    "no validation": {"split": (1.0, 0.0, 0.0)},
    "mingru": {"cell": "mingru"},
}


def logits(model: LanguageModel) -> torch.Tensor:
    tokens = torch.arange(model.vocabulary.size)[None]
    with torch.no_grad():
        return model.network.eval()(tokens, None, model.network.initial_state(1))[0]


@pytest.mark.parametrize("name", VARIANTS)
def test_what_is_saved_is_loaded(name: str, tmp_path: Path) -> None:
    model = trained(tmp_path, **VARIANTS[name])
    model.save(tmp_path / "model")
    loaded = elman.load(tmp_path / "model")
    assert isinstance(loaded, LanguageModel)
    assert torch.equal(logits(model), logits(loaded))
    assert loaded.config == model.config
    assert loaded.vocabulary.to_json() == model.vocabulary.to_json()
    for attribute in ("metrics", "data", "training", "command"):
        assert getattr(loaded, attribute) == getattr(model, attribute)
    assert loaded.generate("the", length=20, seed=1) == model.generate("the", length=20, seed=1)
    loaded.save(tmp_path / "again")
    for file in ("elman.json", "weights.safetensors", "vocabulary.json"):
        assert (tmp_path / "again" / file).read_bytes() == (tmp_path / "model" / file).read_bytes()


def test_every_option_goes_through_the_file() -> None:
    config = LanguageModelConfig.make(
        "large", {"cell": "gru", "split": [0.8, 0.1, 0.1], "clip_value": 0.5, "urls": True}
    )
    values = json.loads(json.dumps(config.to_json()))
    assert LanguageModelConfig.from_json(values, "here") == config
    for preset in PRESETS:
        made = LanguageModelConfig.make(preset)
        assert LanguageModelConfig.from_json(json.loads(json.dumps(made.to_json())), "here") == made
    with pytest.raises(ConfigError, match="here: expected the sections text, network, training"):
        LanguageModelConfig.from_json({"text": {}}, "here")


def test_training_in_a_folder_equals_training_in_memory(tmp_path: Path) -> None:
    path = tmp_path / "text.txt"
    path.write_text(TEXT, encoding="utf-8")
    folder = tmp_path / "model"
    kept = LanguageModel(**OPTIONS).fit(path, folder=folder, progress=False, tune=False)
    free = LanguageModel(**OPTIONS).fit(path, progress=False, tune=False)
    assert torch.equal(logits(kept), logits(free))
    assert torch.equal(logits(kept), logits(elman.load(folder)))
    assert kept.metrics == free.metrics == elman.load(folder).metrics
    assert {"README.md", "elman.json", "history.csv", "loss.png", "tensorboard", "training", "vocabulary.json"} < {
        entry.name for entry in folder.iterdir()
    }
    described = json.loads((folder / "elman.json").read_text(encoding="utf-8"))
    assert str(tmp_path) not in json.dumps(described), "the path of the text must not be saved with the model"
    assert described["data"]["files"] == ["text.txt"]
    assert described["metrics"]["test"]["loss"] > 0.0


def test_the_best_weights_are_kept_not_the_last(tmp_path: Path) -> None:
    model = trained(tmp_path, max_steps=60, learning_rate=1.5, clip_norm=0.0, evaluate_every=1, schedule="constant")
    best = model.metrics["best_step"]
    assert best < 60
    path = tmp_path / "text.txt"
    config = model.config
    corpus = prepare_corpus(Sources([path]), config.text)
    evaluate_part = NextTokenObjective(model.network, HeldOutText(corpus.valid, corpus.vocabulary)).evaluate()
    assert evaluate_part["loss"] == pytest.approx(model.metrics["valid"]["loss"], rel=1e-6)


def test_a_string_is_text_too(tmp_path: Path) -> None:
    model = LanguageModel("base", **OPTIONS).fit(string=TEXT, progress=False, tune=False)
    assert torch.equal(logits(model), logits(trained(tmp_path)))
    for encoding in ("latin-1", "utf-16"):
        other = LanguageModel(**OPTIONS, encoding=encoding).fit(string="née à Köln. " * 30, progress=False, tune=False)
        assert other.vocabulary.decode(other.vocabulary.encode("née")) == "née"
    with pytest.raises(DataError, match="expected a string that is text in iso8859-1"):
        LanguageModel(**OPTIONS, encoding="latin-1").fit(string="☃" * 99, progress=False, tune=False)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({}, "expected either text"),
        ({"text": "a", "string": "b"}, "expected either text"),
        ({"string": "b", "folder": "c"}, "expected text in a file when training in a folder"),
    ],
)
def test_fit_takes_one_text(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        LanguageModel(**OPTIONS).fit(**arguments)


HOSTILE: dict[str, tuple[str, Any]] = {
    "a huge layer": ("config.network.hidden", 10**9),
    "a layer beyond all numbers": ("config.network.hidden", 10**30),
    "a large layer": ("config.network.hidden", 20_000),
    "no layer at all": ("config.network.hidden", 0),
    "half a unit": ("config.network.hidden", 8.5),
    "units as text": ("config.network.hidden", "8"),
    "very many layers": ("config.network.layers", 10**9),
    "a thousand layers": ("config.network.layers", 1000),
    "a huge embedding": ("config.network.embedding", 10**12),
    "another size": ("config.network.hidden", 9),
    "an unknown cell": ("config.network.cell", "os.system"),
    "a cell that is a list": ("config.network.cell", ["lstm"]),
    "another cell": ("config.network.cell", "gru"),
    "an unknown option": ("config.network.colour", "red"),
    "an unknown section": ("config.colours", {}),
    "an unknown cell option": ("config.network.cell_options", {"colour": 1}),
    "a device": ("config.network.cell_options", {"device": "cpu"}),
    "a bias of words": ("config.network.cell_options", {"forget_bias": "high"}),
    "a dropout above one": ("config.network.dropout", 1.5),
    "tied to nothing": ("config.network.tied", True),
    "no sections": ("config", {}),
    "a section that is a list": ("config.network", []),
    "an unknown way of training": ("training.options.magic", 1),
    "no options of training": ("training", {}),
    "another task": ("task", "painter"),
    "no vocabulary": ("vocabulary", None),
}


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    with pytest.MonkeyPatch.context() as patched:
        folder = tmp_path_factory.mktemp("whole")
        patched.setenv("ELMAN_CACHE", str(folder / "cache"))
        trained(folder).save(folder / "model")
        return folder / "model"


@pytest.mark.parametrize("name", HOSTILE)
def test_a_description_that_lies_is_refused_quickly_and_takes_no_memory(name: str, whole: Path, tmp_path: Path) -> None:
    place, value = HOSTILE[name]
    for file in whole.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    description = json.loads((whole / "elman.json").read_text(encoding="utf-8"))
    *parents, last = place.split(".")
    target = description
    for parent in parents:
        target = target[parent]
    target[last] = value
    (tmp_path / "elman.json").write_text(json.dumps(description), encoding="utf-8")
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    begun = time.perf_counter()
    with pytest.raises(ArtifactError) as caught:
        elman.load(tmp_path)
    assert time.perf_counter() - begun < 3.0
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 300_000, "kilobytes"
    assert str(tmp_path) in str(caught.value)


def test_weights_of_another_model_are_refused(whole: Path, tmp_path: Path) -> None:
    other = trained(tmp_path, hidden_size=9)
    other.save(tmp_path / "model")
    (tmp_path / "model" / "weights.safetensors").write_bytes((whole / "weights.safetensors").read_bytes())
    with pytest.raises(ArtifactError, match=r"weights\.safetensors is not what .*elman\.json describes"):
        elman.load(tmp_path / "model")
    # A folder of an earlier version has no digest of its weights: their shapes show it.
    description = json.loads((tmp_path / "model" / "elman.json").read_text())
    del description["weights_digest"]
    (tmp_path / "model" / "elman.json").write_text(json.dumps(description))
    with pytest.raises(ArtifactError, match=r"weight_ih|head|weight_hh"):
        elman.load(tmp_path / "model")


def test_auto_is_settled_by_the_machine() -> None:
    settled = resolve_auto(TrainConfig(max_steps=1))
    assert settled.device in ("cpu", "cuda")
    assert settled.precision in ("float32", "bfloat16")
    assert settled.threads >= 1
    assert resolve_auto(settled) == settled
    assert resolve_auto(TrainConfig(device="cpu", precision="bfloat16", threads=3)).threads == 3


@pytest.mark.parametrize("device", ["tpu", "cuda:x", "gpu", "cpu0"])
def test_devices_that_do_not_exist_are_refused(device: str) -> None:
    with pytest.raises(ConfigError, match="expected device to be auto, cpu, cuda or cuda:N"):
        resolve_auto(TrainConfig(device=device))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"hiden": 3}, "no option has this name. Received: 'hiden'. Did you mean 'hidden_size'?"),
        (
            {"preset": "bas"},
            "expected a preset among auto, small, base, large, plain. Received: 'bas'. Did you mean 'base'?",
        ),
        ({"layers": 1001}, "expected layers to be at most 1000. Received: 1001"),
    ],
)
def test_wrong_options_are_named(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        LanguageModel(**options)
    assert message in str(caught.value)
