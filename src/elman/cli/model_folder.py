"""Checks of the folders and files that commands write to."""

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

# Files that a starting run writes before elman.json.
_FIRST_FILES = {"weights.safetensors", "vocabulary.json", "README.md"}


def check_answer_file(path: Path | None) -> None:
    """Raise StorageError if the folder of an output file does not exist, before anything is computed."""
    if path is not None and not path.absolute().parent.is_dir():
        raise StorageError(f"expected an existing folder for {path}. Received: {path.absolute().parent}")


def check_output(folder: Path, overwrite: bool) -> None:
    """Raise ConfigError unless a model can be written to `folder` without overwriting other files."""
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
            f"expected a folder without a model, --overwrite, or elman train --resume {shlex.quote(str(folder))}. "
            f"Received: a model in {folder}"
        )
    if names and "elman.json" not in names and not _killed_at_once(names):
        shown = ", ".join(sorted(names)[:3])
        raise ConfigError(
            f"expected a new or empty folder, or one with a model, for -o. Received: {folder} with {shown}"
        )


def _killed_at_once(names: list[str]) -> bool:
    """Whether these are the files of a run that was killed before it wrote elman.json."""
    whole = {name for name in names if not name.endswith(TEMPORARY_SUFFIX)}
    return whole <= _FIRST_FILES and (not whole or "weights.safetensors" in whole)


def clear_output(folder: Path) -> None:
    """Remove the files of an older run that the new model would not replace."""
    shutil.rmtree(folder / "tensorboard", ignore_errors=True)
    of_tasks = [name for task in built_in().values() for name in task.files]
    with contextlib.suppress(ElmanError):  # no model, or one that cannot be read
        of_tasks += task_of(folder).files  # may be a task of another package
    for name in ("loss.png", "history.csv", *of_tasks):
        (folder / name).unlink(missing_ok=True)
