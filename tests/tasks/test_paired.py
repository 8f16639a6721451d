"""Models of every task on the same data: figures against `evaluate`, items by hand, and what is refused."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import elman
from elman.decode.forecast import forecast_from
from elman.errors import ConfigError, DataError
from elman.metrics.verdict import verdict_of
from elman.tasks.registry import built_in

from ..contract.tasks import CASES, COMMON, TaskCase
from . import small

# Word vectors have no figure of items that models with other words share.
TASKS = [name for name in built_in() if name != "embeddings"]
# The others are slow.
QUICK = ("classifier", "tagger")
SHORT = COMMON | {"max_steps": 4, "baseline": False}


class Trained:
    """A few models of each task, trained when first asked for, and data in files."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._models: dict[tuple[Any, ...], Any] = {}
        self._files: dict[str, list[Path]] = {}

    def files(self, task: str) -> list[Path]:
        if task not in self._files:
            place = self.folder / task
            place.mkdir()
            self._files[task] = CASES[task].write(place)
        return self._files[task]

    def model(self, task: str, **options: Any) -> Any:
        key = (task, *sorted(options.items()))
        if key not in self._models:
            case: TaskCase = CASES[task]
            made = built_in()[task].model_class()(**SHORT | case.options | options)
            self._models[key] = made.fit(self.files(task), progress=False, tune=False)
        return self._models[key]


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Trained:
    return Trained(tmp_path_factory.mktemp("paired"))


# The figure that each task compares, as `evaluate` names it.
FIGURES: dict[str, Callable[[dict[str, Any]], float]] = {
    "language-model": lambda found: found["loss"],
    "classifier": lambda found: found["accuracy"],
    "tagger": lambda found: found["accuracy"],
    "transcriber": lambda found: found["cer"],
    "translator": lambda found: found["bleu"],
    "captioner": lambda found: found["bleu"],
    "filler": lambda found: found["loss"],
}


@pytest.mark.parametrize(
    "task", [name if name in QUICK else pytest.param(name, marks=pytest.mark.slow) for name in TASKS if name in FIGURES]
)
def test_values_are_those_of_evaluate(trained: Trained, task: str) -> None:
    models = {"first": trained.model(task), "second": trained.model(task, seed=11)}
    data = [str(path) for path in trained.files(task)]
    found = elman.compare(models, data=data).paired
    assert found is not None
    for name, model in models.items():
        assert found.values[name] == pytest.approx(FIGURES[task](model.evaluate(data)), rel=1e-5, abs=1e-9)
    (difference,) = found.differences
    assert (difference.model, difference.first) == ("second", "first")
    assert difference.verdict.difference == pytest.approx(found.values["second"] - found.values["first"])
    assert difference.sentence.startswith("second ")
    assert found.to_json()["differences"][0]["outcome"] in ("better", "even", "worse")


@pytest.mark.parametrize("task", ["tagger", *(pytest.param(name, marks=pytest.mark.slow) for name in TASKS)])
def test_a_model_is_not_better_than_itself(trained: Trained, task: str) -> None:
    model = trained.model(task)
    limit = {"language-model": 500, "forecaster": 8}.get(task, 8)
    data = [str(path) for path in trained.files(task)]
    found = elman.compare({"one": model, "other": model}, data=data, limit=limit).paired
    assert found is not None
    (difference,) = found.differences
    assert (difference.verdict.difference, difference.verdict.chance) == (0.0, 1.0)
    assert difference.verdict.outcome == "even"
    if task not in ("language-model", "forecaster", "filler"):
        assert found.items == 8


def test_forecasts_are_those_of_the_model(trained: Trained) -> None:
    model = trained.model("forecaster", members=1)
    fresh = trained.folder / "other.csv"
    rows = [f"new,{2001 + m // 12}-{1 + m % 12:02}-01,{10 + math.sin(m / 2) + 0.1 * (m % 7)}" for m in range(36)]
    fresh.write_text("\n".join(["unique_id,ds,y", *rows]) + "\n", encoding="utf-8")
    found = elman.compare([model, trained.model("forecaster", seed=11, context=12)], data=str(fresh), limit=9).paired
    assert found is not None
    assert found.noun == "periods of forecasts of 3 steps"
    panel = model.read([fresh])
    values, errors = panel.targets[0][:, 0], []
    transforms = model.known.transforms_of(panel, panel.lengths - 9)
    assert transforms is not None
    for origin in range(36 - 9 - 1, 36 - 3, 2):
        ahead = forecast_from(model.network, panel, transforms, np.array([0]), np.array([origin]), 3)
        scale = np.abs(values[12 : origin + 1] - values[: origin + 1 - 12]).mean()
        errors.append(np.abs(ahead.mean[0, :, 0] - values[origin + 1 : origin + 4]).mean() / scale)
    assert found.items == math.ceil(len(errors) / 2)  # forecasts from origins two steps apart overlap
    assert found.values["model 1"] == pytest.approx(np.mean(errors), rel=1e-6)


def test_the_test_is_that_of_verdicts_on_the_items(trained: Trained) -> None:
    models = {"first": trained.model("classifier"), "second": trained.model("classifier", seed=11, max_steps=30)}
    texts = ["a fine and warm play", "a cold and dull play", "a plain and usual play", "a grey play", "warm", "flat"]
    labels = ["good", "bad", "so-so", "bad", "good", "so-so"]
    found = elman.compare(models, data=(texts, labels)).paired
    assert found is not None
    counts = {
        name: np.array([[float(one == other), 1.0] for one, other in zip(model.predict(texts), labels, strict=True)])
        for name, model in models.items()
    }
    by_hand = verdict_of(found.figure, counts["second"], {"first": counts["first"]}, part="", noun="examples")
    assert found.differences[0].verdict == by_hand
    assert "on 6 examples" in found.differences[0].sentence


@pytest.mark.parametrize("tokens", ["subwords", pytest.param("words", marks=pytest.mark.slow)])
def test_models_with_different_tokens_are_compared_per_character(tmp_path: Path, tokens: str) -> None:
    models = {
        "characters": small.trained(tmp_path, max_steps=2),
        tokens: small.trained(tmp_path, tokens=tokens, max_steps=30, **({"min_count": 1} if tokens == "words" else {})),
    }
    path = tmp_path / "held.txt"
    path.write_text(small.TEXT[: 82 * 9], encoding="utf-8")
    found = elman.compare(models, data=path).paired
    assert found is not None
    assert found.figure.name == "bits_per_char"
    for name, model in models.items():
        assert found.values[name] == pytest.approx(model.evaluate(path)["bits_per_char"], rel=2e-3), name
    assert found.items == math.ceil(len("".join(path.read_text().split())) / 400)
    shorter = elman.compare(models, data=path, limit=300).paired
    assert shorter is not None
    assert shorter.items == 1


def test_tokens_that_lose_text_are_refused(tmp_path: Path) -> None:
    whole = small.trained(tmp_path)
    path = tmp_path / "held.txt"
    path.write_text("the white whale saw a Zebra\n" * 4, encoding="utf-8")
    for lossy in (small.trained(tmp_path, tokens="words", min_count=1), small.trained(tmp_path, lowercase=True)):
        with pytest.raises(DataError, match=r"whose tokens have the whole text.*Received: .* with model"):
            elman.compare([whole, lossy], data=path)


def test_items_must_be_the_same(tmp_path: Path) -> None:
    table = tmp_path / "reviews.csv"
    rows = [f"a {word} play,{label},{other}" for word in ("warm", "dull") for label, other in (("a", "a"), ("a", "b"))]
    table.write_text("\n".join(["text,label,other", *rows * 6, "a play,b,b"]) + "\n", encoding="utf-8")
    options = SHORT | CASES["classifier"].options | {"max_steps": 1}
    models = [elman.Classifier(**options, label_column=name) for name in ("label", "other")]
    for model in models:
        model.fit(table, progress=False, tune=False)
    with pytest.raises(DataError, match=r"expected the same labels for all models.*'a' for model 1, 'b' for model 2, "):
        elman.compare(models, data=str(table))


def test_bad_data_is_refused(trained: Trained) -> None:
    one, other = trained.model("classifier"), trained.model("classifier", seed=11)
    data = [str(path) for path in trained.files("classifier")]
    with pytest.raises(ConfigError, match="expected a limit of at least 1"):
        elman.compare([one, other], data=data, limit=0)
    with pytest.raises(ConfigError, match="standard input"):
        elman.compare([one, other], data="-")
    with pytest.raises(DataError):
        elman.compare([one, other], data="none.csv")
    with pytest.raises(ConfigError, match="expected data without targets"):
        elman.compare([trained.model("language-model"), trained.model("language-model", seed=11)], data=(["a"], ["b"]))
