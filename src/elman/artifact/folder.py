"""The folder of a model: what stands in elman.json, which files belong to it, and whether they may be opened.

Knows nothing about tensors (elman.artifact.weights does), nor about what the configuration of a task means.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from elman.artifact.card import CardSnippet, model_card
from elman.artifact.strict import read_small_file, shown, strict_json, to_json
from elman.errors import ArtifactError, ConfigError
from elman.files import atomic_file, make_folder, remove_stale_temporaries, storage_error
from elman.version import VERSION

__all__ = ["FORMAT_VERSION", "WEIGHTS", "Artifact", "read", "write"]

FORMAT_VERSION = 1

DESCRIPTION = "elman.json"
VOCABULARY = "vocabulary.json"
WEIGHTS = "weights.safetensors"
CARD = "README.md"

MAX_DESCRIPTION_BYTES = 1024 * 1024
MAX_VOCABULARY_BYTES = 64 * 1024 * 1024

# The keys of elman.json and the type of each. All must be there, and no others.
_KEYS: dict[str, tuple[type, ...]] = {
    "format": (int,),
    "elman": (str,),
    "task": (str,),
    "config": (dict,),
    "training": (dict,),
    "metrics": (dict,),
    "data": (dict,),
    "vocabulary": (str, type(None)),
    "weights": (str,),
    "command": (str,),
}
_TASK = re.compile(r"[a-z][a-z0-9-]{0,63}")
# A name without a folder part, in letters that every file system has; a leading dot or dash is no good name.
_PLAIN_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,99}")


@dataclass(frozen=True)
class Artifact:
    """What a model's folder says about itself.

    folder         where it lies
    task           such as "language-model"
    config         what the model must be built with
    training       how it was trained
    metrics        how good it is
    data           what it was trained on
    command        the command line that made it
    vocabulary     its tokens, or None for a model without a vocabulary
    elman_version  the version of elman that wrote it
    weights        the file with the tensors, inside `folder`
    """

    folder: Path
    task: str
    config: dict[str, Any]
    training: dict[str, Any]
    metrics: dict[str, Any]
    data: dict[str, Any]
    command: str
    vocabulary: dict[str, Any] | None
    elman_version: str
    weights: Path


def write(
    folder: str | os.PathLike[str],
    *,
    task: str,
    config: Mapping[str, Any],
    training: Mapping[str, Any],
    metrics: Mapping[str, Any],
    data: Mapping[str, Any],
    command: str,
    vocabulary: Mapping[str, Any] | None,
    snippet: CardSnippet | None = None,
) -> None:
    """Write elman.json, vocabulary.json (unless None) and README.md into `folder`, which is made when missing.

    All three are on the disk before the first of them takes its name, and elman.json takes its name last: a disk that
    runs full leaves an older model as it was. The weights are written by `write_weights`, before or after. Files that
    a killed writer left half done are removed. Raises ConfigError for values that are not plain JSON (NaN among
    them), and StorageError when the disk is full or access is denied.
    """
    if not _TASK.fullmatch(task):
        raise ConfigError(f"expected a task of small letters, digits and dashes, received {shown(task)}")
    description = {
        "format": FORMAT_VERSION,
        "elman": VERSION,
        "task": task,
        "config": dict(config),
        "training": dict(training),
        "metrics": dict(metrics),
        "data": dict(data),
        "vocabulary": None if vocabulary is None else VOCABULARY,
        "weights": WEIGHTS,
        "command": command,
    }
    # Kept in the order of entering: what is entered first takes its name last.
    contents = {DESCRIPTION: _sized(to_json(description, DESCRIPTION), DESCRIPTION, MAX_DESCRIPTION_BYTES)}
    card = model_card(
        task=task,
        config=config,
        training=training,
        metrics=metrics,
        data=data,
        command=command,
        version=VERSION,
        snippet=snippet,
    )
    contents[CARD] = card.encode("utf-8")
    if vocabulary is not None:
        contents[VOCABULARY] = _sized(to_json(dict(vocabulary), VOCABULARY), VOCABULARY, MAX_VOCABULARY_BYTES)
    path = make_folder(folder)
    try:
        remove_stale_temporaries(path)
    except OSError as error:
        raise storage_error("clean", path, error) from error
    with ExitStack() as stack:
        for name, content in contents.items():
            file = stack.enter_context(atomic_file(path / name))
            file.write(content)
            file.flush()
            os.fsync(file.fileno())


def _sized(content: bytes, what: str, limit: int) -> bytes:
    if len(content) > limit:
        raise ConfigError(f"expected at most {limit} bytes for {what}, received {len(content)}")
    return content


def read(folder: str | os.PathLike[str], *, task: str | None = None) -> Artifact:
    """What the model in `folder` says about itself, with its vocabulary. Does not import torch, runs nothing.

    With `task`, a model of another task is refused. Raises ArtifactError when there is no model, when a file of it is
    missing, broken, too large or outside the folder, and when it was written by a later elman.
    """
    path = Path(folder)
    _expect_folder(path)
    try:
        content = read_small_file(_inside(path, DESCRIPTION), MAX_DESCRIPTION_BYTES)
    except FileNotFoundError as error:
        raise ArtifactError(f"no model at {path}: expected {DESCRIPTION} in it, received {_listing(path)}") from error
    where = path / DESCRIPTION
    description = _checked_description(strict_json(content, where), where)
    if task is not None and description["task"] != task:
        raise ArtifactError(f"expected a model of the task {task} at {path}, received one of {description['task']}")
    names = [name for name in (description["vocabulary"], description["weights"]) if name is not None]
    found, missing = {}, []
    for name in names:
        try:
            found[name] = _inside(path, name)
        except FileNotFoundError:
            missing.append(name)
    if missing:
        raise ArtifactError(
            f"the model at {path} is incomplete: expected {' and '.join(missing)}, received {_listing(path)}"
        )
    return Artifact(
        folder=path,
        task=description["task"],
        config=description["config"],
        training=description["training"],
        metrics=description["metrics"],
        data=description["data"],
        command=description["command"],
        vocabulary=_read_vocabulary(found.get(description["vocabulary"])),
        elman_version=description["elman"],
        weights=found[description["weights"]],
    )


def _expect_folder(path: Path) -> None:
    try:
        mode = path.stat().st_mode
    except FileNotFoundError as error:
        raise ArtifactError(f"no model at {path}: there is no such folder") from error
    except (OSError, ValueError) as error:
        raise ArtifactError(f"cannot read {path}: {getattr(error, 'strerror', None) or error}") from error
    if not stat.S_ISDIR(mode):
        raise ArtifactError(f"no model at {path}: expected a folder, received a file")


def _listing(path: Path) -> str:
    """The names in a folder, for an error message."""
    try:
        names = sorted(os.listdir(path))
    except OSError as error:
        return f"a folder that cannot be listed ({error.strerror or error})"
    return shown(", ".join(names), 200) if names else "an empty folder"


def _inside(folder: Path, name: str) -> Path:
    """The file `name` of `folder`, links followed. ArtifactError if they lead outside, FileNotFoundError if none."""
    try:
        target = (folder / name).resolve(strict=True)
        home = folder.resolve(strict=True)
    except FileNotFoundError:
        raise
    except (OSError, RuntimeError) as error:  # RuntimeError: links in a circle, before Python 3.13
        raise ArtifactError(f"cannot read {folder / name}: {getattr(error, 'strerror', None) or error}") from error
    if not target.is_relative_to(home):
        raise ArtifactError(f"expected {name} inside {folder}, received a link that leads outside")
    return target


def _checked_description(description: Any, where: Path) -> dict[str, Any]:
    if not isinstance(description, dict):
        raise ArtifactError(f"{where} is broken: expected an object, received {type(description).__name__}")
    version = description.get("format")
    if type(version) is not int or version < 1:
        raise ArtifactError(f"{where} is broken: expected a format number from 1, received {shown(version)}")
    if version > FORMAT_VERSION:
        raise ArtifactError(
            f"{where} was written by a later elman: upgrade elman to open it. Expected format {FORMAT_VERSION} "
            f"(this is elman {VERSION}), received format {version} (elman {shown(description.get('elman'))})"
        )
    if missing := sorted(_KEYS.keys() - description.keys()):
        raise ArtifactError(f"{where} is broken: expected the keys {', '.join(_KEYS)}, received none of {missing}")
    if unknown := sorted(description.keys() - _KEYS.keys()):
        raise ArtifactError(f"{where} is broken: expected only {', '.join(_KEYS)}, received {shown(unknown)}")
    for key, types in _KEYS.items():
        if not isinstance(description[key], types):
            expected = " or ".join({"dict": "object", "str": "text", "NoneType": "null"}[t.__name__] for t in types)
            raise ArtifactError(
                f"{where} is broken: expected {expected} for {key}, received {type(description[key]).__name__}"
            )
    if not _TASK.fullmatch(description["task"]):
        raise ArtifactError(f"{where} is broken: expected the name of a task, received {shown(description['task'])}")
    for key in ("vocabulary", "weights"):
        name = description[key]
        if name is not None and not _PLAIN_NAME.fullmatch(name):
            raise ArtifactError(
                f"{where} is unsafe: expected the plain name of a file for {key}, received {shown(name)}"
            )
    return description


def _read_vocabulary(path: Path | None) -> dict[str, Any] | None:
    if path is None:
        return None
    vocabulary = strict_json(read_small_file(path, MAX_VOCABULARY_BYTES), path)
    if not isinstance(vocabulary, dict):
        raise ArtifactError(f"{path} is broken: expected an object, received {type(vocabulary).__name__}")
    return vocabulary
