"""The networks of all tasks: made for a run, and read from a model's folder."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import torch

from elman import artifact
from elman.errors import ArtifactError, ConfigError
from elman.nn import StoredModule
from elman.train import TrainConfig
from elman.train.memory import memory_errors

__all__ = ["load_network", "make_network"]

N = TypeVar("N", bound=StoredModule)


def make_network(make: Callable[[], N], training: TrainConfig) -> N:
    """A new network with weights by the run's seed, on its device. Raises OutOfMemory."""
    torch.manual_seed(training.seed)
    with memory_errors("making the network"):
        return make().to(training.device)


def load_network(described: artifact.Artifact, make: Callable[[], N]) -> N:
    """The network that `make` makes, with the weights of a model's folder, ready to answer.

    The sizes are compared with the file before any memory is taken for them. Raises ArtifactError.
    """
    try:
        with torch.device("meta"):
            shapes = make().expected_shapes()
    except (ConfigError, RuntimeError, OverflowError, TypeError, ValueError) as error:
        raise ArtifactError(f"{described.folder}/elman.json describes no network: {error}") from error
    tensors = artifact.read_weights(described, shapes)
    try:
        # A wrong value can show now only: on the way here no weight was given a number.
        network = make()
    except (RuntimeError, TypeError, ValueError) as error:
        raise ArtifactError(f"{described.folder}/elman.json describes no network: {error}") from error
    network.load_stored(tensors)
    network.eval()
    return network
