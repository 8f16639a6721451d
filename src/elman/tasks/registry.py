"""Every task by name, and `load`, which opens a model's folder whatever its task. Imports a task only when asked to.

A task is a package of this folder: `model` holds its class for people, `config` its options, and `run` a function
`reopen` for stopped runs.
"""

from __future__ import annotations

import importlib
import os
from types import MappingProxyType
from typing import Any

from elman import artifact
from elman.errors import ArtifactError

__all__ = ["TASKS", "load", "model_class", "resumption"]

# The task's name in elman.json, and its class in Python.
TASKS = MappingProxyType(
    {
        "language-model": "LanguageModel",
        "classifier": "Classifier",
        "tagger": "Tagger",
        "forecaster": "Forecaster",
        "translator": "Translator",
        "captioner": "Captioner",
        "transcriber": "Transcriber",
    }
)


def _part(task: str, part: str) -> Any:
    return importlib.import_module(f"elman.tasks.{task.replace('-', '_')}.{part}")


def model_class(task: str) -> Any:
    """The class of a task, such as `elman.LanguageModel`."""
    return getattr(_part(task, "model"), TASKS[task])


def resumption(task: str) -> tuple[type[Any], Any]:
    """The class of a task's options, and its function `reopen`: what `resume_run` needs."""
    return getattr(_part(task, "config"), f"{TASKS[task]}Config"), _part(task, "run").reopen


def load(folder: str | os.PathLike[str]) -> Any:
    """The model in `folder`, as an object of its task's class, such as `elman.LanguageModel`.

    Runs no code from the folder. Raises ArtifactError for anything that is not a whole and safe model.
    """
    task = artifact.read(folder).task
    if task not in TASKS:
        raise ArtifactError(f"{folder}: expected a task among {', '.join(TASKS)}. Received: {task!r}")
    return model_class(task).load(folder)
