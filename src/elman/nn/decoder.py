"""Decoder: recurrent layers with optional attention over a memory, for sequence-to-sequence networks.

Its inputs and outputs are vectors, not tokens. In shapes, S are the steps of the memory, F its features, Y the features
of an output, and K the sequences for each row of the memory.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from elman.errors import ConfigError, ShapeError
from elman.former import former_attributes, former_keywords
from elman.nn.attention import Attention, AttentionMemory
from elman.nn.dropout import check_rate, sequence_dropout
from elman.nn.stack import Stack
from elman.state import State, leaves, map_leaves

__all__ = [
    "ATTENTIONS",
    "Bridge",
    "Decoder",
    "DecoderMemory",
    "DecoderOutput",
    "DecoderState",
    "check_copied",
    "copied_state",
]

__getattr__ = former_attributes(__name__, {"StartState": "Bridge"})

ATTENTIONS = ("none", "luong", "bahdanau", "between")

# Builds recurrent layers from an input size and a number of layers.
MakeStack = Callable[[int, int], Stack]


class DecoderMemory(NamedTuple):
    """Encoder outputs that the decoder reads at every time step.

    attended   the attention memory; () without attention
    vector_BF  a vector that is part of the input at every time step; B x 0 for none
    """

    attended: AttentionMemory | tuple[()]
    vector_BF: Tensor


class DecoderState(NamedTuple):
    """State of the decoder between time steps, one row per sequence.

    stacks    the states of the recurrent layers
    query_BY  the last output of the recurrent layers, which is the query of Bahdanau's attention; else B x 0
    fed_BY    the last output of the decoder, for input feeding; else B x 0
    """

    stacks: State
    query_BY: Tensor
    fed_BY: Tensor


class DecoderOutput(NamedTuple):
    """Outputs `r_BTY`, the state after the last time step, and the attention weights `weights_BTS`, or None."""

    r_BTY: Tensor
    state: DecoderState
    weights_BTS: Tensor | None


class Decoder(nn.Module):
    """Recurrent layers with attention, and an output layer with Y features per time step.

        none      r = tanh(W [y; v])
        luong     c = attention(y);  r = tanh(W [y; c; v])                             (Luong et al. 2015)
        bahdanau  c = attention(previous y);  y from [x; c];  r = tanh(W [y; c; x; v]) (Bahdanau et al. 2015)
        between   c = attention(first layer);  upper layers also read c;  r as luong   (Wu et al. 2016)

    Here x is the input, y the output of the last recurrent layer, c the context, r the output and v the memory's
    vector, which is also part of the first layer's input. With `feeding` (input feeding, Luong et al. 2015) the
    previous r is concatenated to x. All time steps run in one call of the recurrent layers, except with bahdanau and
    with `feeding`, where the input of a step depends on the output of the previous one. Without `output_layer`, r = y,
    for none and bahdanau.

    Args:
        make: function that builds unidirectional recurrent layers from an input size and a number of layers.
        input_size: size of x.
        layers: number of recurrent layers.
        attention: the kind of attention, as above.
        score_function: the attention score, as in `Attention`; empty for additive with bahdanau, general otherwise.
        memory_size: F, the size of the memory vectors that attention reads.
        vector_size: size of v; 0 for none.
        answer_size: Y, the size of r.
        feeding: whether to use input feeding.
        dropout: rate on the input of W, and, with `between`, on the output of the first layer.
        variational: whether one dropout mask is used for all time steps.
        output_layer: whether there is the layer W; without it, the last recurrent layer has Y units.

    Raises ConfigError for options that exclude each other.
    """

    @former_keywords({"score": "score_function"})
    def __init__(
        self,
        make: MakeStack,
        input_size: int,
        *,
        layers: int,
        attention: str,
        answer_size: int,
        score_function: str = "",
        memory_size: int = 0,
        vector_size: int = 0,
        feeding: bool = False,
        dropout: float = 0.0,
        variational: bool = False,
        output_layer: bool = True,
    ) -> None:
        super().__init__()
        if attention not in ATTENTIONS:
            raise ConfigError(f"expected attention among {', '.join(ATTENTIONS)}. Received: {attention!r}")
        if attention == "between" and layers < 2:
            raise ConfigError(f"expected at least 2 layers with attention between them. Received: {layers}")
        if feeding and attention == "none":
            raise ConfigError("expected attention with input feeding. Received: attention = none")
        if score_function and attention == "none":
            raise ConfigError(
                f"expected attention other than none with an attention score. Received: attention = none, "
                f"score_function = {score_function}"
            )
        self.kind = attention
        self.feeding = feeding
        self.vector_size = vector_size
        self.input_size = input_size
        self.answer_size = answer_size
        self.dropout = check_rate("dropout", dropout)
        self.variational = variational
        size = input_size + vector_size + answer_size * feeding + memory_size * (attention == "bahdanau")
        self.lower = make(size, 1 if attention == "between" else layers)
        self.upper: Stack | None = None
        top = self.lower.output_size
        if attention == "between":
            self.upper = make(top + memory_size, layers - 1)
            top = self.upper.output_size
        self.attention: Attention | None = None
        if attention != "none":
            score_function = score_function or ("additive" if attention == "bahdanau" else "general")
            self.attention = Attention(score_function, self.lower.output_size, memory_size)
        self.query_size = top if attention == "bahdanau" else 0
        features = top + vector_size + memory_size * (attention != "none") + input_size * (attention == "bahdanau")
        self.answer = nn.Linear(features, answer_size) if output_layer else None
        if not output_layer and (attention not in ("none", "bahdanau") or top != answer_size):
            raise ConfigError(
                f"expected attention none or bahdanau, and outputs of {top} features (tied), without output_layer. "
                f"Received: attention = {attention}, and {answer_size} features"
            )

    @property
    def in_one(self) -> bool:
        """Whether all time steps run in one call of the recurrent layers; see the class."""
        return self.kind != "bahdanau" and not self.feeding

    def initial_state(self, batch_size: int) -> DecoderState:
        """Return the initial state: that of the layers' cells."""
        stacks = tuple(stack.initial_state(batch_size) for stack in self._stacks())
        weight = self._weight
        return DecoderState(
            stacks,
            weight.new_zeros(batch_size, self.query_size),
            weight.new_zeros(batch_size, self.answer_size * self.feeding),
        )

    def prepare_memory(
        self, values_BSF: Tensor | None = None, lengths_B: Tensor | None = None, vector_BF: Tensor | None = None
    ) -> DecoderMemory:
        """Return the memory of B rows from encoder outputs `values_BSF` with `lengths_B` real steps, and a vector.

        Raises ShapeError for a missing tensor, or one with the wrong shape.
        """
        attended: AttentionMemory | tuple[()] = ()
        if self.attention is not None:
            if values_BSF is None or lengths_B is None:
                raise ShapeError("expected values_BSF and lengths_B for attention. Received: none")
            attended = self.attention.prepare_memory(values_BSF, lengths_B)
        if vector_BF is None:
            like = self._weight if values_BSF is None else values_BSF
            rows = 1 if values_BSF is None else values_BSF.shape[0]
            vector_BF = like.new_zeros(rows, 0)
        if vector_BF.shape[-1] != self.vector_size:
            raise ShapeError(f"expected vector_BF of {self.vector_size} numbers. Received: {tuple(vector_BF.shape)}")
        return DecoderMemory(attended, vector_BF)

    def forward(self, x_BTI: Tensor, state: DecoderState, memory: DecoderMemory) -> DecoderOutput:
        """Run all time steps of the inputs `x_BTI`."""
        if self.in_one:
            return self._in_one(x_BTI, state, memory)
        outputs, weights = [], []
        for x_B1I in x_BTI.split(1, dim=1):
            output = self._step(x_B1I, state, memory)
            outputs.append(output.r_BTY)
            weights.append(output.weights_BTS)
            state = output.state
        return DecoderOutput(torch.cat(outputs, dim=1), state, torch.cat([w for w in weights if w is not None], dim=1))

    def step(self, x_BKI: Tensor, state: DecoderState, memory: DecoderMemory) -> DecoderOutput:
        """Run one time step of K sequences for each of the memory's B rows; outputs and weights are B x K x ...

        `state` has B * K rows; the K rows of one row of the memory are adjacent.
        """
        return self._step(x_BKI, state, memory)

    @property
    def _weight(self) -> Tensor:
        """A weight, for device and dtype."""
        return next(self.parameters())

    def _stacks(self) -> list[Stack]:
        return [self.lower] if self.upper is None else [self.lower, self.upper]

    def _in_one(self, x_BTI: Tensor, state: DecoderState, memory: DecoderMemory) -> DecoderOutput:
        T = x_BTI.shape[1]
        vector_BTF = memory.vector_BF[:, None].expand(-1, T, -1)
        y_BTY, first = self.lower(_joined(x_BTI, vector_BTF), None, state.stacks[0])
        stacks: tuple[State, ...] = (first,)
        weights_BTS: Tensor | None = None
        features = [y_BTY]
        if self.attention is not None:
            context_BTF, weights_BTS = self.attention(y_BTY, memory.attended)
            if self.upper is not None:
                y_BTY, second = self.upper(_joined(self._drop(y_BTY), context_BTF), None, state.stacks[1])
                stacks = (first, second)
            features = [y_BTY, context_BTF]
        return DecoderOutput(self._output([*features, vector_BTF]), state._replace(stacks=stacks), weights_BTS)

    def _step(self, x_BKI: Tensor, state: DecoderState, memory: DecoderMemory) -> DecoderOutput:
        B, K = x_BKI.shape[:2]
        vector_BKF = memory.vector_BF[:, None].expand(-1, K, -1) if self.vector_size else x_BKI.new_zeros(B, K, 0)
        inputs = [x_BKI, vector_BKF]
        context_BKF: Tensor | None = None
        weights_BKS: Tensor | None = None
        if self.kind == "bahdanau" and self.attention is not None:
            context_BKF, weights_BKS = self.attention(state.query_BY.view(B, K, -1), memory.attended)
            inputs.append(context_BKF)
        if self.feeding:
            inputs.append(state.fed_BY.view(B, K, -1))
        y_BKY, first = _one_step(self.lower, _joined(*inputs), state.stacks[0])
        stacks: tuple[State, ...] = (first,)
        if self.kind != "bahdanau" and self.attention is not None:
            context_BKF, weights_BKS = self.attention(y_BKY, memory.attended)
            if self.upper is not None:
                upper_BKI = _joined(self._drop(y_BKY), context_BKF)
                y_BKY, second = _one_step(self.upper, upper_BKI, state.stacks[1])
                stacks = (first, second)
        features = [y_BKY] if context_BKF is None else [y_BKY, context_BKF]
        if self.kind == "bahdanau":
            features.append(x_BKI)
        r_BKY = self._output([*features, vector_BKF])
        query_BY = y_BKY.flatten(0, 1) if self.query_size else state.query_BY
        fed_BY = r_BKY.flatten(0, 1) if self.feeding else state.fed_BY
        return DecoderOutput(r_BKY, DecoderState(stacks, query_BY, fed_BY), weights_BKS)

    def _output(self, features: list[Tensor]) -> Tensor:
        if self.answer is None:
            return self._drop(features[0])
        return torch.tanh(self.answer(self._drop(_joined(*features))))

    def _drop(self, x_BTF: Tensor) -> Tensor:
        return sequence_dropout(x_BTF, self.dropout, variational=self.variational, training=self.training)


class Bridge(nn.Module):
    """Initial state of a decoder from one vector v per row: the cell's initial state plus tanh(W v + b), for each leaf.

    Args:
        vector_size: size of v.
        decoder: the decoder.
    """

    def __init__(self, vector_size: int, decoder: Decoder) -> None:
        super().__init__()
        example = decoder.initial_state(1)
        self.sizes = [leaf.shape[1] for leaf in (*leaves(example.stacks), example.query_BY)]
        self.linear = nn.Linear(vector_size, sum(self.sizes))

    def forward(self, vector_BF: Tensor, decoder: Decoder) -> DecoderState:
        """Return the initial state of B rows."""
        start = decoder.initial_state(vector_BF.shape[0])
        *parts, query_BY = torch.tanh(self.linear(vector_BF)).split(self.sizes, dim=1)
        added = iter(parts)
        stacks = map_leaves(lambda leaf: (leaf + next(added)).to(leaf.dtype), start.stacks)
        return DecoderState(stacks, (start.query_BY + query_BY).to(start.query_BY.dtype), start.fed_BY)


def check_copied(given: State, decoder: Decoder) -> None:
    """Raise ConfigError unless the encoder state `given`, of one row, has the shapes of the decoder's state."""
    sizes = [[tuple(leaf.shape) for leaf in leaves(state)] for state in (given, decoder.initial_state(1).stacks)]
    if sizes[0] != sizes[1]:
        raise ConfigError(
            "expected an encoder with the decoder's cell, layers and units, in one direction, with bridge=copy. "
            f"Received: states of {[size for _, size in sizes[0]]} and {[size for _, size in sizes[1]]} numbers"
        )


def copied_state(given: State, decoder: Decoder, rows: int) -> DecoderState:
    """Return an initial state of a decoder whose recurrent layers have the encoder state `given`."""
    start, parts = decoder.initial_state(rows), iter(leaves(given))
    return start._replace(stacks=map_leaves(lambda _: next(parts), start.stacks))


def _joined(*parts: Tensor) -> Tensor:
    """Concatenate along the last axis, in the dtype of the first part; empty parts are skipped."""
    present = [part for part in parts if part.shape[-1]]
    if len(present) == 1:
        return present[0]
    dtype = present[0].dtype
    return torch.cat([part.to(dtype) for part in present], dim=-1)


def _one_step(stack: Stack, x_BKI: Tensor, state: Any) -> tuple[Tensor, State]:
    """Run one time step of B * K rows; input and output are B x K."""
    B, K, _ = x_BKI.shape
    y_N1Y, last = stack(x_BKI.flatten(0, 1)[:, None], None, state)
    return y_N1Y.view(B, K, -1), last
