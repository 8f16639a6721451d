"""DilatedStack: recurrent layers with dilated skip connections through time (Chang et al. 2017)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, cast

import torch
from torch import Tensor, nn

from elman.cells import Cell, make
from elman.errors import ConfigError, ShapeError
from elman.kernels import clear_padding
from elman.nn.dropout import check_rate, sequence_dropout
from elman.nn.recompute import check_recompute, recomputes, run_segments
from elman.nn.unroll import Unroll
from elman.state import State, check_tensor, map_leaves

__all__ = ["DilatedStack"]


class DilatedStack(nn.Module):
    """Layers of a cell in which the state of layer l at step t follows from that at step t - d_l (Chang et al. 2017).

    A layer of dilation d runs the same cell over d interleaved sequences, so a gradient reaches d times as far back in
    the same number of recurrent steps. With all dilations 1 this is a `Stack`.

    Args:
        cell: a cell's name, or its class.
        input_size: I, the number of input features.
        hidden_size: H, the number of hidden units of every layer.
        dilations: d of every layer, such as (1, 2, 4).
        residual: whether to add a layer's input to its output where both have the same size.
        dropout: rate on the output of every layer except the last.
        variational, recurrent_dropout, weight_drop, kernel, recompute: as for `Stack`.
        cell_options: all other options are passed to the cell.

    Every leaf of a state is B x d x size: slot j is the previous state of the j-th next time step.

    Raises ConfigError for a dilation below 1, for a dropout rate out of range, and for unknown cells or options.
    """

    def __init__(
        self,
        cell: str | type[Cell],
        input_size: int,
        hidden_size: int,
        *,
        dilations: Sequence[int],
        residual: bool = False,
        dropout: float = 0.0,
        variational: bool = False,
        recurrent_dropout: float = 0.0,
        weight_drop: float = 0.0,
        kernel: str | None = None,
        recompute: int = 0,
        **cell_options: Any,
    ) -> None:
        super().__init__()
        self.recompute = check_recompute(recompute)
        if not dilations or min(dilations) < 1:
            raise ConfigError(f"expected a dilation of at least 1 for every layer. Received: {tuple(dilations)}")
        self.dropout = check_rate("dropout", dropout)
        self.variational = variational
        self.residual = residual
        self.dilations = tuple(dilations)
        self.input_size = input_size
        self.layers = nn.ModuleList()
        size = input_size
        for _ in self.dilations:
            made = make(cell, size, hidden_size, **cell_options)
            self.layers.append(
                Unroll(made, recurrent_dropout=recurrent_dropout, weight_drop=weight_drop, kernel=kernel)
            )
            size = made.output_size
        self.output_size = size

    def unrolls(self) -> Sequence[Unroll]:
        """Return the unrolled cell of every layer."""
        return cast("Sequence[Unroll]", self.layers)

    def initial_state(self, batch_size: int) -> State:
        """Return the initial state: a tuple over layers of the cell's state, with every leaf B x d x size."""
        return tuple(
            map_leaves(
                lambda leaf, slots=slots: leaf[:, None].expand(-1, slots, *leaf.shape[1:]),
                unroll.initial_state(batch_size),
            )
            for unroll, slots in zip(self.unrolls(), self.dilations, strict=True)
        )

    def forward(
        self, x_BTI: Tensor, lengths_B: Tensor | None = None, state: State | None = None
    ) -> tuple[Tensor, State]:
        """Return the outputs of the last layer `y_BTY`, zero in the padding, and the last state of every layer.

        Arguments as for `Stack`; `state` has the shapes of `initial_state`. Raises ShapeError for a tensor with the
        wrong shape.
        """
        check_tensor("x_BTI", x_BTI)
        if lengths_B is not None:
            check_tensor("lengths_B", lengths_B)
        if x_BTI.dim() != 3 or x_BTI.shape[-1] != self.input_size:
            raise ShapeError(
                f"expected x_BTI of shape (batch, time, {self.input_size}). Received: {tuple(x_BTI.shape)}"
            )
        state = self.initial_state(x_BTI.shape[0]) if state is None else state
        if len(state) != len(self.layers):
            raise ShapeError(f"expected a state of {len(self.layers)} layers. Received: {len(state)}")
        if recomputes(self, self.recompute, x_BTI.shape[1]):
            # In every segment a slot of a layer has the same time steps, so that its dropout masks are the same.
            multiple = math.lcm(*self.dilations)
            return run_segments(self, self._layers, x_BTI, lengths_B, state, steps=self.recompute, multiple=multiple)
        return self._layers(x_BTI, lengths_B, state)

    def _layers(self, x_BTI: Tensor, lengths_B: Tensor | None, state: State) -> tuple[Tensor, State]:
        last = []
        layers = zip(self.unrolls(), self.dilations, state, strict=True)
        for depth, (unroll, dilation, start) in enumerate(layers):
            y_BTY, final = _run(unroll, dilation, x_BTI, lengths_B, start)
            if depth + 1 < len(self.layers):
                y_BTY = sequence_dropout(y_BTY, self.dropout, variational=self.variational, training=self.training)
            if self.residual and x_BTI.shape[-1] == y_BTY.shape[-1]:
                y_BTY = x_BTI + y_BTY
                if lengths_B is not None:
                    y_BTY = clear_padding(y_BTY, lengths_B.to(y_BTY.device))
            x_BTI = y_BTY
            last.append(final)
        return x_BTI, tuple(last)


def _run(unroll: Unroll, dilation: int, x_BTI: Tensor, lengths_B: Tensor | None, state: State) -> tuple[Tensor, State]:
    """Run one layer: each row of the unrolled cell's batch has the time steps that are `dilation` apart."""
    if dilation == 1:
        y_BTY, final = unroll(x_BTI, lengths_B, map_leaves(lambda leaf: leaf[:, 0], state))
        return y_BTY, map_leaves(lambda leaf: leaf[:, None], final)
    batch, steps, features = x_BTI.shape
    if not steps:
        return x_BTI.new_zeros(batch, 0, unroll.cell.output_size), state
    used_slots = min(dilation, steps)  # a sequence shorter than the dilation leaves the other slots unchanged
    rounds = -(-steps // dilation)
    if lengths_B is None:
        lengths_B = torch.full((batch,), steps)
    lengths_B = lengths_B.to("cpu", torch.int64)
    padded = torch.nn.functional.pad(x_BTI, (0, 0, 0, rounds * used_slots - steps)) if rounds > 1 else x_BTI
    rows = (
        padded.reshape(batch, rounds, used_slots, features)
        .transpose(1, 2)
        .reshape(batch * used_slots, rounds, features)
    )
    slots = torch.arange(used_slots)
    lengths = ((lengths_B[:, None] - slots + dilation - 1) // dilation).clamp(min=0).flatten()
    start = map_leaves(lambda leaf: leaf[:, :used_slots].reshape(batch * used_slots, *leaf.shape[2:]), state)
    whole = int(lengths.min()) == rounds
    y, final = unroll(rows, None if whole else lengths, start)
    y_BTY = y.reshape(batch, used_slots, rounds, -1).transpose(1, 2).reshape(batch, rounds * used_slots, -1)[:, :steps]
    # Rotate the slots so that slot 0 is the previous state of the next time step.
    order = (lengths_B[:, None] + torch.arange(dilation)) % dilation

    def rotated(old: Tensor, new: Tensor) -> Tensor:
        joined = torch.cat([new.reshape(batch, used_slots, *new.shape[1:]).to(old.dtype), old[:, used_slots:]], dim=1)
        rows_B1 = torch.arange(batch, device=joined.device)[:, None]
        return joined[rows_B1, order.to(joined.device)]

    return y_BTY, map_leaves(rotated, state, final)
