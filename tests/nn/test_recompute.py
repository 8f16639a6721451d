"""Recomputation by segments: values, gradients and random numbers are those without; activations are not kept."""

from __future__ import annotations

from typing import Any, NamedTuple

import pytest
import torch
from torch import Tensor, nn
from torch.func import functional_call

from elman.errors import ConfigError
from elman.kernels import Lookup
from elman.nn import DilatedStack, Stack
from elman.nn.recompute import Recomputed
from elman.state import leaves

B, T, FEATURES, H = 4, 23, 3, 5
LENGTHS = torch.tensor([11, 0, 5, 23])
# Kinds of dropout whose masks do not depend on the number of time steps.
ONE_MASK = {"variational": True, "dropout": 0.3, "input_dropout": 0.2, "output_dropout": 0.1}
RECURRENT = {"variational": True, "dropout": 0.2, "recurrent_dropout": 0.3, "weight_drop": 0.2}


class Run(NamedTuple):
    values: list[Tensor]
    grads: list[Tensor]
    random: Tensor


def stack(cell: str = "lstm", **options: Any) -> Stack:
    torch.manual_seed(1)
    return Stack(cell, FEATURES, H, layers=2, learn_initial_state=True, dtype=torch.float64, **options)


def inputs() -> Tensor:
    return torch.randn(B, T, FEATURES, dtype=torch.float64, generator=torch.Generator().manual_seed(2))


def loss(y_BTY: Tensor, state: Any) -> Tensor:
    weights = torch.linspace(-1, 1, y_BTY.numel(), dtype=y_BTY.dtype).reshape(y_BTY.shape)
    return (y_BTY * weights).sum() + sum((leaf.square().sum() for leaf in leaves(state)), torch.zeros(()))


def run(layers: Stack | DilatedStack, recompute: int, lengths_B: Tensor | None) -> Run:
    layers.recompute = recompute
    torch.manual_seed(3)
    x_BTI = inputs().requires_grad_()
    y_BTY, state = layers(x_BTI, lengths_B)
    grads = torch.autograd.grad(loss(y_BTY, state), [x_BTI, *layers.parameters()])
    return Run([y_BTY.detach(), *(leaf.detach() for leaf in leaves(state))], list(grads), torch.get_rng_state())


def assert_same(got: Run, expected: Run) -> None:
    for one, other in zip(got.values + got.grads, expected.values + expected.grads, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-11, atol=1e-11)


@pytest.mark.parametrize("lengths_B", [None, LENGTHS], ids=["full", "ragged"])
@pytest.mark.parametrize("options", [{}, ONE_MASK, RECURRENT], ids=["plain", "one-mask", "recurrent"])
@pytest.mark.parametrize("bidirectional", [False, True])
def test_results_gradients_and_masks_are_those_without(
    bidirectional: bool, options: dict[str, Any], lengths_B: Tensor | None
) -> None:
    layers = stack(bidirectional=bidirectional, residual=True, **options)
    plain = run(layers, 0, lengths_B)
    for steps in (1, 4, 22):
        found = run(layers, steps, lengths_B)
        assert_same(found, plain)
        assert torch.equal(found.random, plain.random), "other random numbers were drawn"


@pytest.mark.parametrize("lengths_B", [None, LENGTHS], ids=["full", "ragged"])
def test_dilated_layers(lengths_B: Tensor | None) -> None:
    torch.manual_seed(1)
    layers = DilatedStack("gru", FEATURES, H, dilations=(1, 2, 4), dtype=torch.float64, **RECURRENT)
    plain = run(layers, 0, lengths_B)
    for steps in (3, 8, 16):
        assert_same(run(layers, steps, lengths_B), plain)


def test_the_gradient_of_dropout_at_every_step_is_that_of_finite_differences() -> None:
    # The masks of the second run must be those of the first: the gradient would be that of another function.
    layers = stack("gru", dropout=0.4, input_dropout=0.2, output_dropout=0.2, recurrent_dropout=0.3, recompute=4)
    weight = layers.unrolls()[1][0].cell.weight_hh

    def value() -> Tensor:
        torch.manual_seed(3)
        return loss(*layers(inputs(), LENGTHS))

    (grad,) = torch.autograd.grad(value(), weight)
    before, step = weight.detach().clone(), 1e-6
    for place in ((0, 0), (3, 4), (14, 2)):
        ends = []
        for sign in (1, -1):
            with torch.no_grad():
                weight.copy_(before)
                weight[place] += sign * step
            ends.append(float(value().detach()))
        assert (ends[0] - ends[1]) / (2 * step) == pytest.approx(float(grad[place]), rel=1e-6, abs=1e-8)


def test_no_gradient_and_evaluation_run_as_a_whole() -> None:
    layers = stack(dropout=0.5, recompute=4)
    assert "Segment" in str(layers(inputs())[1][0][0].h.grad_fn)
    assert layers(inputs())[0].requires_grad
    with torch.no_grad():
        assert not layers(inputs())[0].requires_grad
    layers.eval()
    assert "Segment" not in str(layers(inputs())[1][0][0].h.grad_fn)


def test_rows_of_a_table_have_gradients_too() -> None:
    layers, tokens_BT = stack("gru"), torch.arange(B * T).reshape(B, T) % 6
    table = torch.randn(6, FEATURES, dtype=torch.float64, generator=torch.Generator().manual_seed(4)).requires_grad_()
    grads = []
    for steps in (0, 5):
        layers.recompute = steps
        grads.append(torch.autograd.grad(loss(*layers(Lookup(tokens_BT, table))), [table, *layers.parameters()]))
    for one, other in zip(*grads, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-11, atol=1e-11)


def kept_elements(layers: Stack) -> int:
    """The elements of all tensors that the forward pass keeps, each storage once."""
    kept: dict[int, int] = {}

    def pack(tensor: Tensor) -> Tensor:
        kept[tensor.untyped_storage().data_ptr()] = tensor.untyped_storage().nbytes() // tensor.element_size()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        layers(torch.randn(2, 400, FEATURES, dtype=torch.float64))
    return sum(kept.values())


@pytest.mark.parametrize("kernel", [None, "reference"])
def test_activations_are_not_kept(kernel: str | None) -> None:
    layers = stack("gru", kernel=kernel)
    whole = kept_elements(layers)
    layers.recompute = 20
    assert kept_elements(layers) < 0.2 * whole


def test_products_in_bfloat16() -> None:
    torch.manual_seed(1)
    layers, x_BTI = Stack("gru", FEATURES, H, layers=2), inputs().float()
    head, grads = nn.Linear(H, 2), []
    for steps in (0, 4):
        layers.recompute = steps
        with torch.autocast("cpu", torch.bfloat16):
            # The same weights are used where they are recorded: a cast that autocast cached would have no gradient.
            y_BTY = layers(x_BTI)[0] + layers(x_BTI[:, :4])[0].mean()
            total = head(y_BTY).float().square().sum()
        grads.append(torch.autograd.grad(total, [*layers.parameters(), *head.parameters()]))
    for one, other in zip(*grads, strict=True):
        torch.testing.assert_close(one, other, rtol=0.05, atol=0.05 * float(other.abs().max()))


def test_changed_and_other_parameters_are_refused() -> None:
    layers = stack(recompute=4)
    y_BTY, _ = layers(inputs())
    with torch.no_grad():
        layers.unrolls()[0][0].cell.weight_hh.mul_(2.0)
    with pytest.raises(ConfigError, match=r"unchanged in the backward pass.* Received: changed parameters of Stack"):
        y_BTY.sum().backward()
    others = {name: weight.detach().clone().requires_grad_() for name, weight in layers.named_parameters()}
    y_BTY, _ = functional_call(layers, others, (inputs(),))
    with pytest.raises(ConfigError, match="Received: other parameters of Stack"):
        y_BTY.sum().backward()


def test_gradients_of_gradients_are_refused() -> None:
    x_BTI = inputs().requires_grad_()
    y_BTY, _ = stack(recompute=4)(x_BTI)
    with pytest.raises(ConfigError, match=r"expected first derivatives only .*create_graph=True for Stack"):
        torch.autograd.grad(y_BTY.sum(), x_BTI, create_graph=True)


@pytest.mark.parametrize("steps", [-1, True, 2.0])
def test_segments_are_a_whole_number_of_steps(steps: Any) -> None:
    with pytest.raises(ConfigError, match="expected recompute to be a number of time steps, or 0"):
        stack(recompute=steps)


def test_results_that_are_inputs_or_have_no_gradient() -> None:
    module = nn.Linear(2, 2)
    x = torch.ones(3, 2, requires_grad=True)
    same, whole, y = Recomputed(module)(lambda x: (x, torch.arange(3), module(x)), x)
    assert whole.tolist() == [0, 1, 2]
    grads = torch.autograd.grad(same.sum() + y.sum(), [x, module.bias])
    assert torch.allclose(grads[0], 1.0 + module.weight.sum(0).expand(3, -1))
    assert grads[1].tolist() == [3.0, 3.0]
