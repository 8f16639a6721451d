"""What makes the networks of all tasks: recurrent layers from their options, a network from a model's folder."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import torch

from elman import artifact
from elman.errors import ArtifactError, ConfigError
from elman.nn import DilatedStack, Stack, StoredModule
from elman.tasks.options import RecurrentConfig
from elman.train import TrainConfig
from elman.train.memory import memory_errors

__all__ = ["load_network", "make_dilated_stack", "make_network", "make_stack"]

N = TypeVar("N", bound=StoredModule)

# What a stack's constructor takes, or the network settles, is no option of a cell.
_NOT_CELL_OPTIONS = frozenset(inspect.signature(Stack).parameters) | {
    "device",
    "dilations",
    "dtype",
    "gate_names",
    "hidden_size",
    "learn_initial_state",
    "output_size",
}


def make_stack(config: RecurrentConfig, input_size: int, *, bidirectional: bool = False) -> Stack:
    """The recurrent layers that `config` describes. Its `input_dropout` is left to the network.

    Raises ConfigError for options that the cell does not have or that are not the cell's alone.
    """
    _check_cell_options(config)
    return Stack(
        config.cell, input_size, config.hidden, layers=config.layers, bidirectional=bidirectional, **_options(config)
    )


def make_dilated_stack(config: RecurrentConfig, input_size: int, dilations: Sequence[int]) -> DilatedStack:
    """The same with a dilation for every layer. Raises ConfigError, as `make_stack`."""
    _check_cell_options(config)
    return DilatedStack(config.cell, input_size, config.hidden, dilations=dilations, **_options(config))


def _check_cell_options(config: RecurrentConfig) -> None:
    taken = sorted(_NOT_CELL_OPTIONS & config.cell_options.keys())
    if taken:
        raise ConfigError(f"expected options of the cell alone in cell_options. Received: {', '.join(taken)}")


def _options(config: RecurrentConfig) -> dict[str, Any]:
    """What every kind of stack takes."""
    return {
        "residual": config.residual,
        "dropout": config.dropout,
        "variational": config.variational,
        "recurrent_dropout": config.recurrent_dropout,
        "weight_drop": config.weight_drop,
        "learn_initial_state": config.learn_initial_state,
        **config.cell_options,
    }


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
