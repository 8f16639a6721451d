"""Options of the recurrent layers and decoders of all tasks. Does not import torch."""

from __future__ import annotations

from typing import Any

from elman.options import option, section

__all__ = [
    "RecurrentConfig",
    "attention_score_option",
    "input_feeding",
    "label_smoothing",
    "members_option",
    "output_layer",
]


@section
class RecurrentConfig:
    """Options of the recurrent layers of a network. Each task extends them by the other options of its network."""

    cell: str = option("lstm", "recurrent cell; see `elman cells`")
    cell_options: dict[str, Any] = option({}, "options of the cell, such as peepholes=true; see `elman cells`")
    layers: int = option(1, "recurrent layers", least=1, most=1000)
    hidden_size: int = option(256, "hidden units of each layer", least=1, former=("hidden",))
    residual: bool = option(False, "add each layer's input to its output")
    dropout: float = option(0.0, "dropout on each layer's output", least=0.0)
    input_dropout: float = option(0.0, "dropout on the input of the first layer", least=0.0)
    recurrent_dropout: float = option(0.0, "dropout on the hidden state, one mask for all time steps", least=0.0)
    weight_drop: float = option(0.0, "dropout of recurrent weights", least=0.0)
    variational: bool = option(False, "one dropout mask for all time steps of a sequence or chunk")
    learn_initial_state: bool = option(False, "learn the initial state")

    @property
    def shape(self) -> str:
        """Short description for people: the cell, the number of layers and the units, such as "lstm 2x256"."""
        members = getattr(self, "members", 1)  # an option of some tasks
        return f"{members} members of " * (members > 1) + f"{self.cell} {self.layers}x{self.hidden_size}"


def attention_score_option() -> Any:
    """Return the option for a decoder's attention score."""
    help = "attention score: dot, general or additive (default: additive for bahdanau, else general)"
    return option("", help, choices=("", "dot", "general", "additive"), former=("score",))


def input_feeding() -> Any:
    """Return the option for input feeding in a decoder."""
    return option(False, "feed the previous output into each time step (Luong et al. 2015)")


def members_option() -> Any:
    """Return the option for an ensemble, for tasks that make one with `elman.nn.ensemble`."""
    return option(1, "number of independent networks whose predictions are averaged", least=1, most=100)


def label_smoothing(share: float) -> Any:
    """Return the option for label smoothing, with the default `share`."""
    return option(share, "share of the probability that the loss spreads over all tokens", least=0.0, most=0.9)


def output_layer() -> Any:
    """Return the option for the layer between a decoder's recurrent layers and the output layer."""
    return option(True, "dense tanh layer between the decoder's recurrent layers and the output layer")
