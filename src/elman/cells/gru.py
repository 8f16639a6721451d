"""The gated recurrent unit with the reset gate after the recurrent product, as in cuDNN and torch."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import torch
from torch import Tensor

from elman.cells.cell import ElementwiseCell, HiddenState
from elman.cells.initialisers import chrono_init_
from elman.former import former_keywords
from elman.recurrence import Step, TorchForm

__all__ = ["GRU"]


class GRU(ElementwiseCell):
    """Gated recurrent unit (Cho et al. 2014), with the reset gate applied after the recurrent product.

    This is the GRU of torch, cuDNN, Keras (`reset_after=True`) and ONNX (`linear_before_reset=1`). The other form is
    `elman.cells.GRUResetBefore`. The gates' blocks are in torch's order: r, z, n.

    Args:
        chrono_init: longest time scale in steps of the initial gate biases (Tallec & Ollivier 2018); 0 for zero biases.
        Others as in `Cell`.

    Raises ConfigError for a `chrono_init` of 1 or below 0, for `chrono_init` without `bias`, and as `Cell`.
    """

    name: ClassVar[str] = "gru"
    summary: ClassVar[str] = "gated recurrent unit, reset gate after the product (torch, cuDNN)"
    equations: ClassVar[str] = (
        "r = sigmoid(W_r x + U_r h + b_r)     z = sigmoid(W_z x + U_z h + b_z)\n"
        "n = tanh(W_n x + b_n + r * (U_n h + c_n))\n"
        "h' = (1 - z) * n + z * h"
    )
    paper: ClassVar[str] = "Cho et al. 2014, Learning phrase representations using RNN encoder-decoder"
    compiled_variants: ClassVar[Mapping[str, Mapping[str, Any]]] = {"gru": {}}
    former_options: ClassVar[Mapping[str, str]] = {"memory": "chrono_init"}

    @former_keywords({"memory": "chrono_init"})
    def __init__(self, input_size: int, hidden_size: int, *, chrono_init: int = 0, **options: Any) -> None:
        super().__init__(input_size, hidden_size, gate_names=("r", "z", "n"), **options)
        self.chrono_init = chrono_init
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Initialise the parameters as `Cell` does; `chrono_init` selects chrono initialisation of the bias of z."""
        super().reset_parameters()
        chrono_init_(self.bias_ih, self.gate_names, {"z": 1.0}, self.chrono_init)

    def update(self, p_BG: Tensor, u_BG: Tensor, state: HiddenState) -> Step:
        """Compute the gates and the new state."""
        p_r, p_z, p_n = p_BG.chunk(3, dim=-1)
        u_r, u_z, u_n = u_BG.chunk(3, dim=-1)
        r = torch.sigmoid(p_r + u_r)
        z = torch.sigmoid(p_z + u_z)
        n = torch.tanh(p_n + r * u_n)
        h_BH = n + z * (state.h - n)
        return Step(h_BH, HiddenState(h_BH), {"r": r, "z": z, "n": n})

    def torch_form(self) -> TorchForm | str:
        """Return torch's GRU with these weights."""
        weights = (self.weight_ih, self.weight_hh)
        biases = () if self.bias_ih is None or self.bias_hh is None else (self.bias_ih, self.bias_hh)
        return TorchForm("gru", weights + biases, bool(biases))
