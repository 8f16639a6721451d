"""Long short-term memory (Hochreiter & Schmidhuber 1997; forget gate: Gers et al. 2000) and its common variants."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from elman.cells.cell import ElementwiseCell
from elman.cells.initialisers import chrono_init_
from elman.errors import ConfigError
from elman.former import former_keywords
from elman.recurrence import Step, TorchForm

__all__ = ["LSTM", "LSTMState"]


class LSTMState(NamedTuple):
    """State of an LSTM: `h`, the output (B x H, or B x P with a projection), and `c`, the cell state (B x H)."""

    h: Tensor
    c: Tensor


class LSTM(ElementwiseCell):
    """Long short-term memory with forget gate.

    Args:
        peepholes: whether the gates also read the cell state, through diagonal weights (Gers & Schmidhuber 2000).
        coupled: whether the forget gate is f = 1 - i (Greff et al. 2017), so that it needs no weights.
        projection: P, the size of a linear projection of the output (Sak et al. 2014); 0 for none.
        layer_norm: whether layer normalisation applies to the input projection, the recurrent product and the cell
            state (Ba, Kiros & Hinton 2016).
        forget_bias: initial bias of the forget gate (Jozefowicz et al. 2015 recommend 1).
        chrono_init: longest time scale in steps of the initial gate biases, which replaces `forget_bias` (Tallec &
            Ollivier 2018); 0 for none.
        Others as in `Cell`.

    The gates' blocks are in torch's order: i, f, g, o (coupled: i, g, o).

    Raises ConfigError for a `projection` below 0 or not smaller than `hidden_size`, for a `chrono_init` of 1 or below
    0, for `chrono_init` without `bias`, and as `Cell`.
    """

    name: ClassVar[str] = "lstm"
    summary: ClassVar[str] = "long short-term memory; peepholes, coupled gates, projection, layer norm as options"
    equations: ClassVar[str] = (
        "i = sigmoid(W_i x + U_i h + b_i)     f = sigmoid(W_f x + U_f h + b_f)\n"
        "g = tanh(W_g x + U_g h + b_g)        o = sigmoid(W_o x + U_o h + b_o)\n"
        "c' = f * c + i * g                   h' = o * tanh(c')\n"
        "peepholes: w * c is added in i and f, w * c' in o; coupled: f = 1 - i; projection: h' = W_r (o * tanh(c'))"
    )
    paper: ClassVar[str] = "Hochreiter & Schmidhuber 1997, Long short-term memory; Gers et al. 2000 (forget gate)"
    former_options: ClassVar[Mapping[str, str]] = {"memory": "chrono_init"}
    state_type: ClassVar[type[Any]] = LSTMState
    compiled_variants: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        "lstm": {},
        "lstm_coupled": {"coupled": True},
        "lstm_coupled_peepholes": {"coupled": True, "peepholes": True},
        "lstm_peepholes": {"peepholes": True},
    }

    @former_keywords({"memory": "chrono_init"})
    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        *,
        peepholes: bool = False,
        coupled: bool = False,
        projection: int = 0,
        layer_norm: bool = False,
        forget_bias: float = 1.0,
        chrono_init: int = 0,
        **options: Any,
    ) -> None:
        if not 0 <= projection < hidden_size:
            raise ConfigError(
                f"expected projection from 0 to hidden_size - 1 = {hidden_size - 1}. Received: {projection}"
            )
        gate_names = ("i", "g", "o") if coupled else ("i", "f", "g", "o")
        super().__init__(
            input_size, hidden_size, gate_names=gate_names, output_size=projection or hidden_size, **options
        )
        self.coupled = coupled
        self.forget_bias = forget_bias
        self.chrono_init = chrono_init
        like = self.weight_ih
        self.weight_hr = nn.Parameter(like.new_empty(projection, hidden_size)) if projection else None
        self.peephole_i = nn.Parameter(like.new_zeros(hidden_size)) if peepholes else None
        self.peephole_f = nn.Parameter(like.new_zeros(hidden_size)) if peepholes and not coupled else None
        self.peephole_o = nn.Parameter(like.new_zeros(hidden_size)) if peepholes else None
        rows = len(gate_names) * hidden_size
        factory: dict[str, Any] = {"device": like.device, "dtype": like.dtype}
        self.norm_p = nn.LayerNorm(rows, bias=False, **factory) if layer_norm else None
        self.norm_u = nn.LayerNorm(rows, bias=False, **factory) if layer_norm else None
        self.norm_c = nn.LayerNorm(hidden_size, **factory) if layer_norm else None
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Initialise the parameters as `Cell` does; set peepholes to zero and the forget gate's bias to `forget_bias`.

        Norms start as the identity. With `chrono_init`, the biases of i and f get chrono initialisation instead.
        """
        super().reset_parameters()
        if self.weight_hr is not None:
            nn.init.xavier_uniform_(self.weight_hr)
        for peephole in (self.peephole_i, self.peephole_f, self.peephole_o):
            if peephole is not None:
                nn.init.zeros_(peephole)
        for norm in (self.norm_p, self.norm_u, self.norm_c):
            if norm is not None:
                norm.reset_parameters()
        if self.bias_ih is not None:
            gate, sign = ("i", -1.0) if self.coupled else ("f", 1.0)
            start = self.gate_names.index(gate) * self.hidden_size
            nn.init.constant_(self.bias_ih.data[start : start + self.hidden_size], sign * self.forget_bias)
        # Coupled gates have f = 1 - i, so a negative bias of i keeps the cell state.
        signs = {"i": -1.0} if self.coupled else {"f": 1.0, "i": -1.0}
        chrono_init_(self.bias_ih, self.gate_names, signs, self.chrono_init)

    def state_sizes(self) -> dict[str, int]:
        """Return the sizes of `h`, the output size, and of `c`, H."""
        return {"h": self.output_size, "c": self.hidden_size}

    @property
    def plain_input_product(self) -> bool:
        """Whether `project` has no layer norm."""
        return self.norm_p is None

    @property
    def plain_past_product(self) -> bool:
        """Whether `recur` has no layer norm."""
        return self.norm_u is None

    def project(self, x_BTI: Tensor) -> Tensor:
        """Return the input projection; layer norm applies to the product, before the bias."""
        if self.norm_p is None:
            return F.linear(x_BTI, self.weight_ih, self.bias_ih)
        p_BTG: Tensor = self.norm_p(F.linear(x_BTI, self.weight_ih))
        return p_BTG if self.bias_ih is None else p_BTG + self.bias_ih

    def recur(self, state: LSTMState) -> Tensor:
        """Return the recurrent product; layer norm applies to the product, before the bias."""
        if self.norm_u is None:
            return F.linear(state.h, self.weight_hh, self.bias_hh)
        u_BG: Tensor = self.norm_u(F.linear(state.h, self.weight_hh))
        return u_BG if self.bias_hh is None else u_BG + self.bias_hh

    def update(self, p_BG: Tensor, u_BG: Tensor, state: LSTMState) -> Step:
        """Compute the gates, the cell state and the output."""
        c_BH = state.c
        sums = (p_BG + u_BG).chunk(len(self.gate_names), dim=-1)
        if self.coupled:
            sum_i, sum_g, sum_o = sums
            sum_f = None
        else:
            sum_i, sum_f, sum_g, sum_o = sums
        i = torch.sigmoid(sum_i if self.peephole_i is None else sum_i + self.peephole_i * c_BH)
        if sum_f is None:
            f = 1.0 - i
        else:
            f = torch.sigmoid(sum_f if self.peephole_f is None else sum_f + self.peephole_f * c_BH)
        g = torch.tanh(sum_g)
        c_BH = f * c_BH + i * g
        o = torch.sigmoid(sum_o if self.peephole_o is None else sum_o + self.peephole_o * c_BH)
        h_BY = o * torch.tanh(c_BH if self.norm_c is None else self.norm_c(c_BH))
        if self.weight_hr is not None:
            h_BY = F.linear(h_BY, self.weight_hr)
        return Step(h_BY, LSTMState(h_BY, c_BH), {"i": i, "f": f, "g": g, "o": o})

    def torch_form(self) -> TorchForm | str:
        """Return torch's LSTM with these weights, for the standard form with or without a projection."""
        if self.peephole_i is not None:
            return "torch's LSTM has no peepholes"
        if self.coupled:
            return "torch's LSTM has no coupled gates"
        if self.norm_c is not None:
            return "torch's LSTM has no layer norm"
        weights = [self.weight_ih, self.weight_hh]
        if self.bias_ih is not None and self.bias_hh is not None:
            weights += [self.bias_ih, self.bias_hh]
        if self.weight_hr is not None:
            weights.append(self.weight_hr)
        return TorchForm("lstm", tuple(weights), self.bias_ih is not None)
