"""What all model classes share: parameters that scikit-learn can copy, and nothing else that looks like one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV
from sklearn.utils import get_tags

import elman
from elman.errors import ConfigError
from elman.tasks.registry import built_in

from ..contract.tasks import CASES, COMMON
from . import small_taggers, small_translators

TASKS = built_in()
each_task = pytest.mark.parametrize("task", list(TASKS))


def size_of(task: str) -> str:
    """The option of a task's size."""
    return "embedding" if task == "embeddings" else "hidden_size"


def made(task: str, **options: Any) -> Any:
    return TASKS[task].model_class()(**{**COMMON, "max_steps": 2, **CASES[task].options, **options})


@each_task
def test_a_model_that_is_not_trained_is_cloned(task: str) -> None:
    given: dict[str, Any] = {size_of(task): 3, "learning_rate": 0.5}
    given |= {"cbow_mean": False} if task == "embeddings" else {"cell_options": {"bias": False}}
    model = TASKS[task].model_class()("small", **given)
    twin = clone(model)
    assert type(twin) is type(model)
    assert twin is not model
    assert twin.get_params() == model.get_params()
    assert twin.get_params()[size_of(task)] == 3
    assert twin.config == model.config


@each_task
def test_training_changes_no_parameter_and_a_clone_forgets_it(task: str, tmp_path: Path) -> None:
    model = made(task, precision="auto", device="auto")
    before = model.get_params()
    public = {name for name in vars(model) if not name.startswith("_")}
    assert not model.__sklearn_is_fitted__()
    model.fit(CASES[task].write(tmp_path), progress=False, tune=False)
    assert model.__sklearn_is_fitted__()
    assert model.config.training.precision != "auto"
    assert model.get_params() == before
    # scikit-learn takes public attributes for parameters, except for those that end with an underscore.
    assert {name for name in vars(model) if not name.startswith("_") and not name.endswith("_")} == public
    twin = clone(model)
    assert twin.get_params() == before
    assert (twin.metrics, twin.data, twin.training, twin.command) == ({}, {}, {}, "")
    for answer in (lambda: twin.network, lambda: twin.vocabulary, lambda: CASES[task].answers(twin)):
        with pytest.raises(NotFittedError, match=r"call fit\(\)"):
            answer()
        with pytest.raises(ConfigError, match=r"call fit\(\)"):
            answer()


@each_task
def test_a_model_that_was_loaded_is_cloned_with_its_options(task: str, tmp_path: Path) -> None:
    model = made(task)
    model.fit(CASES[task].write(tmp_path), progress=False, tune=False).save(tmp_path / "model")
    loaded = TASKS[task].model_class().load(tmp_path / "model")
    twin = clone(loaded)
    assert twin.get_params() == loaded.get_params()
    assert twin.config == loaded.config
    loaded.set_params(**{size_of(task): 3})
    assert loaded.get_params()[size_of(task)] == 3


@each_task
def test_scikit_learn_can_read_what_a_model_is(task: str) -> None:
    read = get_tags(TASKS[task].model_class()())
    assert read.estimator_type == ("classifier" if task == "classifier" else None)
    assert read.input_tags.string


@each_task
def test_a_clone_takes_the_values_of_another_preset(task: str) -> None:
    kind = TASKS[task].model_class()
    other = kind("large", **{size_of(task): 7})
    twin = clone(kind("small", **{size_of(task): 7})).set_params(preset="large")
    assert twin.get_params() == other.get_params()
    assert twin.config == other.config


def test_a_search_over_the_options_of_a_tagger(capsys: pytest.CaptureFixture[str]) -> None:
    words, tags, _ = small_taggers.sentences(24)
    tagger = elman.Tagger(**small_taggers.OPTIONS)
    search = GridSearchCV(tagger, {"head": ["softmax"], "max_steps": [1, 150]}, cv=2, error_score="raise")
    search.fit(words, tags)
    assert search.best_params_["max_steps"] == 150
    assert search.score(words, tags) == search.best_estimator_.score(words, tags) > 0.3
    assert len(search.predict(words[:3])) == 3
    assert capsys.readouterr().err == ""


def test_a_search_by_a_score_of_ones_own() -> None:
    sources, targets = small_translators.SOURCES, small_translators.TARGETS

    def accuracy(model: elman.Translator, texts: list[str], wanted: list[str]) -> float:
        return model.evaluate(texts, wanted)["accuracy"]

    grid = {"max_steps": [1, 30], "preset": ["base"]}
    search = GridSearchCV(small_translators.tiny(), grid, scoring=accuracy, cv=2, error_score="raise")
    assert search.fit(sources, targets).best_params_["max_steps"] == 30
