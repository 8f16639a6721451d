"""Recurrent layers from the options that the networks of all tasks share."""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from typing import Any

from elman.errors import ConfigError
from elman.nn.dilated import DilatedStack
from elman.nn.recurrent_config import RecurrentConfig
from elman.nn.stack import Stack

__all__ = ["make_dilated_stack", "make_stack"]

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
