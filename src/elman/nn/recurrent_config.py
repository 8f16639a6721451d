"""The options that the recurrent layers of every task share, and those of decoders. Imports no torch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from elman.options import option

__all__ = ["RecurrentConfig", "attention_score", "input_feeding", "label_smoothing"]


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

    @property
    def shape(self) -> str:
        """The cell, the layers and their units, in a word or two for people."""
        return f"{self.cell} {self.layers}x{self.hidden}"


def attention_score() -> Any:
    """How a decoder's attention compares."""
    help = "how attention compares: dot, general or additive (default: additive for bahdanau, else general)"
    return option("", help, choices=("", "dot", "general", "additive"))


def input_feeding() -> Any:
    """Whether a decoder's answer is part of its next input."""
    return option(False, "feed each step the answer of the step before (Luong et al. 2015)")


def label_smoothing(share: float) -> Any:
    """How far the loss of tokens spreads."""
    return option(share, "share of the probability that the loss spreads over all tokens", least=0.0, most=0.9)
