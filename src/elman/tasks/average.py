"""Checkpoint averaging: the mean of the weights of several models of one task."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from elman import artifact
from elman.data.cells import is_quoted
from elman.data.suffixes import table_kind
from elman.errors import ArtifactError, ConfigError
from elman.options import Sections, automatic_value, fields_of
from elman.tasks.registry import load

__all__ = ["average_folders"]


def average_folders(folders: Sequence[str | os.PathLike[str]]) -> Any:
    """Load the first model and replace its weights by the mean over all models (Junczys-Dowmunt et al. 2016).

    The models must have the same task, vocabulary and options, except for training options, such as copies of a run's
    folder at different steps. Values of an option that mean the same, such as a share of data and the automatic value
    that stands for it, are equal. The result has no metrics, because it has not been evaluated.

    What was fitted to each network after training, such as a temperature or the widths of intervals, is left out if it
    differs.

    Raises ConfigError for fewer than two folders, ArtifactError for models that do not match.
    """
    names = [os.fspath(folder) for folder in folders]
    if len(names) < 2:
        raise ConfigError(f"expected at least two models to average. Received: {len(names)}")
    described = [artifact.read(name) for name in names]
    first = described[0]
    models = [load(name) for name in names]
    vocabularies = [_uncalibrated(model) for model in models]
    alike = all(other.vocabulary == first.vocabulary for other in described)
    for place, (name, other, model) in enumerate(zip(names[1:], described[1:], models[1:], strict=True), 1):
        files = [*_files(first), *_files(other)]
        options = "" if other.task != first.task else ", ".join(_differences(models[0].config, model.config, files))
        for expected, same, where in (
            ("of one task", other.task == first.task, ""),
            ("with the same options", not options, f" in {options}"),
            ("with one vocabulary", alike or vocabularies[place] == vocabularies[0], ""),
        ):
            if not same:
                raise ArtifactError(
                    f"expected models {expected} to average. Received: {names[0]} and {name}, which differ{where}"
                )
    stored = [model.network.stored() for model in models]
    models[0].network.load_stored({name: _mean(name, [each[name] for each in stored]) for name in stored[0]})
    if not alike:
        models[0]._vocabulary = models[0].setup_class.uncalibrated(models[0].vocabulary)
    models[0].metrics = {}
    models[0].training = {**models[0].training, "averaged": len(models)}
    return models[0]


def _differences(one: Sections, other: Sections, files: Sequence[str]) -> Iterator[str]:
    """Yield each option, except those of training, whose values differ in their meaning for the training `files`."""
    for section, kind in one.sections().items():
        for name in fields_of(kind) if section != "training" else ():
            values = [getattr(getattr(each, section), name) for each in (one, other)]
            automatic = automatic_value(getattr(one, section), name)
            first, second = (automatic if value is None else value for value in values)
            same = _same_quoting(first, second, files) if name == "quoting" else first == second
            if not same:
                yield f"{name} ({values[0]!r} and {values[1]!r})"


def _files(described: artifact.Artifact) -> list[str]:
    """Return the names of the training files of a model."""
    files = described.data.get("files")
    return [file for file in files if isinstance(file, str)] if isinstance(files, list) else []


def _same_quoting(one: str, other: str, files: Sequence[str]) -> bool:
    """Return whether two values of `quoting` read the files alike, as far as their names show."""
    kinds = {table_kind(Path(file)) or "auto" for file in files}
    return one == other or all(is_quoted(one, kind, "") == is_quoted(other, kind, "") for kind in kinds)


def _uncalibrated(model: Any) -> Any:
    """Return the vocabulary without what was fitted to the trained network, as JSON values."""
    return model.setup_class.uncalibrated(model.vocabulary).to_json()


def _mean(name: str, tensors: list[Tensor]) -> Tensor:
    first = tensors[0]
    if not first.is_floating_point():
        if not all(torch.equal(first, other) for other in tensors[1:]):
            raise ArtifactError(f"expected the same {name} in all models to average. Received: different values")
        return first
    return torch.stack([tensor.double() for tensor in tensors]).mean(dim=0).to(first.dtype)
