"""Registry of the tasks in this package and in installed packages; loads a model's folder of any task.

A task of another package is an entry point of the group `elman.tasks` whose object is a `Task`. Built-in names take
precedence. An entry point that cannot be loaded raises only when its task is requested.
"""

from __future__ import annotations

import importlib
import os
import pkgutil
from collections.abc import Iterable, Mapping
from functools import cache
from importlib.util import find_spec
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import elman.tasks
from elman import artifact
from elman.display import Progress
from elman.errors import ArtifactError, ConfigError
from elman.options import suggestion
from elman.tasks.task import Task

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

__all__ = ["built_in", "extension", "extensions", "find", "load", "load_as", "load_language_model", "task_of"]

_GROUP = "elman.tasks"


@cache
def built_in() -> Mapping[str, Task]:
    """Return the tasks of this package by name, sorted by rank."""
    found: list[Task] = []
    for module in pkgutil.iter_modules(elman.tasks.__path__):
        name = f"elman.tasks.{module.name}.task"
        if module.ispkg and find_spec(name) is not None:
            found.append(importlib.import_module(name).TASK)
    return MappingProxyType({task.name: task for task in sorted(found, key=lambda each: (each.rank, each.name))})


def _entries() -> Iterable[EntryPoint]:
    from importlib.metadata import entry_points  # slow to import

    return entry_points(group=_GROUP)


def extensions() -> dict[str, Task | str]:
    """Return the tasks of other packages by name; for one that cannot be loaded, the error message."""
    found: dict[str, Task | str] = {}
    for entry in _entries():
        if entry.name not in built_in():
            try:
                found[entry.name] = _loaded(entry)
            except ConfigError as error:
                found[entry.name] = str(error)
    return found


def extension(name: str) -> Task | None:
    """Return the task of another package with this name, or None. Raises ConfigError if it cannot be loaded."""
    if name in built_in():
        return None
    return next((_loaded(entry) for entry in _entries() if entry.name == name), None)


def find(name: str) -> Task:
    """Return the task with this name or this training command.

    Raises ConfigError for an unknown task, and for one of another package that cannot be loaded.
    """
    for task in built_in().values():
        if name in (task.name, task.train_command):
            return task
    if (other := extension(name)) is not None:
        return other
    known = list(built_in())
    raise ConfigError(f"expected a task among {', '.join(known)}. Received: {name!r}.{suggestion(name, known)}")


def _loaded(entry: EntryPoint) -> Task:
    """Return the task of an entry point. Raises ConfigError for any error in its package."""
    try:
        task = entry.load()
    except (Exception, SystemExit) as error:  # third-party code may raise anything
        raise ConfigError(
            f"expected a task {entry.name!r} that can be loaded from {entry.value}. "
            f"Received: {type(error).__name__}: {error}"
        ) from error
    if not isinstance(task, Task) or task.name != entry.name:
        raise ConfigError(f"expected the description of a task {entry.name!r} at {entry.value}. Received: {task!r:.80}")
    return task


def task_of(folder: str | os.PathLike[str], *, verb: str = "") -> Task:
    """Return the task of the model in `folder`; with `verb`, it must have this endpoint.

    Raises ArtifactError for an incomplete, invalid or unsafe model, and for other tasks.
    """
    if _is_file(folder):
        for each in built_in().values():
            if each.reads_files and (not verb or each.endpoint(verb)):
                return each
    name = artifact.read(folder).task
    try:
        task = find(name)
    except ConfigError as error:
        if name in {entry.name for entry in _entries()}:
            raise
        raise ArtifactError(
            f"{folder}: expected a task among {', '.join(_offering(verb))}. Received: {name!r}"
        ) from error
    if verb and task.endpoint(verb) is None:
        raise ArtifactError(f"{folder}: expected a task among {', '.join(_offering(verb))}. Received: {name!r}")
    return task


def _is_file(path: str | os.PathLike[str]) -> bool:
    """Whether there is a file or pipe in place of a model's folder."""
    return os.path.exists(path) and not os.path.isdir(path)


def _offering(verb: str) -> list[str]:
    return [task.name for task in built_in().values() if not verb or task.endpoint(verb)]


def load(folder: str | os.PathLike[str]) -> Any:
    """Load the model in `folder`, as an object of its task's class, such as `elman.LanguageModel`.

    A file of word vectors is opened as `elman.Embeddings`. Runs no code from the folder. Raises ArtifactError for an
    incomplete, invalid or unsafe model.
    """
    task = task_of(folder)
    return task.model_class().from_file(folder) if _is_file(folder) else task.model_class().load(folder)


def load_as(
    task: str,
    folder: str | os.PathLike[str],
    *,
    reading: Mapping[str, Any] = MappingProxyType({}),
    progress: Progress | None = None,
) -> Any:
    """Load the model of `task` in `folder`, or in a file that the task reads, with the options `reading`.

    Raises ArtifactError, also for a model of another task; ConfigError for `reading` with a folder.
    """
    if find(task).reads_files and _is_file(folder):
        return find(task).model_class().from_file(folder, progress=progress, **reading)
    if reading:
        options = ", ".join(f"--{name}" for name in reading)
        raise ConfigError(f"expected {options} with a file in place of a model. Received: {os.fspath(folder)}")
    artifact.read(folder, task=task)  # detects most errors before torch is imported
    return find(task).model_class().load(folder)


def load_language_model(folder: str | os.PathLike[str] | None) -> Any:
    """Load the language model in `folder` for shallow fusion, with the errors of `load_as`; None without a folder."""
    return None if folder is None else load_as("language-model", folder)
