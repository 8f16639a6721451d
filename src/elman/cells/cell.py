"""Base classes of recurrent cells. A cell owns its weights and defines the equations of one time step.

    p_t = project(x_t)                            input projection; one matrix product for all time steps
    u_t = recur(state_{t-1})                      recurrent product; the only matrix product inside the time loop
    y_t, state_t = update(p_t, u_t, state_{t-1})  the equations, element-wise

There are three kinds of cell, by the methods that they define:

    project, recur, update      most cells (`ElementwiseCell`)
    project, coefficients       cells linear in their state (`LinearCell`): h_t = a_t * h_{t-1} + b_t
    project, advance            cells whose equations are not element-wise (`Cell`)
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, ClassVar, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from elman.cells.initialisers import fill_gates
from elman.errors import ConfigError, ShapeError
from elman.recurrence import Step, TorchForm
from elman.state import State, check_tensor, named_leaves

__all__ = ["Cell", "ElementwiseCell", "HiddenState", "LinearCell"]


class HiddenState(NamedTuple):
    """State of a cell whose state is its output: `h` of shape B x H."""

    h: Tensor


class Cell(nn.Module, ABC):
    """Base class of recurrent cells.

    Args:
        input_size: I, the number of input features.
        hidden_size: H, the number of hidden units.
        gate_names: names of the gates, in the order of their row blocks in the weights.
        output_size: size of the output `h`; H by default.
        bias: whether the input projection and the recurrent product have a bias.
        input_init, recurrent_init: names from `elman.cells.INITIALISERS`, applied to each gate's block separately;
            `recurrent_init` "auto" is half_identity for a cell that is `unbounded`, and orthogonal for others.
        learn_initial_state: whether the initial state is a parameter; otherwise it is zero.
        device, dtype: of the weights.

    The weights have torch's layout: `weight_ih` (G, I), `weight_hh` (G, `output_size`), `bias_ih` (G),
    `bias_hh` (G), with the gates' blocks in the order of `gate_names`.

    Raises ConfigError for a size that is not a positive whole number, or an unknown initialiser.
    """

    # Printed by `elman cells`.
    name: ClassVar[str]
    summary: ClassVar[str]
    equations: ClassVar[str]
    paper: ClassVar[str]
    # Options that were called otherwise in an earlier version, by their earlier names.
    former_options: ClassVar[Mapping[str, str]] = MappingProxyType({})
    # NamedTuple of the state; `state_sizes` gives the size of every leaf.
    state_type: ClassVar[type[Any]] = HiddenState
    # Names of the parameters that weight drop applies to.
    recurrent_weights: ClassVar[tuple[str, ...]] = ("weight_hh",)
    # Variants that the native engine compiles when elman is built: the options of each, by its name.
    compiled_variants: ClassVar[Mapping[str, Mapping[str, Any]]] = {}

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        *,
        gate_names: tuple[str, ...],
        output_size: int | None = None,
        bias: bool = True,
        input_init: str = "glorot",
        recurrent_init: str = "auto",
        learn_initial_state: bool = False,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__()
        for label, size in (("input_size", input_size), ("hidden_size", hidden_size)):
            if isinstance(size, bool) or not isinstance(size, int) or size < 1:
                raise ConfigError(f"expected {label} to be a whole number above 0. Received: {size!r}")
        self.input_size = input_size
        self.hidden_size = hidden_size
        self.output_size = output_size or hidden_size
        self.gate_names = gate_names
        self.input_init = input_init
        self.recurrent_init = recurrent_init
        factory: dict[str, Any] = {"device": device, "dtype": dtype}
        rows = len(gate_names) * hidden_size
        self.weight_ih = nn.Parameter(torch.empty(rows, input_size, **factory))
        if self.recurrent_weights:
            self.weight_hh = nn.Parameter(torch.empty(rows, self.output_size, **factory))
        self.bias_ih = nn.Parameter(torch.zeros(rows, **factory)) if bias else None
        self.bias_hh = nn.Parameter(torch.zeros(rows, **factory)) if bias and self.recurrent_weights else None
        self.initial = nn.ParameterDict()
        if learn_initial_state:
            for leaf, size in self.state_sizes().items():
                self.initial[leaf] = nn.Parameter(torch.zeros(size, **factory))

    def reset_parameters(self) -> None:
        """Initialise matrices by `input_init` and `recurrent_init`; set biases and a learnt initial state to zero.

        A subclass calls this at the end of its `__init__`, and extends it when it has more parameters.
        """
        gates = len(self.gate_names)
        fill_gates(self.weight_ih, self.input_init, gates, self.hidden_size)
        if self.recurrent_weights:
            automatic = "half_identity" if self.unbounded else "orthogonal"
            how = automatic if self.recurrent_init == "auto" else self.recurrent_init
            fill_gates(self.weight_hh, how, gates, self.hidden_size)
        for zero in (self.bias_ih, self.bias_hh, *self.initial.values()):
            if zero is not None:
                nn.init.zeros_(zero)

    def state_sizes(self) -> dict[str, int]:
        """Return the size of every leaf of the state, by name."""
        return {"h": self.output_size}

    def initial_state(self, batch_size: int) -> State:
        """Return the initial state for a batch: zero, or the learnt one."""
        leaves = [
            self.initial[leaf].expand(batch_size, -1)
            if leaf in self.initial
            else self.weight_ih.new_zeros(batch_size, size)
            for leaf, size in self.state_sizes().items()
        ]
        return self.state_type(*leaves)

    def project(self, x_BTI: Tensor) -> Tensor:
        """Return the input projection p = W_x x + b, for any number of leading dimensions."""
        return F.linear(x_BTI, self.weight_ih, self.bias_ih)

    def recur(self, state: State) -> Tensor:
        """Return the recurrent product u = W_h h + b."""
        return F.linear(state.h, self.weight_hh, self.bias_hh)

    @property
    def plain_input_product(self) -> bool:
        """Whether `project` computes exactly W_x x + b, so that a kernel can compute it from the weights."""
        return type(self).project is Cell.project

    @property
    def plain_past_product(self) -> bool:
        """Whether `recur` computes exactly W_h h + b, so that a kernel can compute it from the weights."""
        return type(self).recur is Cell.recur

    @abstractmethod
    def advance(self, p_BG: Tensor, state: State, recurrent_mask_BH: Tensor | None = None) -> Step:
        """Run one time step from the input projection.

        `recurrent_mask_BH` multiplies `h` where it enters a matrix product.
        """

    def step(self, x_BI: Tensor, state: State) -> tuple[Tensor, State]:
        """Run one time step; return the output `y_BY` and the new state.

        Raises ShapeError when the shape of `x_BI` does not match.
        """
        if x_BI.dim() != 2 or x_BI.shape[-1] != self.input_size:
            raise ShapeError(f"expected x_BI of shape (batch, {self.input_size}). Received: {tuple(x_BI.shape)}")
        done = self.advance(self.project(x_BI), state)
        return done.y, done.state

    def forward(self, x_BI: Tensor, state: State | None = None) -> tuple[Tensor, State]:
        """Run one time step like `step`, with its errors, from the initial state when `state` is None."""
        return self.step(x_BI, self.initial_state(x_BI.shape[0]) if state is None else state)

    @property
    def unbounded(self) -> bool:
        """Whether the output can grow without bound over time by the recurrent product, as with ReLU."""
        return False

    @property
    def is_linear(self) -> bool:
        """Whether the recurrence is linear in the state, so that a parallel scan can run it."""
        return False

    def linear_form(self, p_BTG: Tensor) -> tuple[Tensor, Tensor] | str:
        """Return a and b of h_t = a_t * h_{t-1} + b_t, or a sentence that says why there are none."""
        del p_BTG
        return "its recurrence is not linear in the state"

    def torch_form(self) -> TorchForm | str:
        """Return the torch layer with the same equations, or a sentence that says why there is none."""
        return "torch has no fused layer for this cell"

    def check_input(self, x_BTI: Tensor) -> None:
        """Raise ShapeError unless `x_BTI` is batch x time x I, of the weights' dtype (any, under autocast)."""
        check_tensor("x_BTI", x_BTI)
        if x_BTI.dim() != 3 or x_BTI.shape[-1] != self.input_size:
            raise ShapeError(
                f"expected x_BTI of shape (batch, time, {self.input_size}). Received: {tuple(x_BTI.shape)}"
            )
        dtype = self.weight_ih.dtype
        if x_BTI.dtype != dtype and not torch.is_autocast_enabled(x_BTI.device.type):
            raise ShapeError(f"expected x_BTI of {dtype}, as the weights. Received: {x_BTI.dtype}")

    def as_state(self, state: State) -> State:
        """Return a state given as torch's layers take it: a tuple of its leaves, or a tensor if there is one leaf.

        Anything else is returned as it is.
        """
        leaves = [state] if isinstance(state, Tensor) else state
        plain = type(leaves) in (tuple, list) and len(leaves) == len(self.state_sizes())
        if plain and all(isinstance(leaf, Tensor) for leaf in leaves):
            return self.state_type(*leaves)
        return state

    def check_state(self, state: State, batch_size: int) -> None:
        """Raise ShapeError unless `state` has this cell's leaves with `batch_size` rows."""
        if isinstance(state, Tensor) or not _has_tensors(state):
            raise ShapeError(
                f"expected a state of {type(self).__name__}: a {self.state_type.__name__} of tensors. Received: "
                f"{type(state).__name__}"
            )
        expected = {leaf: (batch_size, size) for leaf, size in self.state_sizes().items()}
        received = {leaf: tuple(tensor.shape) for leaf, tensor in named_leaves(state)}
        if received != expected:
            raise ShapeError(f"expected a state of {type(self).__name__} with {expected}. Received: {received}")

    def extra_repr(self) -> str:
        """Return the sizes, for `repr`."""
        return f"{self.input_size}, {self.hidden_size}"


def _has_tensors(node: Any) -> bool:
    """Whether a state consists of tuples with tensors at their leaves."""
    return isinstance(node, Tensor) or (isinstance(node, tuple) and all(map(_has_tensors, node)))


class ElementwiseCell(Cell):
    """A cell with an input projection, a recurrent product and an element-wise `update`."""

    @abstractmethod
    def update(self, p_BG: Tensor, u_BG: Tensor, state: State) -> Step:
        """Apply the cell's equations to the input projection `p_BG` and the recurrent product `u_BG`."""

    def advance(self, p_BG: Tensor, state: State, recurrent_mask_BH: Tensor | None = None) -> Step:
        """Run `update`; the mask applies to `h` in the recurrent product only, not in `update`."""
        past = state if recurrent_mask_BH is None else state._replace(h=state.h * recurrent_mask_BH)
        return self.update(p_BG, self.recur(past), state)


class LinearCell(Cell):
    """A cell with the recurrence h_t = a_t * h_{t-1} + b_t, where a and b depend on the input alone."""

    recurrent_weights: ClassVar[tuple[str, ...]] = ()

    @abstractmethod
    def coefficients(self, p_BTG: Tensor) -> tuple[Tensor, Tensor, dict[str, Tensor]]:
        """Return a, b and the gates by name, for any number of leading dimensions."""

    def recur(self, state: State) -> Tensor:
        """Raise ConfigError: a linear cell has no recurrent product."""
        raise ConfigError(f"{type(self).__name__} has no recurrent product. Received: a call of recur()")

    def advance(self, p_BG: Tensor, state: State, recurrent_mask_BH: Tensor | None = None) -> Step:
        """Compute h = a * h + b. Raises ConfigError for a recurrent mask: there is no recurrent product to mask."""
        if recurrent_mask_BH is not None:
            raise ConfigError(
                f"expected no recurrent mask: {type(self).__name__} has no recurrent product. Received: one of shape "
                f"{tuple(recurrent_mask_BH.shape)}"
            )
        a_BH, b_BH, gates = self.coefficients(p_BG)
        h_BH = a_BH * state.h + b_BH
        return Step(h_BH, state._replace(h=h_BH), gates)

    @property
    def is_linear(self) -> bool:
        """True: a parallel scan can run the recurrence."""
        return True

    def linear_form(self, p_BTG: Tensor) -> tuple[Tensor, Tensor] | str:
        """Return a and b for every time step."""
        a_BTH, b_BTH, _ = self.coefficients(p_BTG)
        return a_BTH, b_BTH
