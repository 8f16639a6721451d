"""What cells and kernels share: one step, the inputs, and the part of a cell that a kernel uses.

A cell states its recurrence in these terms, and a kernel runs it without knowing the cell. Knows nothing about any
equations, or about how anything is run.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

import torch
import torch.nn.functional as F
from torch import Tensor

from elman.types import State

__all__ = ["Lookup", "Request", "RunnableCell", "Step", "TorchForm", "clear_padding"]


class Step(NamedTuple):
    """One time step of a cell: its output `y_BY`, the state after it, and every gate by its name in the equations."""

    y: Tensor
    state: State
    gates: dict[str, Tensor]


class Lookup(NamedTuple):
    """Inputs that are rows of a matrix: x of row b at time t is `features_VI[tokens_BT[b, t]]`.

    A kernel may multiply the V rows with the weights instead of the B x T inputs.
    """

    tokens_BT: Tensor
    features_VI: Tensor

    def inputs(self) -> Tensor:
        """`x_BTI`."""
        return F.embedding(self.tokens_BT, self.features_VI)


class TorchForm(NamedTuple):
    """One of torch's fused layers (`lstm`, `gru`, `rnn_tanh`, `rnn_relu`) and the cell's weights in its order."""

    layer: str
    weights: tuple[Tensor, ...]
    has_biases: bool


@dataclass(frozen=True)
class Request:
    """What is asked of a kernel, apart from the cell.

    ragged            rows have lengths of their own
    recurrent_mask    a dropout mask is to be applied to the past's part of every step
    mask_gradient     and a gradient is wanted of that mask
    device, dtype     of the input
    """

    ragged: bool = False
    recurrent_mask: bool = False
    mask_gradient: bool = False
    device: torch.device = field(default_factory=lambda: torch.device("cpu"))
    dtype: torch.dtype = torch.float32


class RunnableCell(Protocol):
    """The part of a cell that kernels use; every `elman.cells.Cell` has it."""

    output_size: int

    def project(self, x_BTI: Tensor, /) -> Tensor:
        """The input's part of every step."""

    def advance(self, p_BG: Tensor, state: State, recurrent_mask_BH: Tensor | None = None, /) -> Step:
        """One step from the input's part and the state before it."""

    def linear_form(self, p_BTG: Tensor, /) -> tuple[Tensor, Tensor] | str:
        """The coefficients of h_t = a_t * h_{t-1} + b_t, or a sentence why there are none."""

    def torch_form(self) -> TorchForm | str:
        """The torch layer that computes the same, or a sentence why none does."""

    @property
    def is_linear(self) -> bool:
        """Whether `linear_form` gives coefficients."""

    @property
    def plain_input_product(self) -> bool:
        """Whether `project` is W_x x + b and no more."""

    @property
    def plain_past_product(self) -> bool:
        """Whether `recur` is W_h h + b and no more."""

    @property
    def weight_ih(self) -> Tensor:
        """The input's matrix, gates x I."""


def clear_padding(x_BTF: Tensor, lengths_B: Tensor) -> Tensor:
    """`x_BTF` with zeros past each row's length, so that not even NaN in the padding can reach a gradient."""
    padding_BT = torch.arange(x_BTF.shape[1], device=x_BTF.device) >= lengths_B[:, None]
    return x_BTF.masked_fill(padding_BT[..., None], 0.0)
