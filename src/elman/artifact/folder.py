"""The folder of a model: the content of elman.json, the model's files, and whether they are safe to open."""

from __future__ import annotations

import contextlib
import os
import re
import stat
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from elman.artifact.card import CardSnippet, model_card
from elman.artifact.safetensors_header import DIGEST, read_header
from elman.artifact.strict import open_plain_file, read_small_file, shown, strict_json, to_json
from elman.display import invisible
from elman.errors import ArtifactError, ConfigError
from elman.files import atomic_file, make_folder, remove_stale_temporaries, storage_error
from elman.version import VERSION

__all__ = ["FORMAT_VERSION", "WEIGHTS", "Artifact", "keep_described_weights", "read", "write"]

FORMAT_VERSION = 1

DESCRIPTION = "elman.json"
VOCABULARY = "vocabulary.json"
WEIGHTS = "weights.safetensors"
# Weights that elman.json still describes while new ones are being saved.
_DESCRIBED_WEIGHTS = "weights.described.safetensors"
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
# Keys that elman.json may have.
_FURTHER_KEYS: dict[str, tuple[type, ...]] = {"weights_digest": (str,)}
_TASK = re.compile(r"[a-z][a-z0-9-]{0,63}")
# A file name without a folder part, of portable characters, without a leading dot or dash.
_PLAIN_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,99}")


@dataclass(frozen=True)
class Artifact:
    """Description of a model's folder.

    folder         the path of the folder
    task           such as "language-model"
    config         the options that the model is built from
    training       how the model was trained
    metrics        metrics of the model
    data           the training data
    command        the command line that trained the model
    vocabulary     the tokens, or None for a model without a vocabulary
    elman_version  the version of elman that wrote the folder
    weights        the path of the file with the tensors, inside `folder`
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
    weights_digest: str | None = None,
    snippet: CardSnippet | None = None,
) -> None:
    """Write elman.json, vocabulary.json (unless None) and README.md into `folder`, which is created if missing.

    All three are on the disk before the first is renamed to its final name, and elman.json is renamed last, so that a
    full disk leaves an older model unchanged. The weights are written before, by `write_weights`, which returns the
    `weights_digest`. Temporary files of killed processes are removed.

    Raises ConfigError for values that are not plain JSON, such as NaN, and StorageError when the disk is full or access
    is denied.
    """
    if not _TASK.fullmatch(task):
        raise ConfigError(f"expected a task of small letters, digits and dashes. Received: {shown(task)}")
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
    if weights_digest is not None:
        description["weights_digest"] = weights_digest
    # The stack below renames in reverse order: the first file is renamed last.
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
    with contextlib.suppress(OSError):
        (path / _DESCRIBED_WEIGHTS).unlink(missing_ok=True)


def keep_described_weights(folder: Path) -> None:
    """Keep the weights of a folder under another name, if elman.json describes them, before others replace them."""
    try:
        digest = _described_digest(folder)
        if digest is not None and _digest_in(folder / WEIGHTS) == digest:
            (folder / _DESCRIBED_WEIGHTS).unlink(missing_ok=True)
            os.link(folder / WEIGHTS, folder / _DESCRIBED_WEIGHTS)
    except (OSError, ArtifactError):
        pass  # without links to files, a killed process may leave weights that elman.json does not describe


def _described_digest(folder: Path) -> str | None:
    where = folder / DESCRIPTION
    digest = _checked_description(strict_json(read_small_file(where, MAX_DESCRIPTION_BYTES), where), where).get(
        "weights_digest"
    )
    return None if digest is None else str(digest)


def _digest_in(path: Path) -> str | None:
    """Return the digest that a file of weights has of itself."""
    with open_plain_file(path) as file:
        return read_header(file, path).metadata.get(DIGEST)


def _described_weights(path: Path, digest: str | None, folder: Path) -> Path:
    """Return the file of weights with a digest: `path`, or the one that was kept while new weights were saved."""
    if digest is None or (received := _digest_in(path)) == digest:
        return path
    try:
        kept = _inside(folder, _DESCRIBED_WEIGHTS)
        if _digest_in(kept) == digest:
            return kept
    except (FileNotFoundError, ArtifactError):
        pass
    raise ArtifactError(
        f"{path} is not what {folder / DESCRIPTION} describes: expected weights with the digest {shown(digest)}. "
        f"Received: {shown(received)}. If a run was stopped while it saved them, resume it"
    )


def _sized(content: bytes, what: str, limit: int) -> bytes:
    if len(content) > limit:
        raise ConfigError(f"expected at most {limit} bytes for {what}. Received: {len(content)}")
    return content


def read(folder: str | os.PathLike[str], *, task: str | None = None) -> Artifact:
    """Read the description and the vocabulary of the model in `folder`. Does not import torch.

    Raises ArtifactError when there is no model, when one of its files is missing, broken, too large or outside the
    folder, when it was written by a later elman, and when it is not of the task `task`, if that is given.
    """
    path = Path(folder)
    _expect_folder(path)
    try:
        content = read_small_file(_inside(path, DESCRIPTION), MAX_DESCRIPTION_BYTES)
    except FileNotFoundError as error:
        raise ArtifactError(f"no model at {path}: expected {DESCRIPTION} in it. Received: {_listing(path)}") from error
    where = path / DESCRIPTION
    description = _checked_description(strict_json(content, where), where)
    if task is not None and description["task"] != task:
        raise ArtifactError(f"expected a model of the task {task} at {path}. Received: one of {description['task']}")
    names = [name for name in (description["vocabulary"], description["weights"]) if name is not None]
    found, missing = {}, []
    for name in names:
        try:
            found[name] = _inside(path, name)
        except FileNotFoundError:
            missing.append(name)
    if missing:
        raise ArtifactError(
            f"the model at {path} is incomplete: expected {' and '.join(missing)}. Received: {_listing(path)}"
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
        weights=_described_weights(found[description["weights"]], description.get("weights_digest"), path),
    )


def _expect_folder(path: Path) -> None:
    try:
        mode = path.stat().st_mode
    except FileNotFoundError as error:
        raise ArtifactError(
            f"no model at {path}: expected a folder. Received: no such folder{invisible(str(path))}"
        ) from error
    except (OSError, ValueError) as error:
        raise ArtifactError(f"cannot read {path}: {getattr(error, 'strerror', None) or error}") from error
    if not stat.S_ISDIR(mode):
        raise ArtifactError(f"no model at {path}: expected a folder. Received: a file")


def _listing(path: Path) -> str:
    """Return the names in a folder, for an error message."""
    try:
        names = sorted(os.listdir(path))
    except OSError as error:
        return f"a folder that cannot be listed ({error.strerror or error})"
    return shown(", ".join(names), 200) if names else "an empty folder"


def _inside(folder: Path, name: str) -> Path:
    """Return the path of `name` in `folder`, links resolved.

    Raises ArtifactError if a link leads outside, and FileNotFoundError if there is no such file.
    """
    try:
        target = (folder / name).resolve(strict=True)
        home = folder.resolve(strict=True)
    except FileNotFoundError:
        raise
    except (OSError, RuntimeError) as error:  # RuntimeError: a loop of links, before Python 3.13
        raise ArtifactError(f"cannot read {folder / name}: {getattr(error, 'strerror', None) or error}") from error
    if not target.is_relative_to(home):
        raise ArtifactError(f"expected {name} inside {folder}. Received: a link that leads outside")
    return target


def _checked_description(description: Any, where: Path) -> dict[str, Any]:
    if not isinstance(description, dict):
        raise ArtifactError(f"{where} is broken: expected an object. Received: {type(description).__name__}")
    version = description.get("format")
    if type(version) is not int or version < 1:
        raise ArtifactError(f"{where} is broken: expected a format number from 1. Received: {shown(version)}")
    if version > FORMAT_VERSION:
        raise ArtifactError(
            f"{where} was written by a later elman: upgrade elman to open it. Expected format {FORMAT_VERSION} "
            f"(this is elman {VERSION}). Received: format {version} (elman {shown(description.get('elman'))})"
        )
    if missing := sorted(_KEYS.keys() - description.keys()):
        raise ArtifactError(f"{where} is broken: expected the keys {', '.join(_KEYS)}. Received: none of {missing}")
    known = _KEYS | _FURTHER_KEYS
    if unknown := sorted(description.keys() - known.keys()):
        raise ArtifactError(f"{where} is broken: expected only {', '.join(_KEYS)}. Received: {shown(unknown)}")
    for key, types in known.items():
        if key not in description:
            continue
        if not isinstance(description[key], types):
            expected = " or ".join({"dict": "object", "str": "text", "NoneType": "null"}[t.__name__] for t in types)
            raise ArtifactError(
                f"{where} is broken: expected {expected} for {key}. Received: {type(description[key]).__name__}"
            )
    if not _TASK.fullmatch(description["task"]):
        raise ArtifactError(f"{where} is broken: expected the name of a task. Received: {shown(description['task'])}")
    for key in ("vocabulary", "weights"):
        name = description[key]
        if name is not None and not _PLAIN_NAME.fullmatch(name):
            raise ArtifactError(
                f"{where} is unsafe: expected the plain name of a file for {key}. Received: {shown(name)}"
            )
    return description


def _read_vocabulary(path: Path | None) -> dict[str, Any] | None:
    if path is None:
        return None
    vocabulary = strict_json(read_small_file(path, MAX_VOCABULARY_BYTES), path)
    if not isinstance(vocabulary, dict):
        raise ArtifactError(f"{path} is broken: expected an object. Received: {type(vocabulary).__name__}")
    return vocabulary
