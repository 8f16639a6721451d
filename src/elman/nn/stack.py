"""Stack: layers of one cell, unidirectional or bidirectional, with dropout between them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

import torch
from torch import Tensor, nn

from elman.cells import Cell, make
from elman.errors import ConfigError, ShapeError
from elman.kernels import Lookup, clear_padding
from elman.nn.dropout import check_rate, sequence_dropout
from elman.nn.recompute import check_recompute, recomputes, run_segments
from elman.nn.unroll import Trace, Unroll
from elman.state import State, check_tensor

__all__ = ["Stack"]


class Stack(nn.Module):
    """Layers of a cell.

    Args:
        cell: a cell's name, or its class.
        input_size: I, the number of input features.
        hidden_size: H, the number of hidden units of every layer.
        layers: number of layers.
        bidirectional: whether every layer also runs backward; the outputs of both directions are concatenated.
        residual: whether to add a layer's input to its output where both have the same size.
        dropout: rate on the output of every layer except the last (as in `torch.nn.LSTM`).
        input_dropout, output_dropout: rates on the input and on the output of every layer.
        variational: whether one dropout mask is used for all time steps (Gal & Ghahramani 2016).
        recurrent_dropout, weight_drop, kernel: see `Unroll`.
        recompute: time steps of a segment. In training the activations of one segment are in memory at a time, and
            those of the others are computed again in the backward pass; 0 for none. Bidirectional layers do this one
            by one, and keep the input of every layer.
        cell_options: all other options are passed to the cell.

    Dropout is active in training mode only.

    Raises ConfigError for fewer than one layer, for a dropout rate out of range, and for unknown cells or options.
    """

    def __init__(
        self,
        cell: str | type[Cell],
        input_size: int,
        hidden_size: int,
        *,
        layers: int = 1,
        bidirectional: bool = False,
        residual: bool = False,
        dropout: float = 0.0,
        input_dropout: float = 0.0,
        output_dropout: float = 0.0,
        variational: bool = False,
        recurrent_dropout: float = 0.0,
        weight_drop: float = 0.0,
        kernel: str | None = None,
        recompute: int = 0,
        **cell_options: Any,
    ) -> None:
        super().__init__()
        self.recompute = check_recompute(recompute)
        if layers < 1:
            raise ConfigError(f"expected at least one layer. Received: layers={layers}")
        self.dropout = check_rate("dropout", dropout)
        self.input_dropout = check_rate("input_dropout", input_dropout)
        self.output_dropout = check_rate("output_dropout", output_dropout)
        self.variational = variational
        self.residual = residual
        self.input_size = input_size
        self.layers = nn.ModuleList()
        size = input_size
        for _ in range(layers):
            directions = [
                Unroll(
                    make(cell, size, hidden_size, **cell_options),
                    reverse=reverse,
                    recurrent_dropout=recurrent_dropout,
                    weight_drop=weight_drop,
                    kernel=kernel,
                )
                for reverse in ((False, True) if bidirectional else (False,))
            ]
            self.layers.append(nn.ModuleList(directions))
            size = sum(unroll.cell.output_size for unroll in directions)
        self.output_size = size

    def unrolls(self) -> Sequence[Sequence[Unroll]]:
        """Return the unrolled cells, indexed by layer and then by direction."""
        return cast("Sequence[Sequence[Unroll]]", self.layers)

    def initial_state(self, batch_size: int) -> State:
        """Return the initial state: a tuple over layers of a tuple over directions of the cell's state."""
        return tuple(tuple(unroll.initial_state(batch_size) for unroll in layer) for layer in self.unrolls())

    def forward(
        self, x: Tensor | Lookup, lengths_B: Tensor | None = None, state: State | None = None
    ) -> tuple[Tensor, State]:
        """Return the outputs of the last layer `y_BTY`, zero in the padding, and the last state of every layer.

        Arguments as for `Unroll.forward`; `state` and the last state have the structure of `initial_state`. Raises
        ShapeError for a tensor with the wrong shape or dtype.
        """
        if isinstance(x, Lookup) and self._touches_input():
            x = x.inputs()
        state = self._start(x, state)
        if len(self.unrolls()[0]) == 1 and self._recomputes(x):
            return run_segments(self, self._layers, x, lengths_B, state, steps=self.recompute)
        return self._layers(x, lengths_B, state)

    def _layers(self, x: Tensor | Lookup, lengths_B: Tensor | None, state: State) -> tuple[Tensor, State]:
        last = []
        x_BTI: Any = x
        for depth, (layer, layer_state) in enumerate(zip(self.unrolls(), state, strict=True)):
            source_BTF = self._drop(x_BTI, self.input_dropout)
            results = [
                self._direction(unroll, source_BTF, lengths_B, start)
                for unroll, start in zip(layer, layer_state, strict=True)
            ]
            y_BTY = results[0][0] if len(results) == 1 else torch.cat([y for y, _ in results], dim=-1)
            y_BTY = self._drop(y_BTY, self.output_dropout)
            if depth + 1 < len(self.layers):
                y_BTY = self._drop(y_BTY, self.dropout)
            x_BTI = self._add_input(x_BTI, y_BTY, lengths_B)
            last.append(tuple(final for _, final in results))
        return x_BTI, tuple(last)

    def trace(self, x_BTI: Tensor, lengths_B: Tensor | None = None, state: State | None = None) -> list[list[Trace]]:
        """Run without dropout and return a `Trace` for every layer and direction: all states and gates over time.

        Raises ConfigError and ShapeError as `Unroll.trace` does.
        """
        state = self._start(x_BTI, state)
        traces = []
        for layer, layer_state in zip(self.unrolls(), state, strict=True):
            row = [unroll.trace(x_BTI, lengths_B, start) for unroll, start in zip(layer, layer_state, strict=True)]
            y_BTY = torch.cat([trace.y_BTY for trace in row], dim=-1)
            x_BTI = self._add_input(x_BTI, y_BTY, lengths_B)
            traces.append(row)
        return traces

    def _direction(
        self, unroll: Unroll, x: Tensor | Lookup, lengths_B: Tensor | None, state: State
    ) -> tuple[Tensor, State]:
        if not self._recomputes(x):
            return unroll(x, lengths_B, state)
        return run_segments(unroll, unroll, x, lengths_B, state, steps=self.recompute, reverse=unroll.reverse)

    def _recomputes(self, x: Tensor | Lookup) -> bool:
        return recomputes(self, self.recompute, (x.tokens_BT if isinstance(x, Lookup) else x).shape[1])

    def _touches_input(self) -> bool:
        """Return whether a `Lookup` is converted to inputs first: more than the first layer's product needs them."""
        return self.residual or (self.training and self.input_dropout > 0)

    def _drop(self, x_BTF: Tensor, rate: float) -> Tensor:
        return sequence_dropout(x_BTF, rate, variational=self.variational, training=self.training)

    def _add_input(self, x_BTF: Tensor, y_BTF: Tensor, lengths_B: Tensor | None) -> Tensor:
        if not self.residual or x_BTF.shape[-1] != y_BTF.shape[-1]:
            return y_BTF
        if lengths_B is None:
            return x_BTF + y_BTF
        return clear_padding(x_BTF + y_BTF, lengths_B.to(x_BTF.device))

    def _start(self, x: Tensor | Lookup, state: State | None) -> State:
        if not isinstance(x, Lookup):
            check_tensor("x_BTI", x)
        shape = (*x.tokens_BT.shape, x.features_VI.shape[-1]) if isinstance(x, Lookup) else tuple(x.shape)
        if len(shape) != 3 or shape[-1] != self.input_size:
            raise ShapeError(f"expected x_BTI of shape (batch, time, {self.input_size}). Received: {shape}")
        if state is None:
            return self.initial_state(shape[0])
        expected = [len(layer) for layer in self.unrolls()]
        received: Any = type(state).__name__
        if isinstance(state, tuple | list):
            received = [len(layer) if isinstance(layer, tuple | list) else type(layer).__name__ for layer in state]
        if received != expected:
            raise ShapeError(
                f"expected a state of {len(expected)} layers with {expected[0]} directions each. Received: {received}"
            )
        return state
