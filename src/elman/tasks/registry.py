"""Every task by name, and `load`, which opens a model's folder whatever its task. Imports a task only when asked to."""

from __future__ import annotations

import importlib
import os
from types import MappingProxyType
from typing import Any

from elman import artifact
from elman.errors import ArtifactError

__all__ = ["TASKS", "load"]

# The task's name in elman.json, and the class that opens it.
TASKS = MappingProxyType({"language-model": ("elman.tasks.language_model.model", "LanguageModel")})


def load(folder: str | os.PathLike[str]) -> Any:
    """The model in `folder`, as an object of its task's class, such as `elman.LanguageModel`.

    Runs no code from the folder. Raises ArtifactError for anything that is not a whole and safe model.
    """
    task = artifact.read(folder).task
    if task not in TASKS:
        raise ArtifactError(f"{folder}: expected a task among {', '.join(TASKS)}. Received: {task!r}")
    module, name = TASKS[task]
    return getattr(importlib.import_module(module), name).load(folder)
