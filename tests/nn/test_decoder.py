"""The decoder: every kind of attention with every cell against the equations; steps, starts, gradients, refusals."""

from __future__ import annotations

import pytest
import torch

from elman.errors import ConfigError, ShapeError
from elman.nn import Stack
from elman.nn.decoder import Bridge, Decoder
from elman.state import leaves

from ..contract.textbook import TEXTBOOK
from .decoder_checks import KINDS, LENGTHS, F, H, I, R, check_decoder, make_decoder, memory_values


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("cell", TEXTBOOK)
def test_answers_are_those_of_the_equations(kind: str, cell: str) -> None:
    check_decoder(kind, cell)


@pytest.mark.parametrize("kind", KINDS)
def test_a_vector_at_every_step(kind: str) -> None:
    check_decoder(kind, "gru", vector_size=2)


@pytest.mark.parametrize("kind", KINDS[1:])
def test_input_feeding(kind: str) -> None:
    check_decoder(kind, "lstm", feeding=True, vector_size=2)


@pytest.mark.parametrize("score_function", ["general", "additive"])
@pytest.mark.parametrize("kind", KINDS[1:])
def test_every_score(kind: str, score_function: str) -> None:
    check_decoder(kind, "gru", score_function=score_function)


@pytest.mark.parametrize("feeding", [False, True])
@pytest.mark.parametrize("kind", KINDS[1:])
def test_gradients_are_those_of_finite_differences(kind: str, feeding: bool) -> None:
    decoder = make_decoder(kind, "gru", feeding=feeding)
    values_BSF = memory_values(padding=0.5).requires_grad_()
    x_BTI = torch.randn(4, 2, I, dtype=torch.float64, requires_grad=True)
    state = decoder.initial_state(4)

    def answers(x: torch.Tensor, values: torch.Tensor) -> torch.Tensor:
        return decoder(x, state, decoder.prepare_memory(values, LENGTHS)).r_BTY

    assert torch.autograd.gradcheck(answers, (x_BTI, values_BSF), fast_mode=True)


def test_which_decoders_make_all_steps_at_once() -> None:
    at_once = {(kind, feeding) for kind in KINDS for feeding in (False, True) if _in_one(kind, feeding)}
    assert at_once == {("none", False), ("luong", False), ("between", False)}


def _in_one(kind: str, feeding: bool) -> bool:
    return not (kind == "none" and feeding) and make_decoder(kind, feeding=feeding).in_one


def test_a_start_state_adds_to_the_cells_own() -> None:
    torch.manual_seed(0)
    decoder = Decoder(
        lambda size, layers: Stack("lstm", size, H, layers=layers, learn_initial_state=True),
        I,
        layers=2,
        attention="bahdanau",
        memory_size=F,
        answer_size=R,
    )
    own = decoder.initial_state(3)
    assert any(leaf.requires_grad for leaf in leaves(own.stacks))
    start = Bridge(7, decoder)
    vector_BF = torch.randn(3, 7)
    state = start(vector_BF, decoder)
    added = torch.tanh(vector_BF @ start.linear.weight.T + start.linear.bias)
    expected = torch.cat([*leaves(own.stacks), own.query_BY], dim=1) + added
    torch.testing.assert_close(torch.cat([*leaves(state.stacks), state.query_BY], dim=1), expected)
    assert state.fed_BY.shape == (3, 0)


def test_dropout_acts_in_training_only() -> None:
    torch.manual_seed(0)
    decoder = Decoder(
        lambda size, layers: Stack("gru", size, H, layers=layers),
        I,
        layers=2,
        attention="between",
        memory_size=F,
        answer_size=R,
        dropout=0.5,
        variational=True,
    )
    memory = decoder.prepare_memory(memory_values(padding=0.0).float(), LENGTHS)
    x_BTI, state = torch.randn(4, 3, I), decoder.initial_state(4)
    assert not torch.equal(decoder(x_BTI, state, memory).r_BTY, decoder(x_BTI, state, memory).r_BTY)
    decoder.eval()
    assert torch.equal(decoder(x_BTI, state, memory).r_BTY, decoder(x_BTI, state, memory).r_BTY)


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"attention": "soft"}, r"attention among none, luong, bahdanau, between\. Received: 'soft'"),
        ({"attention": "between", "layers": 1}, r"at least 2 layers .*Received: 1"),
        ({"attention": "none", "feeding": True}, r"with input feeding\. Received: attention = none"),
        ({"attention": "none", "score_function": "dot"}, r"Received: attention = none, score_function = dot"),
        ({"attention": "luong", "score_function": "dot"}, r"same size .*Received: 5 and 6"),
        ({"attention": "luong", "dropout": 1.0}, r"dropout from 0 .*Received: 1\.0"),
    ],
)
def test_what_is_refused(options: dict[str, object], expected: str) -> None:
    with pytest.raises(ConfigError, match=expected):
        Decoder(
            lambda size, layers: Stack("gru", size, H, layers=layers),
            I,
            **{"layers": 2, "memory_size": F, "answer_size": R, **options},
        )


def test_a_memory_that_does_not_fit() -> None:
    with pytest.raises(ShapeError, match=r"values_BSF and lengths_B for attention\. Received: none"):
        make_decoder("luong").prepare_memory()
    with pytest.raises(ShapeError, match=r"vector_BF of 2 numbers\. Received: \(4, 0\)"):
        make_decoder("luong", vector_size=2).prepare_memory(memory_values(), LENGTHS)
