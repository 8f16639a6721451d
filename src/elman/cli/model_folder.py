"""The folder of a model, as commands name it: what may be written to."""

from __future__ import annotations

import contextlib
import os
import shlex
import shutil
from pathlib import Path

from elman.errors import ConfigError, ElmanError, StorageError
from elman.files import TEMPORARY_SUFFIX
from elman.tasks.registry import built_in, task_of

__all__ = ["check_answer_file", "check_output", "clear_output"]

# What is written before elman.json when a run begins.
_FIRST_FILES = {"weights.safetensors", "vocabulary.json", "README.md"}


def check_answer_file(path: Path | None) -> None:
    """Raise StorageError where answers are to be written into a folder that is not there, before any are made."""
    if path is not None and not path.absolute().parent.is_dir():
        raise StorageError(f"expected a folder for {path} that is there. Received: {path.absolute().parent}")


def check_output(folder: Path, overwrite: bool) -> None:
    """Raise ConfigError unless a model can be written to `folder` without harm to what is there."""
    try:
        names = os.listdir(folder)
    except FileNotFoundError:
        return
    except NotADirectoryError:
        raise ConfigError(f"expected a folder for the model. Received: the file {folder}") from None
    except OSError as error:
        raise StorageError(f"cannot read {folder}: {error.strerror or error}") from error
    if "elman.json" in names and not overwrite:
        raise ConfigError(
            f"there is a model in {folder} already: choose another folder, add --overwrite, or go on with it by "
            f"elman train --resume {shlex.quote(str(folder))}"
        )
    if names and "elman.json" not in names and not _killed_at_once(names):
        shown = ", ".join(sorted(names)[:3])
        raise ConfigError(
            f"expected a new or empty folder, or one with a model, for -o. Received: {folder} with {shown}"
        )


def _killed_at_once(names: list[str]) -> bool:
    """Whether these are the files of a run that was killed before its folder was described."""
    whole = {name for name in names if not name.endswith(TEMPORARY_SUFFIX)}
    return whole <= _FIRST_FILES and (not whole or "weights.safetensors" in whole)


def clear_output(folder: Path) -> None:
    """Remove what the run of an older model would leave beside the new one."""
    shutil.rmtree(folder / "tensorboard", ignore_errors=True)
    of_tasks = [name for task in built_in().values() for name in task.files]
    with contextlib.suppress(ElmanError):  # there is no model, or none that can be read
        of_tasks += task_of(folder).files  # it may be of another package
    for name in ("loss.png", "history.csv", *of_tasks):
        (folder / name).unlink(missing_ok=True)
