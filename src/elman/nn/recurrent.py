"""Build recurrent layers from `RecurrentConfig`, the options that the networks of all tasks share."""

from __future__ import annotations

import dataclasses
import inspect
from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

from elman.cells import Cell, cell_class
from elman.errors import ConfigError
from elman.former import warn_of_former_name
from elman.nn.dilated import DilatedStack
from elman.nn.recurrent_config import RecurrentConfig
from elman.nn.stack import Stack
from elman.options import Sections, suggestion

__all__ = ["check_cell", "make_dilated_stack", "make_stack", "options_of", "with_present_cell_options"]

S = TypeVar("S", bound=Sections)

# Not allowed in `cell_options`: arguments of `Stack`, and arguments that the network sets.
_NOT_CELL_OPTIONS = frozenset(inspect.signature(Stack).parameters) | {
    "device",
    "dilations",
    "dtype",
    "gate_names",
    "hidden_size",
    "learn_initial_state",
    "output_size",
}

# Arguments of cells that users cannot set in `cell_options`.
_SETTLED = frozenset({"gate_names", "output_size", "learn_initial_state", "device", "dtype"})


def make_stack(config: RecurrentConfig, input_size: int, *, bidirectional: bool = False) -> Stack:
    """Build the recurrent layers that `config` describes, except for `input_dropout`, which the network applies.

    Raises ConfigError for options that the cell does not have, and for `cell_options` that belong to the network.
    """
    _check_cell_options(config)
    return Stack(
        config.cell,
        input_size,
        config.hidden_size,
        layers=config.layers,
        bidirectional=bidirectional,
        **_options(config),
    )


def make_dilated_stack(config: RecurrentConfig, input_size: int, dilations: Sequence[int]) -> DilatedStack:
    """Build dilated recurrent layers, with one dilation for every layer. Raises ConfigError as `make_stack` does."""
    _check_cell_options(config)
    return DilatedStack(config.cell, input_size, config.hidden_size, dilations=dilations, **_options(config))


def _check_cell_options(config: RecurrentConfig) -> None:
    taken = sorted(_NOT_CELL_OPTIONS & config.cell_options.keys())
    if taken:
        raise ConfigError(f"expected options of the cell alone in cell_options. Received: {', '.join(taken)}")


def _options(config: RecurrentConfig) -> dict[str, Any]:
    """Return the arguments that `Stack` and `DilatedStack` share."""
    return {
        "residual": config.residual,
        "dropout": config.dropout,
        "variational": config.variational,
        "recurrent_dropout": config.recurrent_dropout,
        "weight_drop": config.weight_drop,
        "learn_initial_state": config.learn_initial_state,
        **present_cell_options(config.cell, config.cell_options),
    }


def present_cell_options(name: str, options: Mapping[str, Any]) -> dict[str, Any]:
    """Return the options of the cell `name` under their present names; earlier versions saved earlier names."""
    cell = cell_class(name)
    known, found = options_of(cell), {}
    for option, value in options.items():
        # A derived cell may have its own option with such a name.
        present = option if option in known else cell.former_options.get(option, option)
        if present in found or (present != option and present in options):
            earlier = next(former for former in options if cell.former_options.get(former) == present)
            raise ConfigError(f"{name}: expected the option {present} once. Received: {present} and {earlier}")
        found[present] = value
    return found


def with_present_cell_options(config: S) -> S:
    """Return `config` with the options of all cells under their present names."""
    sections = {}
    for name, section in vars(config).items():
        if isinstance(section, RecurrentConfig):
            changes: dict[str, Any] = {"cell_options": present_cell_options(section.cell, section.cell_options)}
            if other := getattr(section, "encoder_cell_options", None):
                cell = getattr(section, "encoder_cell", "") or section.cell
                changes["encoder_cell_options"] = present_cell_options(cell, other)
            sections[name] = dataclasses.replace(section, **changes)
    return dataclasses.replace(config, **sections)  # type: ignore[type-var]


def options_of(cell: type[Cell]) -> dict[str, Any]:
    """Return the options of a cell and their defaults: the keyword arguments of its class and its base classes."""
    options: dict[str, Any] = {}
    for kind in cell.__mro__:
        if issubclass(kind, Cell):
            for name, parameter in inspect.signature(kind).parameters.items():
                if parameter.kind is parameter.KEYWORD_ONLY and name not in _SETTLED:
                    options.setdefault(name, parameter.default)
    return options


def check_cell(name: str, options: Mapping[str, Any]) -> None:
    """Raise ConfigError for an unknown cell, or for an option that the cell does not have.

    Issues a FormerNameWarning for an earlier name of an option.
    """
    cell = cell_class(name)
    known = options_of(cell)
    for option in options:
        if option not in known and option in cell.former_options:
            warn_of_former_name(f"the option {option!r}", repr(cell.former_options[option]))
        elif option not in known:
            raise ConfigError(
                f"expected options of {name} among {', '.join(known)}. Received: {option!r}.{suggestion(option, known)}"
            )
