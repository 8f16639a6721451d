"""What all model classes share: parameters that scikit-learn can copy, and nothing else that looks like one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from sklearn.base import clone
from sklearn.exceptions import NotFittedError

from elman.errors import ConfigError
from elman.tasks.registry import built_in

from ..contract.tasks import CASES, COMMON

TASKS = built_in()
each_task = pytest.mark.parametrize("task", list(TASKS))


def made(task: str, **options: Any) -> Any:
    return TASKS[task].model_class()(**{**COMMON, "max_steps": 2, **CASES[task].options, **options})


@each_task
def test_a_model_that_is_not_trained_is_cloned(task: str) -> None:
    model = TASKS[task].model_class()("small", hidden_size=3, learning_rate=0.5, cell_options={"bias": False})
    twin = clone(model)
    assert type(twin) is type(model)
    assert twin is not model
    assert twin.get_params() == model.get_params()
    assert twin.get_params()["hidden_size"] == 3
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
    loaded.set_params(hidden_size=3)
    assert loaded.get_params()["hidden_size"] == 3
