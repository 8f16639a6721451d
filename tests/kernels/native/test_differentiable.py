"""Second derivatives, batches of gradients and forward mode: what C++ does not compute is computed in torch."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor
from torch.autograd import forward_ad
from torch.func import functional_call

from elman import kernels
from elman.cells import Cell
from elman.kernels import Lookup
from elman.kernels.native import ops
from elman.nn import Unroll

from .invented_cells import Stopped, ThreeLeaves
from .layers import cell_of, mask_of, needs_library, random, start_of

pytestmark = [needs_library, pytest.mark.usefixtures("one_thread")]

LENGTHS = torch.tensor([3, 6, 0, 1, 5])
NAMES = ["elman", "gru", "lstm", "mingru"]


@pytest.fixture(params=[False, True], ids=["eager", "operator"])
def _path(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ops, "is_recorded", lambda: request.param)


def cells() -> list[Cell]:
    torch.manual_seed(4)
    return [cell_of(name, 3, 5) for name in NAMES] + [kind(3, 5).double() for kind in (Stopped, ThreeLeaves)]


def outputs(cell: Cell, x: Tensor | Lookup, kernel: str, *, reverse: bool, ragged: bool) -> tuple[Tensor, ...]:
    mask_BH = mask_of(cell, 5) if cell.recurrent_weights else None
    lengths_B = LENGTHS if ragged else None
    y, last = kernels.run(
        cell, x, lengths_B, start_of(cell, 5), recurrent_mask_BH=mask_BH, reverse=reverse, kernel=kernel
    )
    return y, *last


def second(cell: Cell, kernel: str, *, reverse: bool, ragged: bool, tokens: bool) -> list[Tensor]:
    """First and second derivatives of a loss in the inputs and all weights."""
    given = random(4, 3) if tokens else random(5, 6, 3)
    given.requires_grad_()
    x = Lookup(torch.arange(30).reshape(5, 6) % 4, given) if tokens else given
    made = outputs(cell, x, kernel, reverse=reverse, ragged=ragged)
    asked = [given, *cell.parameters()]
    first = torch.autograd.grad(sum(part.square().sum() for part in made), asked, create_graph=True)
    penalty = sum((grad * random(*grad.shape, seed=9)).sum() for grad in first)
    return [*first, *torch.autograd.grad(penalty, asked, materialize_grads=True, allow_unused=True)]


@pytest.mark.usefixtures("_path")
@pytest.mark.parametrize("tokens", [False, True], ids=["features", "tokens"])
@pytest.mark.parametrize("reverse", [False, True], ids=["forward", "reverse"])
def test_second_derivatives_are_those_of_the_loop(reverse: bool, tokens: bool) -> None:
    for cell in cells():
        for ragged in (False, True):
            options: dict[str, Any] = {"reverse": reverse, "ragged": ragged, "tokens": tokens}
            native, loop = second(cell, "native", **options), second(cell, "reference", **options)
            for got, expected in zip(native, loop, strict=True):
                torch.testing.assert_close(got, expected, rtol=1e-9, atol=1e-9, msg=lambda m: f"{cell}: {m}")  # noqa: B023


def test_second_derivatives_are_those_of_finite_differences() -> None:
    cell = cell_of("lstm", 2, 3)
    names = [f"cell.{name}" for name, _ in cell.named_parameters()]
    weights = [weight.detach().requires_grad_() for weight in cell.parameters()]
    layer = Unroll(cell, kernel="native")

    def run(x_BTI: Tensor, *weights: Tensor) -> Tensor:
        given = dict(zip(names, weights, strict=True))
        y_BTH: Tensor = functional_call(layer, given, (x_BTI, torch.tensor([4, 0, 2])))[0]
        return y_BTH

    assert torch.autograd.gradgradcheck(run, (random(3, 4, 2).requires_grad_(), *weights))


def test_a_tied_weight_has_each_gradient_once() -> None:
    """One tensor as input and recurrent weight: its second derivative is the sum over both places."""
    found = []
    for kernel in ("native", "reference"):
        cell = cell_of("gru", 5, 5)
        cell.weight_hh = cell.weight_ih
        x_BTI = random(5, 6, 5).requires_grad_()
        y, _ = kernels.run(cell, x_BTI, LENGTHS, start_of(cell, 5), kernel=kernel)
        (first,) = torch.autograd.grad(y.square().sum(), cell.weight_ih, create_graph=True)
        found.append((first, *torch.autograd.grad(first.square().sum(), [cell.weight_ih, x_BTI])))
    for got, expected in zip(*found, strict=True):
        torch.testing.assert_close(got, expected, rtol=1e-9, atol=1e-9)


@pytest.mark.usefixtures("_path")
def test_batches_of_gradients_are_those_of_the_loop() -> None:
    for cell in cells():
        found = []
        for kernel in ("native", "reference"):
            x_BTI = random(5, 6, 3).requires_grad_()
            y, *_ = outputs(cell, x_BTI, kernel, reverse=False, ragged=True)
            asked = [x_BTI, *cell.parameters()]
            grads = random(4, *y.shape, seed=7)
            found.append(torch.autograd.grad(y, asked, grads, is_grads_batched=True, retain_graph=True))
            one_by_one = [torch.autograd.grad(y, asked, grad, retain_graph=True) for grad in grads]
            for got, expected in zip(found[-1], map(torch.stack, zip(*one_by_one, strict=True)), strict=True):
                torch.testing.assert_close(got, expected, rtol=1e-9, atol=1e-9)
        for got, expected in zip(*found, strict=True):
            torch.testing.assert_close(got, expected, rtol=1e-9, atol=1e-9)


def test_second_derivatives_with_halves() -> None:
    """Products in bfloat16 are differentiated as such, with float32 sums."""
    cell = cell_of("gru", 8, 16, torch.float32)
    x_BTI = random(5, 6, 8, dtype=torch.float32).requires_grad_()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        y, _ = kernels.run(cell, x_BTI, None, start_of(cell, 5), kernel="native")
    (first,) = torch.autograd.grad(y.square().sum(), x_BTI, retain_graph=True)
    (again,) = torch.autograd.grad(y.square().sum(), x_BTI, create_graph=True)
    assert again.requires_grad
    torch.testing.assert_close(again, first, rtol=0.03, atol=0.03)


# torch itself compiles a rule with torch.jit.
@pytest.mark.filterwarnings("ignore:.torch.jit.script. is deprecated:DeprecationWarning")
def test_forward_mode_runs_on_another_kernel() -> None:
    cell = cell_of("gru", 3, 5)
    x_BTI, direction_BTI = random(5, 6, 3), random(5, 6, 3, seed=4)
    with forward_ad.dual_level():
        assert "forward mode" in str(kernels.why_not(cell)["native"])
        y, _ = kernels.run(cell, forward_ad.make_dual(x_BTI, direction_BTI), LENGTHS, start_of(cell, 5))
        slope = forward_ad.unpack_dual(y).tangent
    step = 1e-6
    y_after, y_before = (
        kernels.run(cell, x_BTI + side * step * direction_BTI, LENGTHS, start_of(cell, 5))[0] for side in (1, -1)
    )
    torch.testing.assert_close(slope, (y_after - y_before) / (2 * step), rtol=1e-6, atol=1e-6)
    assert kernels.why_not(cell)["native"] is None
