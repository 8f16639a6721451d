"""Pooling: each row by its own steps alone, in value and in gradient."""

from __future__ import annotations

import math

import pytest
import torch

from elman.errors import ConfigError
from elman.nn import Pool, Stack
from elman.nn.pool import POOLS

from .pool_checks import LENGTHS, check_pool, check_weights, outputs

WAYS = [*POOLS, "mean-max", "last-mean-max-attention"]


@pytest.mark.parametrize("directions", [1, 2])
@pytest.mark.parametrize("how", WAYS)
def test_a_row_is_what_its_real_steps_give(how: str, directions: int) -> None:
    check_pool(how, directions)


def test_attention_weighs_real_steps_only() -> None:
    check_weights()


@pytest.mark.parametrize("how", WAYS)
def test_no_lengths_mean_that_all_steps_are_real(how: str) -> None:
    pool, y_BTY = Pool(how, 6), torch.randn(3, 4, 6)
    torch.testing.assert_close(pool(y_BTY), pool(y_BTY, torch.tensor([4, 4, 4])))


@pytest.mark.parametrize("how", WAYS)
def test_gradients_are_those_of_finite_differences_and_zero_in_the_padding(how: str) -> None:
    torch.manual_seed(0)
    pool = Pool(how, 6, directions=2).double()
    y_BTY = outputs(padding=0.5).double().requires_grad_()
    assert torch.autograd.gradcheck(lambda y: pool(y, LENGTHS), (y_BTY,), fast_mode=True)
    ragged = outputs(padding=math.nan).double().requires_grad_()
    pool(ragged, LENGTHS).sum().backward()
    padded_BT = torch.arange(5) >= LENGTHS[:, None]
    assert (ragged.grad[padded_BT] == 0).all()
    assert torch.isfinite(ragged.grad).all()


@pytest.mark.parametrize("how", WAYS)
def test_no_steps_at_all_give_zeros(how: str) -> None:
    pool = Pool(how, 6)
    assert torch.equal(pool(torch.zeros(2, 0, 6)), torch.zeros(2, pool.output_size))
    assert pool(torch.zeros(0, 3, 6), torch.zeros(0, dtype=torch.int64)).shape == (0, pool.output_size)


def test_last_of_both_directions_is_where_each_ends() -> None:
    torch.manual_seed(0)
    stack = Stack("gru", 3, 4, bidirectional=True)
    x_BTI, lengths_B = torch.randn(4, 6, 3), torch.tensor([6, 1, 4, 2])
    y_BTY, ((forward, backward),) = stack(x_BTI, lengths_B)
    expected = torch.cat([forward.h, backward.h], dim=-1)
    torch.testing.assert_close(Pool("last", 8, directions=2)(y_BTY, lengths_B), expected)


@pytest.mark.parametrize("how", WAYS)
def test_lower_precision_stays_near(how: str) -> None:
    torch.manual_seed(0)
    pool, y_BTY = Pool(how, 6), outputs()
    with torch.autocast("cpu", torch.bfloat16):
        found = pool(y_BTY, LENGTHS)
    torch.testing.assert_close(found.float(), pool(y_BTY, LENGTHS), atol=0.05, rtol=0.05)


@pytest.mark.parametrize(
    ("how", "hint"), [("", ""), ("mean-mean", ""), ("mean+max", ""), ("maen", "Did you mean 'mean'?"), ("-max", "")]
)
def test_an_unknown_way_is_named(how: str, hint: str) -> None:
    with pytest.raises(ConfigError, match="expected pool to be one of last, mean, max, attention") as caught:
        Pool(how, 6)
    assert f"Received: {how!r}" in str(caught.value)
    assert hint in str(caught.value)
