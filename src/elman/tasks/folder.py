"""A model of any task as its folder: written whole, and opened with its options checked."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from elman import artifact
from elman.errors import ArtifactError, ConfigError
from elman.nn import StoredModule
from elman.options import Sections

__all__ = ["Opened", "open_folder", "save_folder"]

C = TypeVar("C", bound=Sections)


@dataclass(frozen=True)
class Opened(Generic[C]):
    """What a model's folder says of it.

    described   all of it
    config      its options
    vocabulary  what belongs to the model beside options and weights, as plain values
    training    how it was trained, without the options
    where       what messages call the file with the options
    """

    described: artifact.Artifact
    config: C
    vocabulary: dict[str, Any]
    training: dict[str, Any]
    where: str


def open_folder(folder: str | os.PathLike[str], task: str, config: type[C]) -> Opened[C]:
    """What is in `folder`, with options of the class `config`; the weights are not read yet.

    Raises ArtifactError for a model of another task, and for anything that is not a whole and safe model.
    """
    described = artifact.read(folder, task=task)
    where = f"{os.fspath(folder)}/elman.json"
    if described.vocabulary is None:
        raise ArtifactError(f"{where}: expected a vocabulary. Received: none")
    try:
        options = config.from_json({**described.config, "training": described.training["options"]}, where)
    except (KeyError, TypeError, ConfigError) as error:
        raise ArtifactError(f"{where} is broken: {error}") from error
    training = {name: value for name, value in described.training.items() if name != "options"}
    return Opened(described, options, described.vocabulary, training, where)


def save_folder(
    folder: str | os.PathLike[str],
    *,
    task: str,
    network: StoredModule,
    config: Sections,
    training: Mapping[str, Any],
    metrics: Mapping[str, Any],
    data: Mapping[str, Any],
    command: str,
    vocabulary: Mapping[str, Any],
) -> None:
    """Write a model as a folder. Raises StorageError when that is not possible."""
    artifact.write_weights(folder, network.stored())
    artifact.write(
        folder,
        task=task,
        config=config.stored(),
        training={**training, "options": config.to_json()["training"]},
        metrics=metrics,
        data=data,
        command=command,
        vocabulary=vocabulary,
    )
