"""Remedies for a run that diverges, from the options in use: what is set already is not advised."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from elman.cells.cell import Cell
from elman.errors import DivergenceError, TrainingError

__all__ = ["add_remedies", "remedies"]

# The number of remedies that a message has.
_MOST = 3
# Initialisers with which a state without a bound keeps its size at the start.
_STABLE = frozenset(("auto", "half_identity", "identity", "orthogonal"))
# A learning rate that is not above the default is divided by this number.
_LOWER = 4.0


def add_remedies(error: TrainingError, setup: Any) -> None:
    """Add remedies to the message of a DivergenceError, before what was received; other errors stay as they are."""
    if not isinstance(error, DivergenceError):
        return
    expected, received, value = str(error).rpartition(" Received: ")
    advice = remedies(setup)[:_MOST]
    listed = ", ".join(advice[:-1]) + " or " * (len(advice) > 1) + advice[-1]
    if received:
        error.args = (f"{expected} Try {listed}.{received}{value}",)


def remedies(setup: Any) -> list[str]:
    """Return options that may help against divergence, the likeliest first; there is always one."""
    return list(_remedies(setup))


def _remedies(setup: Any) -> Iterator[str]:
    training, config = setup.training_config, setup.config
    default = type(config).make("base").training.learning_rate
    rate, high = training.learning_rate, training.learning_rate > default
    if high:
        yield f"--learning-rate {default:g} (the default; here {rate:g})"
    if not training.clip_norm and not training.clip_value:
        yield "--clip-norm 1 (gradients are not clipped here)"
    yield from _cell_remedies(setup)
    yield from _scaling_remedies(config)
    if training.precision == "bfloat16":
        yield "--precision float32 (here bfloat16)"
    if not high:
        yield f"a lower learning rate, as --learning-rate {rate / _LOWER:g} (here {rate:g})"
    if not training.warmup_steps:
        yield "--warmup-steps 100 (here 0)"


def _cell_remedies(setup: Any) -> Iterator[str]:
    """Yield remedies for a cell whose state has no bound, such as one with ReLU."""
    cells = [module for module in setup.network.modules() if isinstance(module, Cell)]
    cell = next((each for each in cells if each.unbounded), None)
    if cell is None:
        return
    if cell.recurrent_init not in _STABLE:
        yield f"--cell-options recurrent_init=orthogonal (here {cell.recurrent_init})"
    layers = getattr(getattr(setup.config, "network", None), "layers", 1)
    if layers > 1:
        yield f"fewer than {layers} --layers of units without a bound"
    elif getattr(cell, "nonlinearity", "") == "relu":
        yield "--cell-options nonlinearity=tanh (here relu, whose state has no bound)"


def _scaling_remedies(config: Any) -> Iterator[str]:
    """Yield the options that scale the data, where scaling is off."""
    for section in vars(config).values():
        if getattr(section, "standardise", None) == "none":
            yield "--standardise channels (the data are not scaled here)"
        elif getattr(section, "standardise", None) is False:
            yield "--standardise (the data are not scaled here)"
        if getattr(section, "normalise", None) == "none":
            yield "--normalise utterance (the data are not scaled here)"
