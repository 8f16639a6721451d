"""The interface between cells and kernels: `RunnableCell`, `Step`, `Lookup`, `TorchForm` and `KernelRequest`.

A kernel runs every cell through this interface and contains no code for a particular cell.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

import torch
import torch.nn.functional as F
from torch import Tensor

from elman.former import former_attributes
from elman.state import State

__all__ = ["KernelRequest", "Lookup", "RunnableCell", "Step", "TorchForm", "clear_padding"]

__getattr__ = former_attributes(__name__, {"Request": "KernelRequest"})


class Step(NamedTuple):
    """The result of one time step: output `y_BY`, state after the step, and gates by their names in the equations."""

    y: Tensor
    state: State
    gates: dict[str, Tensor]


class Lookup(NamedTuple):
    """Inputs given as rows of a matrix: x of sequence b at time step t is `features_VI[tokens_BT[b, t]]`.

    A kernel may multiply the V rows by the weights instead of the B x T inputs.
    """

    tokens_BT: Tensor
    features_VI: Tensor

    def inputs(self) -> Tensor:
        """Return the looked-up inputs `x_BTI`."""
        return F.embedding(self.tokens_BT, self.features_VI)


class TorchForm(NamedTuple):
    """The name of a fused torch layer (`lstm`, `gru`, `rnn_tanh`, `rnn_relu`) and the weights in its order."""

    layer: str
    weights: tuple[Tensor, ...]
    has_biases: bool


@dataclass(frozen=True)
class KernelRequest:
    """What a kernel must support in addition to the cell.

    ragged            the sequences of the batch have different lengths
    recurrent_mask    a dropout mask multiplies the hidden state in the recurrent product of every time step
    mask_gradient     the gradient of that mask is required
    device, dtype     of the input
    """

    ragged: bool = False
    recurrent_mask: bool = False
    mask_gradient: bool = False
    device: torch.device = field(default_factory=lambda: torch.device("cpu"))
    dtype: torch.dtype = torch.float32


class RunnableCell(Protocol):
    """Protocol of the cells that kernels can run; every `elman.cells.Cell` satisfies it."""

    output_size: int

    def project(self, x_BTI: Tensor, /) -> Tensor:
        """Return the input projection of every time step, `p_BTG`."""

    def advance(self, p_BG: Tensor, state: State, recurrent_mask_BH: Tensor | None = None, /) -> Step:
        """Compute one time step from its input projection and the previous state."""

    def linear_form(self, p_BTG: Tensor, /) -> tuple[Tensor, Tensor] | str:
        """Return the coefficients of h_t = a_t * h_{t-1} + b_t, or the reason why there are none."""

    def torch_form(self) -> TorchForm | str:
        """Return the equivalent torch layer, or the reason why there is none."""

    @property
    def is_linear(self) -> bool:
        """Whether `linear_form` returns coefficients."""

    @property
    def plain_input_product(self) -> bool:
        """Whether `project` is exactly W_x x + b."""

    @property
    def plain_past_product(self) -> bool:
        """Whether `recur` is exactly W_h h + b."""

    @property
    def weight_ih(self) -> Tensor:
        """The input weights, G x I."""


def clear_padding(x_BTF: Tensor, lengths_B: Tensor) -> Tensor:
    """Set the padding of `x_BTF` to zero, so that NaN in the padding cannot reach a gradient."""
    padding_BT = torch.arange(x_BTF.shape[1], device=x_BTF.device) >= lengths_B[:, None]
    return x_BTF.masked_fill(padding_BT[..., None], 0.0)
