"""Attention: the formulas of the papers, the padding, gradients, and what is refused."""

from __future__ import annotations

import math

import pytest
import torch

from elman.errors import ConfigError, ShapeError
from elman.nn.attention import SCORES, Attention

from .decoder_checks import LENGTHS, F, check_attention, memory_values


@pytest.mark.parametrize("score_function", SCORES)
def test_weights_and_contexts_are_those_of_the_formulas(score_function: str) -> None:
    check_attention(score_function)


@pytest.mark.parametrize("score_function", SCORES)
def test_gradients_are_those_of_finite_differences_and_zero_in_the_padding(score_function: str) -> None:
    torch.manual_seed(0)
    attention = Attention(score_function, F, F).double()
    query_BQH = torch.randn(4, 2, F, dtype=torch.float64, requires_grad=True)
    values_BSF = memory_values(padding=0.5).requires_grad_()

    def context(query: torch.Tensor, values: torch.Tensor) -> torch.Tensor:
        return attention(query, attention.prepare_memory(values, LENGTHS))[0]

    assert torch.autograd.gradcheck(context, (query_BQH, values_BSF), fast_mode=True)
    ragged = memory_values(padding=math.nan).requires_grad_()
    context(query_BQH, ragged).sum().backward()
    padded_BS = torch.arange(4) >= LENGTHS[:, None]
    assert (ragged.grad[padded_BS] == 0).all()
    assert torch.isfinite(ragged.grad).all()
    assert all(torch.isfinite(p.grad).all() for p in attention.parameters())


def test_queries_do_not_see_each_other() -> None:
    attention = Attention("additive", 3, F).double()
    attended = attention.prepare_memory(memory_values(), LENGTHS)
    query_BQH = torch.randn(4, 5, 3, dtype=torch.float64)
    together, _ = attention(query_BQH, attended)
    for place in range(5):
        alone, _ = attention(query_BQH[:, place : place + 1], attended)
        torch.testing.assert_close(alone[:, 0], together[:, place])


@pytest.mark.parametrize("score_function", SCORES)
def test_float64_stays_under_autocast(score_function: str) -> None:
    attention = Attention(score_function, F, F).double()
    query_BQH = torch.randn(4, 2, F, dtype=torch.float64)
    expected, _ = attention(query_BQH, attention.prepare_memory(memory_values(), LENGTHS))
    with torch.autocast("cpu", torch.bfloat16):
        found, _ = attention(query_BQH, attention.prepare_memory(memory_values(), LENGTHS))
    torch.testing.assert_close(found, expected)


def test_huge_scores_are_no_nan() -> None:
    attention = Attention("dot", F, F)
    context, weights = attention(
        torch.full((4, 1, F), 1e18), attention.prepare_memory(memory_values().float(), LENGTHS)
    )
    assert torch.isfinite(weights).all()
    assert torch.isfinite(context).all()


def test_weights_stay_in_32_bits_under_16_bit_products() -> None:
    attention = Attention("general", 3, F)
    with torch.autocast("cpu", torch.bfloat16):
        _, weights = attention(torch.randn(4, 2, 3), attention.prepare_memory(memory_values().float(), LENGTHS))
    assert weights.dtype == torch.float32


def test_the_size_of_the_additive_layer() -> None:
    assert Attention("additive", 3, F, size=7).direction_A.shape == (7,)
    assert Attention("additive", 3, F).direction_A.shape == (3,)


def test_what_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"dot, general, additive\. Received: 'cosine'"):
        Attention("cosine", 3, 3)
    with pytest.raises(ConfigError, match=r"same size .* Received: 3 and 4"):
        Attention("dot", 3, 4)
    with pytest.raises(ShapeError, match=r"values_BSF .*Received: \(2, 3, 4\)"):
        Attention("general", 3, 5).prepare_memory(torch.zeros(2, 3, 4), torch.tensor([1, 2]))
