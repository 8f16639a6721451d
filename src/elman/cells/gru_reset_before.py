"""The gated recurrent unit with the reset gate before the recurrent product, as first published."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor

from elman.cells.cell import Cell, HiddenState
from elman.cells.initialisers import chrono_init_
from elman.former import former_keywords
from elman.recurrence import Step

__all__ = ["GRUResetBefore"]


class GRUResetBefore(Cell):
    """Gated recurrent unit as in Cho et al. (2014): the reset gate multiplies h before the recurrent product.

    This is the GRU of Keras with `reset_after=False` and of ONNX with `linear_before_reset=0`. The candidate needs a
    second matrix product within the time step, so the equations are not element-wise. The gates' blocks are in the
    order r, z, n.

    Args:
        chrono_init: longest time scale in steps of the initial gate biases (Tallec & Ollivier 2018); 0 for zero biases.
        Others as in `Cell`.

    Raises ConfigError for a `chrono_init` of 1 or below 0, for `chrono_init` without `bias`, and as `Cell`.
    """

    name: ClassVar[str] = "gru-reset-before"
    summary: ClassVar[str] = "gated recurrent unit, reset gate before the product (Cho et al. 2014)"
    equations: ClassVar[str] = (
        "r = sigmoid(W_r x + U_r h + b_r)     z = sigmoid(W_z x + U_z h + b_z)\n"
        "n = tanh(W_n x + U_n (r * h) + b_n)\n"
        "h' = (1 - z) * n + z * h"
    )
    paper: ClassVar[str] = "Cho et al. 2014, Learning phrase representations using RNN encoder-decoder"
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

    def advance(self, p_BG: Tensor, state: HiddenState, recurrent_mask_BH: Tensor | None = None) -> Step:
        """Run one time step; a recurrent mask multiplies h in both recurrent products."""
        H = self.hidden_size
        h_BH = state.h if recurrent_mask_BH is None else state.h * recurrent_mask_BH
        b_rz, b_n = (None, None) if self.bias_hh is None else (self.bias_hh[: 2 * H], self.bias_hh[2 * H :])
        p_r, p_z, p_n = p_BG.chunk(3, dim=-1)
        u_r, u_z = F.linear(h_BH, self.weight_hh[: 2 * H], b_rz).chunk(2, dim=-1)
        r = torch.sigmoid(p_r + u_r)
        z = torch.sigmoid(p_z + u_z)
        n = torch.tanh(p_n + F.linear(r * h_BH, self.weight_hh[2 * H :], b_n))
        new_BH = n + z * (state.h - n)
        return Step(new_BH, HiddenState(new_BH), {"r": r, "z": z, "n": n})

    def torch_form(self) -> str:
        """Return why torch has no such layer: its GRU applies the reset gate after the product."""
        return "torch's GRU applies the reset gate after the product"
