"""The simple recurrent network (Elman 1990), with tanh or ReLU."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import torch
from torch import Tensor

from elman.cells.cell import ElementwiseCell, HiddenState
from elman.errors import ConfigError
from elman.recurrence import Step, TorchForm

__all__ = ["Elman"]

_FUNCTIONS = {"tanh": torch.tanh, "relu": torch.relu}


class Elman(ElementwiseCell):
    """Simple recurrent network (Elman 1990, "Finding structure in time"): h' = tanh(W_x x + W_h h + b).

    Args:
        nonlinearity: "tanh" or "relu", with which the state is unbounded. Others as in `Cell`.

    Raises ConfigError for another `nonlinearity`, and as `Cell`.
    """

    name: ClassVar[str] = "elman"
    summary: ClassVar[str] = "simple recurrent network, tanh or ReLU"
    equations: ClassVar[str] = "h' = f(W_x x + W_h h + b)        f = tanh or ReLU"
    paper: ClassVar[str] = "Elman 1990, Finding structure in time"
    compiled_variants: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        "elman_relu": {"nonlinearity": "relu"},
        "elman_tanh": {"nonlinearity": "tanh"},
    }

    def __init__(self, input_size: int, hidden_size: int, *, nonlinearity: str = "tanh", **options: Any) -> None:
        if nonlinearity not in _FUNCTIONS:
            raise ConfigError(f"expected nonlinearity 'tanh' or 'relu'. Received: {nonlinearity!r}")
        super().__init__(input_size, hidden_size, gate_names=("h",), **options)
        self.nonlinearity = nonlinearity
        self.reset_parameters()

    def update(self, p_BG: Tensor, u_BG: Tensor, state: HiddenState) -> Step:
        """Compute the output, which is also the new state."""
        h_BH = _FUNCTIONS[self.nonlinearity](p_BG + u_BG)
        return Step(h_BH, HiddenState(h_BH), {"h": h_BH})

    @property
    def unbounded(self) -> bool:
        """Whether the output is that of a ReLU."""
        return self.nonlinearity == "relu"

    def torch_form(self) -> TorchForm | str:
        """Return torch's RNN with these weights."""
        weights = (self.weight_ih, self.weight_hh)
        biases = () if self.bias_ih is None or self.bias_hh is None else (self.bias_ih, self.bias_hh)
        return TorchForm(f"rnn_{self.nonlinearity}", weights + biases, bool(biases))
