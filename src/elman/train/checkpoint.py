"""Checkpoint file of a run: tensors in safetensors format, all other values as JSON in its header. No pickle."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import safetensors
import safetensors.torch
from torch import Tensor

from elman.errors import ArtifactError
from elman.files import make_folder, remove_stale_temporaries, write_bytes
from elman.train.stored import Stored

__all__ = ["load", "path_in", "save"]

_FACTS = "elman.facts"


def path_in(folder: str | os.PathLike[str]) -> Path:
    """Return the path of the last checkpoint in a model folder."""
    return Path(folder) / "training" / "last.safetensors"


def save(folder: str | os.PathLike[str], tensors: dict[str, Tensor], facts: dict[str, Any]) -> None:
    """Write a checkpoint atomically, and remove temporary files of killed processes.

    Raises StorageError when the disk is full or write access is denied.
    """
    path = path_in(folder)
    make_folder(path.parent)
    remove_stale_temporaries(path.parent)
    # The format does not allow tensors that share memory, such as tied or expanded ones.
    own = {name: tensor.detach().cpu().clone().contiguous() for name, tensor in tensors.items()}
    write_bytes(path, safetensors.torch.save(own, {_FACTS: json.dumps(facts)}))


def load(folder: str | os.PathLike[str]) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Read the last checkpoint. Raises ArtifactError when there is none or it is broken.

    The values are `Stored`, so that looking up a name that the file lacks raises ArtifactError too.
    """
    path, where = path_in(folder), f"the checkpoint in {os.fspath(folder)}"
    if not path.is_file():
        raise ArtifactError(f"no checkpoint to resume from: expected {path}. Received: no such file")
    try:
        with safetensors.safe_open(path, "pt") as file:
            metadata = file.metadata() or {}
            # Cloned: tensors read from a file may have any memory alignment, and the last bit of a matrix product can
            # depend on it.
            read = {name: file.get_tensor(name).clone() for name in file.keys()}  # noqa: SIM118  (not a dict)
        facts = json.loads(metadata[_FACTS], object_hook=lambda table: Stored(table, where))
    except (safetensors.SafetensorError, OSError, ValueError, KeyError, RecursionError) as error:
        raise ArtifactError(f"the checkpoint {path} is broken. Received: {error}") from error
    if not isinstance(facts, dict):
        raise ArtifactError(f"the checkpoint {path} is broken: expected a JSON object. Received: {type(facts)}")
    return Stored(read, where), facts
