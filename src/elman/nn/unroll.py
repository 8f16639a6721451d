"""Unroll: runs one cell over the time steps of a batch of sequences, in one direction."""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.func import functional_call

from elman import kernels
from elman.cells import Cell
from elman.errors import ConfigError
from elman.kernels import Lookup, reference, reverse_rows
from elman.nn.dropout import check_rate, dropout_mask, weight_dropout
from elman.state import State, map_leaves

__all__ = ["Trace", "Unroll", "reverse_rows"]


class Trace(NamedTuple):
    """Outputs `y_BTY`, the last state, and all states and gates of a cell over time, each as `B x T x size`."""

    y_BTY: Tensor
    state: State
    states: State
    gates: dict[str, Tensor]


class _KernelCall(nn.Module):
    """Kernel call as a module, so that `functional_call` can replace the weights of the cell."""

    def __init__(self, cell: Cell) -> None:
        super().__init__()
        self.cell = cell

    def forward(
        self, x: Tensor | Lookup, lengths_B: Tensor | None, state: State, options: dict[str, Any]
    ) -> tuple[Tensor, State]:
        return kernels.run(self.cell, x, lengths_B, state, **options)


class Unroll(nn.Module):
    """Run a cell over time.

    Args:
        cell: the cell.
        reverse: whether to run each row from its last real step to its first; each output is at the time step of its
            input.
        recurrent_dropout: dropout rate on h in the recurrent product, with one mask for all time steps (Gal &
            Ghahramani 2016). Active in training mode only.
        weight_drop: dropout rate on the recurrent weights, with one mask per call (Merity et al. 2018). Active in
            training mode only.
        kernel: name of the backend to use; see `elman.kernels`. By default it is chosen automatically.

    Raises ConfigError for a rate that is not in [0, 1), and for either rate with a cell without a recurrent product.
    """

    def __init__(
        self,
        cell: Cell,
        *,
        reverse: bool = False,
        recurrent_dropout: float = 0.0,
        weight_drop: float = 0.0,
        kernel: str | None = None,
    ) -> None:
        super().__init__()
        self.cell = cell
        self.reverse = reverse
        self.recurrent_dropout = check_rate("recurrent_dropout", recurrent_dropout)
        self.weight_drop = check_rate("weight_drop", weight_drop)
        self.kernel = kernel
        if (recurrent_dropout or weight_drop) and not cell.recurrent_weights:
            raise ConfigError(
                f"expected no recurrent_dropout and no weight_drop: {type(cell).__name__} has no recurrent product. "
                f"Received: {recurrent_dropout} and {weight_drop}"
            )

    def initial_state(self, batch_size: int) -> State:
        """Return the cell's initial state."""
        return self.cell.initial_state(batch_size)

    def forward(
        self, x: Tensor | Lookup, lengths_B: Tensor | None = None, state: State | None = None
    ) -> tuple[Tensor, State]:
        """Return the outputs `y_BTY`, zero in the padding, and the state after each row's last real step.

        x          float, B x T x I, or a `Lookup` of such inputs
        lengths_B  whole numbers from 0 to T, in any order; None when all rows have T steps
        state      the initial state; that of the cell when None

        Raises ShapeError for a tensor with the wrong shape or dtype.
        """
        state = self._start(x, state)
        mask_BH = None
        if self.training and self.recurrent_dropout:
            like = x.features_VI if isinstance(x, Lookup) else x
            mask_BH = dropout_mask(self.recurrent_dropout, _rows(x), self.cell.output_size, like)
        options: dict[str, Any] = {"recurrent_mask_BH": mask_BH, "reverse": self.reverse, "kernel": self.kernel}
        if self.training and self.weight_drop:
            dropped = {
                f"cell.{name}": weight_dropout(getattr(self.cell, name), self.weight_drop)
                for name in self.cell.recurrent_weights
            }
            result: tuple[Tensor, State] = functional_call(
                _KernelCall(self.cell), dropped, (x, lengths_B, state, options)
            )
            return result
        return kernels.run(self.cell, x, lengths_B, state, **options)

    def trace(self, x_BTI: Tensor, lengths_B: Tensor | None = None, state: State | None = None) -> Trace:
        """Run like `forward` in the reference loop without dropout, and return every state and gate.

        Raises ConfigError for an input without time steps, ShapeError for a tensor with the wrong shape or dtype.
        """
        state = self._start(x_BTI, state)
        if lengths_B is not None:
            lengths_B = kernels.check_lengths(lengths_B, *x_BTI.shape[:2])
            x_BTI = kernels.clear_padding(x_BTI, lengths_B)
        source_BTI = reverse_rows(x_BTI, lengths_B) if self.reverse else x_BTI
        steps = list(reference.steps(self.cell, source_BTI, lengths_B, state))
        if not steps:
            raise ConfigError(f"expected at least one time step to trace. Received: {tuple(x_BTI.shape)}")

        def in_order(tensors: list[Tensor]) -> Tensor:
            stacked = torch.stack(tensors, dim=1)
            return reverse_rows(stacked, lengths_B) if self.reverse else stacked

        states = map_leaves(lambda *leaf: in_order(list(leaf)), *(step.state for step in steps))
        gates = {name: in_order([step.gates[name] for step in steps]) for name in steps[0].gates}
        return Trace(in_order([step.y for step in steps]), steps[-1].state, states, gates)

    def _start(self, x: Tensor | Lookup, state: State | None) -> State:
        self.cell.check_input(x.features_VI[None] if isinstance(x, Lookup) else x)
        if state is None:
            return self.cell.initial_state(_rows(x))
        state = self.cell.as_state(state)
        self.cell.check_state(state, _rows(x))
        return state


def _rows(x: Tensor | Lookup) -> int:
    return (x.tokens_BT if isinstance(x, Lookup) else x).shape[0]
