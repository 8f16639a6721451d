"""Checkpoint averaging: the mean of the weights of several models of one task."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from elman import artifact
from elman.errors import ArtifactError, ConfigError
from elman.tasks.registry import load

__all__ = ["average_folders"]


def average_folders(folders: Sequence[str | os.PathLike[str]]) -> Any:
    """Load the first model and replace its weights by the mean over all models (Junczys-Dowmunt et al. 2016).

    The models must have the same task, vocabulary and options, except for training options, such as copies of a run's
    folder at different steps. The result has no metrics, because it has not been evaluated.

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
        for expected, same in (
            ("of one task", other.task == first.task),
            ("with the same options", model.config.stored() == models[0].config.stored()),
            ("with one vocabulary", alike or vocabularies[place] == vocabularies[0]),
        ):
            if not same:
                raise ArtifactError(
                    f"expected models {expected} to average. Received: {names[0]} and {name}, which differ"
                )
    stored = [model.network.stored() for model in models]
    models[0].network.load_stored({name: _mean(name, [each[name] for each in stored]) for name in stored[0]})
    if not alike:
        models[0]._vocabulary = models[0].setup_class.uncalibrated(models[0].vocabulary)
    models[0].metrics = {}
    models[0].training = {**models[0].training, "averaged": len(models)}
    return models[0]


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
