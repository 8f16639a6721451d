"""The options that the recurrent layers of every task share. Imports no torch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from elman.options import option

__all__ = ["RecurrentConfig"]


@dataclass(frozen=True)
class RecurrentConfig:
    """The recurrent layers of a network. A task's own section adds what else its network has."""

    cell: str = option("lstm", "the recurrent cell; see `elman cells`")
    cell_options: dict[str, Any] = option({}, "options of the cell, such as peepholes=true; see `elman cells`")
    layers: int = option(1, "recurrent layers", least=1, most=1000)
    hidden: int = option(256, "units of each layer", least=1)
    residual: bool = option(False, "add each layer's input to its output")
    dropout: float = option(0.0, "dropout on each layer's output", least=0.0)
    input_dropout: float = option(0.0, "dropout on what the first layer reads", least=0.0)
    recurrent_dropout: float = option(0.0, "dropout on h inside the loop, one mask for all steps", least=0.0)
    weight_drop: float = option(0.0, "dropout of recurrent weights", least=0.0)
    variational: bool = option(False, "one dropout mask for all time steps of a sequence or chunk")
    learn_initial_state: bool = option(False, "learn the state before the first step")
