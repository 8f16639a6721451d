"""Attention and the decoder against their equations written again, one row and one step at a time, for the tests and
for the bugs that are planted."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from elman.nn import Stack
from elman.nn.attention import SCORES, Attention
from elman.nn.decoder import Bridge, Decoder
from elman.state import leaves, map_leaves

from ..contract.textbook import TEXTBOOK

LENGTHS = torch.tensor([4, 1, 3, 0])
H, F, I, R, T = 5, 6, 3, 4, 3  # noqa: E741  the letter of the legend
KINDS = ("none", "luong", "bahdanau", "between")


def memory_values(seed: int = 0, *, padding: float = math.nan) -> Tensor:
    """Four rows of four steps and F numbers, with `padding` past each row's length."""
    torch.manual_seed(seed)
    values_BSF = torch.randn(4, 4, F, dtype=torch.float64)
    for row, length in enumerate(LENGTHS.tolist()):
        values_BSF[row, length:] = padding
    return values_BSF


def make_decoder(
    kind: str, cell: str = "gru", *, feeding: bool = False, vector_size: int = 0, score_function: str = ""
) -> Decoder:
    torch.manual_seed(1)
    decoder = Decoder(
        lambda size, layers: Stack(cell, size, H, layers=layers, kernel="reference"),
        I,
        layers=2,
        attention=kind,
        score_function=score_function,
        memory_size=F if kind != "none" else 0,
        vector_size=vector_size,
        answer_size=R,
        feeding=feeding,
    )
    return decoder.double()


def attended_by_hand(attention: Attention, query_H: Tensor, values_SF: Tensor) -> tuple[Tensor, Tensor]:
    """The mean of one row's real values, and the weights, by the formulas of the papers."""
    if not len(values_SF):
        return torch.zeros(attention.memory_size, dtype=query_H.dtype), query_H[:0]
    scores = []
    for value_F in values_SF:
        if attention.score_function == "dot":
            scores.append(query_H @ value_F)
        elif attention.score_function == "general":
            scores.append(query_H @ (attention.key.weight @ value_F))
        else:
            inner = attention.query.weight @ query_H + attention.key.weight @ value_F + attention.key.bias
            scores.append(attention.direction_A @ torch.tanh(inner))
    powers = torch.exp(torch.stack(scores) - max(scores).detach())
    weights_S = powers / powers.sum()
    return sum(weight * value for weight, value in zip(weights_S, values_SF, strict=True)), weights_S


def check_attention(score_function: str) -> None:
    """Contexts and weights of several queries a row, with NaN in the padding."""
    torch.manual_seed(2)
    attention = Attention(score_function, F if score_function == "dot" else H, F).double()
    values_BSF = memory_values()
    query_BQH = torch.randn(4, 2, attention.query_size, dtype=torch.float64)
    context_BQF, weights_BQS = attention(query_BQH, attention.prepare_memory(values_BSF, LENGTHS))
    for row, length in enumerate(LENGTHS.tolist()):
        for query in range(2):
            context_F, weights_S = attended_by_hand(attention, query_BQH[row, query], values_BSF[row, :length])
            torch.testing.assert_close(context_BQF[row, query], context_F)
            torch.testing.assert_close(weights_BQS[row, query, :length], weights_S)
            assert (weights_BQS[row, query, length:] == 0).all()


class _Layer:
    """One layer of a stack, for one row, by the textbook."""

    def __init__(self, stack: Stack, number: int, cell: str, state: dict[str, Tensor]) -> None:
        self.weights = dict(stack.unrolls()[number][0].cell.named_parameters())
        self.step = TEXTBOOK[cell]
        self.state = state

    def __call__(self, x: Tensor) -> Tensor:
        y, self.state, _ = self.step(self.weights, {}, x, self.state)
        return y


def decoded_by_hand(
    decoder: Decoder, cell: str, x_TI: Tensor, values_SF: Tensor, vector: Tensor, state: dict[str, dict[str, Tensor]]
) -> tuple[Tensor, Tensor]:
    """Answers and weights of one row. `state` is that of each layer by its number, and the first query and answer."""
    second = (decoder.lower, 1) if decoder.upper is None else (decoder.upper, 0)
    layers = [_Layer(decoder.lower, 0, cell, state["0"]), _Layer(*second, cell, state["1"])]
    query, fed = state["more"]["query"], state["more"]["fed"]
    answers, weights = [], []
    for x in x_TI:
        context, w = torch.zeros(0, dtype=x.dtype), torch.zeros(0, dtype=x.dtype)
        first_input = [x, vector]
        if decoder.kind == "bahdanau":
            context, w = attended_by_hand(decoder.attention, query, values_SF)
            first_input.append(context)
        if decoder.feeding:
            first_input.append(fed)
        y = layers[0](torch.cat(first_input))
        if decoder.kind == "between":
            context, w = attended_by_hand(decoder.attention, y, values_SF)
            y = layers[1](torch.cat([y, context]))
        else:
            y = layers[1](y)
        if decoder.kind == "luong":
            context, w = attended_by_hand(decoder.attention, y, values_SF)
        features = [y, context] + [x] * (decoder.kind == "bahdanau") + [vector]
        fed = torch.tanh(decoder.answer.weight @ torch.cat(features) + decoder.answer.bias)
        query = y
        answers.append(fed)
        weights.append(w)
    return torch.stack(answers), torch.stack(weights)


def check_decoder(
    kind: str, cell: str = "gru", *, feeding: bool = False, vector_size: int = 0, score_function: str = ""
) -> None:
    """A decoder from its own initial state, over a ragged memory: all at once, and step by step with two sequences
    for each row of the memory."""
    decoder = make_decoder(kind, cell, feeding=feeding, vector_size=vector_size, score_function=score_function)
    values_BSF = memory_values()
    torch.manual_seed(3)
    x_BTI = torch.randn(4, T, I, dtype=torch.float64)
    vector_BF = torch.randn(4, vector_size, dtype=torch.float64)
    start = Bridge(F, decoder).double()
    state = start(torch.randn(4, F, dtype=torch.float64), decoder)
    if feeding:
        state = state._replace(fed_BY=torch.randn(4, R, dtype=torch.float64))
    memory = decoder.prepare_memory(values_BSF, LENGTHS, vector_BF)
    done = decoder(x_BTI, state, memory)
    for row, length in enumerate(LENGTHS.tolist()):
        answers_TR, weights_TS = decoded_by_hand(
            decoder, cell, x_BTI[row], values_BSF[row, :length], vector_BF[row], _row_state(decoder, state, row)
        )
        torch.testing.assert_close(done.r_BTY[row], answers_TR)
        if kind != "none":
            torch.testing.assert_close(done.weights_BTS[row, :, :length], weights_TS)
            assert (done.weights_BTS[row, :, length:] == 0).all()
    _check_steps(decoder, x_BTI, state, memory, done)


def _row_state(decoder: Decoder, state: object, row: int) -> dict[str, dict[str, Tensor]]:
    layers = [layer for stack in state.stacks for layer in stack]
    named = {
        str(number): {name: leaf[row] for name, leaf in layer[0]._asdict().items()}
        for number, layer in enumerate(layers)
    }
    return named | {"more": {"query": state.query_BY[row], "fed": state.fed_BY[row]}}


def _check_steps(decoder: Decoder, x_BTI: Tensor, state: object, memory: object, done: object) -> None:
    """One step at a time is the same; of two sequences a row, one reads something else and changes nothing for the
    other."""
    doubled = map_leaves(lambda leaf: leaf.repeat_interleave(2, dim=0), state)
    for t in range(T):
        x_BKI = torch.stack([x_BTI[:, t], torch.randn(4, I, dtype=torch.float64)], dim=1)
        step = decoder.step(x_BKI, doubled, memory)
        doubled = step.state
        torch.testing.assert_close(step.r_BTY[:, 0], done.r_BTY[:, t])
        if done.weights_BTS is not None:
            torch.testing.assert_close(step.weights_BTS[:, 0], done.weights_BTS[:, t])
    ours = map_leaves(lambda leaf: leaf[::2], doubled)
    for found, expected in zip(leaves(ours), leaves(done.state), strict=True):
        torch.testing.assert_close(found, expected)


def check_scores() -> None:
    """Every score."""
    for score_function in SCORES:
        check_attention(score_function)
