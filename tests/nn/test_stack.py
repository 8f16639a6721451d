"""Stack: depth, directions, residual connections, and what it says of tensors that do not fit."""

from __future__ import annotations

from typing import Any

import pytest
import safetensors.torch
import torch

from elman.cells import available
from elman.errors import ConfigError, ShapeError
from elman.nn import Stack, Unroll
from elman.state import leaves, map_leaves, named_leaves

from ..contract.cases import randomise

LENGTHS = torch.tensor([3, 6, 0, 1])


def made(*sizes: Any, **options: Any) -> Stack:
    stack = Stack(*sizes, **options).double()
    randomise(stack, 5)
    return stack


def features(size: int = 3) -> torch.Tensor:
    return torch.randn(4, 6, size, generator=torch.Generator().manual_seed(6), dtype=torch.float64)


@pytest.mark.parametrize("cell", list(available()))
def test_both_directions_stand_side_by_side(cell: str) -> None:
    stack = made(cell, 3, 4, layers=2, bidirectional=True)
    assert stack.output_size == 8
    x = features()
    for lengths in (None, LENGTHS):
        y, last = stack(x, lengths)
        below = x
        for layer, states in zip(stack.unrolls(), last, strict=True):
            forwards, state_0 = Unroll(layer[0].cell)(below, lengths)
            backwards, state_1 = Unroll(layer[1].cell, reverse=True)(below, lengths)
            below = torch.cat([forwards, backwards], -1)
            assert all(map(torch.equal, leaves(states), leaves((state_0, state_1))))
        assert torch.equal(y, below)


@pytest.mark.parametrize("cell", list(available()))
def test_a_stack_goes_on_where_it_was_left(cell: str) -> None:
    stack, x = made(cell, 3, 4, layers=3, learn_initial_state=True), features()
    whole, last = stack(x, LENGTHS)
    first, state = stack(x[:, :2], LENGTHS.clamp(max=2))
    second, state = stack(x[:, 2:], (LENGTHS - 2).clamp(min=0), state)
    torch.testing.assert_close(torch.cat([first, second], 1), whole, rtol=0, atol=1e-12)
    torch.testing.assert_close(leaves(state), leaves(last), rtol=0, atol=1e-12)


def test_padding_reaches_nothing_through_all_that_a_stack_has() -> None:
    """NaN past the rows' ends, with every layer both ways, residual, and every kind of dropout at work."""
    results = []
    for garbage in (0.0, float("nan")):
        stack = made(
            "lstm", 4, 2, layers=3, bidirectional=True, residual=True, dropout=0.2, input_dropout=0.2,
            output_dropout=0.2, recurrent_dropout=0.2, weight_drop=0.2, layer_norm=True,
        )  # fmt: skip
        x = features(4)
        x[torch.arange(6) >= LENGTHS[:, None]] = garbage
        x.requires_grad_()
        torch.manual_seed(0)
        y, last = stack(x, LENGTHS)
        (y.square().sum() + sum(leaf.square().sum() for leaf in leaves(last))).backward()
        assert bool((y[torch.arange(6) >= LENGTHS[:, None]] == 0).all())
        results.append([y, *leaves(last), x.grad, *(p.grad for p in stack.parameters())])
    for clean, dirty in zip(*results, strict=True):
        assert bool(dirty.isfinite().all())
        assert torch.equal(clean, dirty)


def test_residual_adds_a_layers_input_where_sizes_agree() -> None:
    plain, stack = made("gru", 3, 4, layers=3), made("gru", 3, 4, layers=3, residual=True)
    x = features()
    first, second, third = (layer[0] for layer in plain.unrolls())
    for lengths in (None, LENGTHS):
        below, _ = first(x, lengths)
        for unroll in (second, third):
            below = below + unroll(below, lengths)[0]
        y, _ = stack(x, lengths)
        torch.testing.assert_close(y, below, rtol=0, atol=1e-13)
        assert not torch.allclose(y, plain(x, lengths)[0])
    same = made("gru", 4, 4, residual=True)
    wide = features(4)
    y, _ = same(wide, LENGTHS)
    real = (torch.arange(6) < LENGTHS[:, None])[..., None]
    torch.testing.assert_close(y, (wide + same.unrolls()[0][0](wide, LENGTHS)[0]) * real, rtol=0, atol=1e-13)


@pytest.mark.parametrize("residual", [False, True])
def test_a_trace_has_every_layer_and_direction(residual: bool) -> None:
    stack, x = made("lstm", 8, 4, layers=2, bidirectional=True, residual=residual, dropout=0.5), features(8)
    stack.eval()
    y, last = stack(x, LENGTHS)
    stack.train()
    traces = stack.trace(x, LENGTHS)
    assert [len(row) for row in traces] == [2, 2]
    states = [[trace.state for trace in row] for row in traces]
    torch.testing.assert_close(leaves(states), leaves(last), rtol=0, atol=1e-12)
    top = torch.cat([trace.y_BTY for trace in traces[1]], -1)
    if not residual:
        torch.testing.assert_close(top, y, rtol=0, atol=1e-12)
    assert set(traces[0][1].gates) == {"i", "f", "g", "o"}
    assert traces[1][0].states.c.shape == (4, 6, 4)


@pytest.mark.parametrize("cell", list(available()))
def test_saved_and_loaded_it_computes_the_same_bits(cell: str) -> None:
    options = {"layers": 2, "bidirectional": True, "learn_initial_state": True}
    stack, twin, x = made(cell, 3, 4, **options), Stack(cell, 3, 4, **options).double(), features()
    twin.load_state_dict(safetensors.torch.load(safetensors.torch.save(stack.state_dict())), strict=True)
    one, other = stack(x, LENGTHS), twin(x, LENGTHS)
    assert all(map(torch.equal, leaves(one), leaves(other)))


def test_weights_from_outside_are_used_with_weight_drop_too() -> None:
    stack, x = made("gru", 3, 4, weight_drop=0.5), features()
    other = {name: torch.randn_like(weight) for name, weight in stack.named_parameters()}
    torch.manual_seed(3)
    got, _ = torch.func.functional_call(stack, other, (x,))
    stack.load_state_dict(other)
    torch.manual_seed(3)
    torch.testing.assert_close(got, stack(x)[0].detach(), rtol=0, atol=1e-12)


def test_the_state_is_named_by_layer_and_direction() -> None:
    stack = made("lstm", 3, 4, layers=2, bidirectional=True, projection=2)
    names = {name: tuple(leaf.shape) for name, leaf in named_leaves(stack.initial_state(5))}
    assert names["1.0.h"] == (5, 2)
    assert names["0.1.c"] == (5, 4)
    assert len(names) == 8


def test_tensors_that_do_not_fit_are_named() -> None:
    stack = made("gru", 3, 4, layers=2, bidirectional=True)
    x, state = features(), stack.initial_state(4)
    with pytest.raises(ShapeError, match=r"expected x_BTI of shape \(batch, time, 3\). Received: \(4, 6, 5\)"):
        stack(features(5))
    with pytest.raises(ShapeError, match=r"expected x_BTI .*Received: \(4, 6\)"):
        stack(x[..., 0])
    with pytest.raises(ShapeError, match=r"expected a state of 2 layers with 2 directions each. Received: \[2\]"):
        stack(x, None, state[:1])
    with pytest.raises(ShapeError, match=r"directions each. Received: \[1, 2\]"):
        stack(x, None, (state[0][:1], state[1]))
    with pytest.raises(
        ShapeError, match=r"expected a state of GRU with \{'h': \(4, 4\)\}. Received: \{'h': \(9, 4\)\}"
    ):
        stack(x, None, map_leaves(lambda leaf: leaf.new_zeros(9, 4), state))
    with pytest.raises(ShapeError, match=r"expected lengths_B between 0 and T = 6. Received: 7 to 7"):
        stack(x, torch.tensor([7, 7, 7, 7]))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"layers": 0}, "expected at least one layer. Received: layers=0"),
        ({"dropout": 1.0}, "expected dropout from 0 up to, but not including, 1. Received: 1.0"),
        ({"input_dropout": -0.1}, "expected input_dropout .*Received: -0.1"),
        ({"output_dropout": 2}, "expected output_dropout .*Received: 2"),
        ({"recurrent_dropout": 1.5}, "expected recurrent_dropout .*Received: 1.5"),
        ({"weight_drop": float("nan")}, "expected weight_drop .*Received: nan"),
        ({"colour": "red"}, r"does not take these options.*Received: \['colour'\]"),
    ],
)
def test_options_that_cannot_be_used(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        Stack("gru", 3, 4, **options)
    with pytest.raises(ConfigError, match="MinGRU has no recurrent product"):
        Stack("mingru", 3, 4, recurrent_dropout=0.5)
