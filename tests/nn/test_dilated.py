"""DilatedStack: against a loop by hand, against Stack, carried over cuts, and what it says of what does not fit."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from elman.cells import available
from elman.errors import ConfigError, ShapeError
from elman.nn import DilatedStack, Stack
from elman.state import leaves, map_leaves

from ..contract.cases import randomise

LENGTHS = torch.tensor([3, 7, 0, 1])


def made(**options: Any) -> DilatedStack:
    stack = DilatedStack(options.pop("cell", "gru"), 3, 4, **{"dilations": (1, 2, 3)} | options).double()
    randomise(stack, 5)
    return stack


def features(steps: int = 7) -> torch.Tensor:
    return torch.randn(4, steps, 3, generator=torch.Generator().manual_seed(6), dtype=torch.float64)


@pytest.mark.parametrize("cell", list(available()))
def test_each_step_goes_on_from_the_state_so_many_steps_ago(cell: str) -> None:
    stack, x = made(cell=cell, learn_initial_state=True), features()
    y, last = stack(x, LENGTHS)
    for row, length in enumerate(LENGTHS.tolist()):
        inputs = x[row, :length] if length else x.new_zeros(0, 3)
        for unroll, dilation in zip(stack.unrolls(), stack.dilations, strict=True):
            states = [unroll.initial_state(1)] * dilation
            outputs = []
            for step in inputs:
                out, state = unroll(step[None, None], None, states[-dilation])
                outputs.append(out[0, 0])
                states.append(state)
            inputs = torch.stack(outputs) if outputs else inputs.new_zeros(0, 4)
            expected = [torch.cat(slots) for slots in zip(*(leaves(s) for s in states[-dilation:]), strict=True)]
            for leaf, wanted in zip(leaves(last[stack.dilations.index(dilation)]), expected, strict=True):
                torch.testing.assert_close(leaf[row], wanted, rtol=0, atol=1e-12)
        torch.testing.assert_close(y[row, :length], inputs, rtol=0, atol=1e-12)
        assert not y[row, length:].any()


def test_dilations_of_one_are_a_stack() -> None:
    torch.manual_seed(1)
    dilated = DilatedStack("lstm", 3, 4, dilations=(1, 1), residual=True).double()
    plain = Stack("lstm", 3, 4, layers=2, residual=True).double()
    for own, other in zip(plain.parameters(), dilated.parameters(), strict=True):
        own.data.copy_(other.data)
    y, last = dilated(features(), LENGTHS)
    expected, states = plain(features(), LENGTHS)
    assert torch.equal(y, expected)
    assert all(torch.equal(a[:, 0], b) for a, b in zip(leaves(last), leaves(states), strict=True))


@pytest.mark.parametrize("cut", [1, 2, 3, 5])
def test_a_cut_changes_nothing(cut: int) -> None:
    stack, x = made(), features()
    whole, last = stack(x, LENGTHS)
    first, state = stack(x[:, :cut], LENGTHS.clamp(max=cut))
    second, state = stack(x[:, cut:], (LENGTHS - cut).clamp(min=0), state)
    torch.testing.assert_close(torch.cat([first, second], 1), whole, rtol=0, atol=1e-12)
    torch.testing.assert_close(leaves(state), leaves(last), rtol=0, atol=1e-12)


def test_steps_one_by_one_are_the_whole_with_its_gradients() -> None:
    stack, x = made(residual=True), features().requires_grad_()
    whole, _ = stack(x)
    (there,) = torch.autograd.grad(whole.square().sum(), x)
    state, outputs = stack.initial_state(4), []
    for step in range(7):
        y, state = stack(x[:, step : step + 1], None, state)
        outputs.append(y)
    joined = torch.cat(outputs, 1)
    (here,) = torch.autograd.grad(joined.square().sum(), x)
    torch.testing.assert_close(joined, whole, rtol=0, atol=1e-12)
    torch.testing.assert_close(here, there, rtol=0, atol=1e-12)


def test_padding_reaches_nothing() -> None:
    results = []
    for garbage in (0.0, float("nan")):
        x = features()
        for row, length in enumerate(LENGTHS.tolist()):
            x[row, length:] = garbage
        stack = made(residual=True, dropout=0.3, recurrent_dropout=0.2, variational=True)
        torch.manual_seed(3)
        y, last = stack(x, LENGTHS)
        y.sum().backward()
        results.append([y, *leaves(last), *(weight.grad for weight in stack.parameters())])
    assert all(map(torch.equal, *results))


def test_no_steps_at_all_leave_the_state_as_it_was() -> None:
    stack = made()
    _, before = stack(features())
    y, after = stack(features(0), torch.zeros(4, dtype=torch.int64), before)
    assert y.shape == (4, 0, 4)
    assert all(map(torch.equal, leaves(before), leaves(after)))


def test_states_of_other_batches_do_not_mix() -> None:
    stack, x = made(), features()
    _, last = stack(x, LENGTHS)
    order = torch.tensor([2, 0, 3, 1])
    _, permuted = stack(x[order], LENGTHS[order])
    assert all(
        torch.equal(a, b) for a, b in zip(leaves(map_leaves(lambda t: t[order], last)), leaves(permuted), strict=True)
    )


@pytest.mark.parametrize(
    ("options", "words"), [({"dilations": ()}, r"\(\)"), ({"dilations": (1, 0)}, r"dilation of at least 1.*\(1, 0\)")]
)
def test_what_cannot_be_made(options: dict[str, Any], words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        made(**options)


def test_what_does_not_fit() -> None:
    with pytest.raises(ShapeError, match=r"expected x_BTI of shape \(batch, time, 3\). Received: \(4, 7, 2\)"):
        made()(features()[..., :2])
    with pytest.raises(ShapeError, match=r"expected a state of 3 layers\. Received: 1"):
        made()(features(), None, (None,))
