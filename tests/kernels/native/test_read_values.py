"""A program serves a cell only while what its equations read is the same; what a trace cannot express is refused."""

from __future__ import annotations

import copy
import math
import types
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from elman.cells import LSTM
from elman.cells.cell import HiddenState
from elman.kernels import Step
from elman.kernels.native.program import Program
from elman.kernels.native.trace import program_of
from elman.nn import Unroll

from .invented_cells import Invented

ALPHA = 0.25
SETTINGS: dict[str, Any] = {"alpha": [0.25]}
ARRAY = np.array([0.25])
OUTSIDE = types.ModuleType("outside")
OUTSIDE.alpha = 0.25  # type: ignore[attr-defined]


def helped(x: Tensor) -> Tensor:
    return x * ALPHA


class Held:
    """An object with a number."""

    def __init__(self) -> None:
        self.alpha = 0.25


HELD = Held()


class Spike(torch.autograd.Function):
    """A step whose backward is not that of a step."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.save_for_backward(x)
        return (x > 0).to(x.dtype)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        (x,) = ctx.saved_tensors
        return gradient / (1 + x.abs()) ** 2


class Reversal(torch.autograd.Function):
    """The input itself, and the negative gradient."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        return x.view_as(x)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        return -gradient


def odd(update: Callable[..., Tensor], **members: Any) -> Invented:
    """A cell of a class of its own with this `update(self, p, u, h)` and these class attributes."""

    def whole(self: Any, p_BG: Tensor, u_BG: Tensor, state: HiddenState) -> Step:
        return self.done(update(self, p_BG, u_BG, state.h))

    torch.manual_seed(2)
    return type("Odd", (Invented,), {"update": whole, **members})(3, 5).double()


def off_by(cell: Invented) -> float:
    """The largest difference of outputs and gradients between the kernel that is chosen and the reference loop."""
    x_BTI = torch.randn(4, 6, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    results = []
    for kernel in (None, "reference"):
        cell.zero_grad()
        y_BTH, _ = Unroll(cell, kernel=kernel)(x_BTI)
        y_BTH.square().sum().backward()
        gradients = [weight.grad for weight in cell.parameters()]
        results.append([y_BTH.detach(), *(torch.zeros(1) if each is None else each.clone() for each in gradients)])
    return max(float((one - other).abs().max()) for one, other in zip(*results, strict=True))


def set_class_number(cell: Any) -> None:
    type(cell).alpha = 0.75


def set_base_number(cell: Any) -> None:
    type(cell).__mro__[1].alpha = 0.75


READS: dict[str, tuple[Callable[..., Tensor], Callable[[Any], None]]] = {
    "a global": (lambda self, p, u, h: torch.tanh(p + u) * ALPHA, lambda cell: globals().update(ALPHA=0.75)),
    "a global of a helper": (
        lambda self, p, u, h: helped(torch.tanh(p + u)),
        lambda cell: globals().update(ALPHA=0.75),
    ),
    "a helper": (
        lambda self, p, u, h: helped(torch.tanh(p + u)),
        lambda cell: globals().update(helped=lambda x: x * 0.75),
    ),
    "a list in a dictionary": (
        lambda self, p, u, h: torch.tanh(p + u) * SETTINGS["alpha"][0],
        lambda cell: SETTINGS["alpha"].__setitem__(0, 0.75),
    ),
    "a module": (lambda self, p, u, h: torch.tanh(p + u) * OUTSIDE.alpha, lambda cell: setattr(OUTSIDE, "alpha", 0.75)),
    "an object": (lambda self, p, u, h: torch.tanh(p + u) * HELD.alpha, lambda cell: setattr(HELD, "alpha", 0.75)),
    "an array": (
        lambda self, p, u, h: torch.tanh(p + u) * float(ARRAY[0]),
        lambda cell: ARRAY.__setitem__(0, 0.75),
    ),
    "a class attribute": (lambda self, p, u, h: torch.tanh(p + u) * self.alpha, set_class_number),
}


@pytest.fixture(autouse=True)
def restored(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every test begins with the numbers above."""
    monkeypatch.setitem(globals(), "ALPHA", 0.25)
    monkeypatch.setitem(globals(), "helped", helped)
    monkeypatch.setitem(SETTINGS, "alpha", [0.25])
    monkeypatch.setattr(OUTSIDE, "alpha", 0.25, raising=False)
    HELD.alpha, ARRAY[0] = 0.25, 0.25


@pytest.mark.parametrize("what", READS)
def test_what_is_read_from_outside_is_read_when_it_changes(what: str) -> None:
    update, change = READS[what]
    cell = odd(update, alpha=0.25)
    assert isinstance(program_of(cell), Program)
    assert off_by(cell) < 1e-12
    change(cell)
    assert off_by(cell) < 1e-12
    assert off_by(copy.deepcopy(cell)) < 1e-12


def test_a_number_of_a_base_class_and_of_a_closure() -> None:
    alpha = 0.25

    class Base(Invented):
        beta = 0.25

        def update(self, p_BG: Tensor, u_BG: Tensor, state: HiddenState) -> Step:
            return self.done(torch.tanh(p_BG + u_BG) * self.beta + alpha)

    cell = type("Derived", (Base,), {})(3, 5).double()
    assert off_by(cell) < 1e-12
    Base.beta = 0.75
    assert off_by(cell) < 1e-12
    alpha = 0.5
    assert off_by(cell) < 1e-12


class Activation(nn.Module):
    """A module in a cell, whose code reads a global."""

    beta = 0.25

    def forward(self, x: Tensor) -> Tensor:
        return torch.tanh(x) * ALPHA * self.beta


class Scale:
    """An object whose methods read a number of its own, of its class and of the module."""

    gamma = 0.5

    def __init__(self) -> None:
        self.factor = 0.25

    def __call__(self, x: Tensor) -> Tensor:
        return self.scaled(x) * ALPHA

    def scaled(self, x: Tensor) -> Tensor:
        return x * self.factor * self.gamma


SCALE = Scale()


def change_global(cell: Any) -> None:
    globals()["ALPHA"] = 0.75


@pytest.mark.parametrize(
    "change",
    [
        change_global,
        lambda cell: setattr(SCALE, "factor", 0.75),
        lambda cell: setattr(Scale, "gamma", 0.75),
        lambda cell: setattr(Activation, "beta", 0.75),
    ],
)
@pytest.mark.parametrize(
    "update",
    [
        lambda self, p, u, h: self.activation(p + u),
        lambda self, p, u, h: SCALE(torch.tanh(p + u)),
        lambda self, p, u, h: SCALE.scaled(torch.tanh(p + u)),
        lambda self, p, u, h: self.held(torch.tanh(p + u)),
        lambda self, p, u, h: self.helper(torch.tanh(p + u)),
        lambda self, p, u, h: self.fixed(torch.tanh(p + u)),
        lambda self, p, u, h: torch.tanh(p + u) * getattr(SCALE, "factor"),  # noqa: B009
    ],
)
def test_code_of_modules_objects_and_functions_is_followed(
    update: Any, change: Callable[[Any], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    for owner, name in ((SCALE, "factor"), (Scale, "gamma"), (Activation, "beta")):
        monkeypatch.setattr(owner, name, 0.25)
    cell = odd(update)
    cell.activation, cell.held, cell.helper, cell.fixed = Activation(), SCALE, helped, partial(helped)
    assert isinstance(program_of(cell), Program), program_of(cell)
    assert off_by(cell) < 1e-12
    change(cell)
    assert off_by(cell) < 1e-12


def test_an_object_that_is_held() -> None:
    cell = odd(lambda self, p, u, h: torch.tanh(p + u) * self.held.alpha)
    cell.held = Held()
    assert off_by(cell) < 1e-12
    cell.held.alpha = 0.75
    assert off_by(cell) < 1e-12


def test_only_attributes_that_are_read_count() -> None:
    """An object with much in it, and a circle, costs no comparison of all of it."""
    cell = odd(lambda self, p, u, h: torch.tanh(p + u) * self.held.alpha)
    cell.held = Held()
    cell.held.circle = cell.held  # type: ignore[attr-defined]
    program = program_of(cell)
    cell.held.unread = 3  # type: ignore[attr-defined]
    assert program_of(cell) is program
    cell.held.alpha = 0.5
    assert program_of(cell) is not program


def test_what_is_too_large_to_compare_is_traced_at_every_call() -> None:
    large = np.full(20_000, 0.25)
    cell = odd(lambda self, p, u, h: torch.tanh(p + u) * float(large[7]))
    assert off_by(cell) < 1e-12
    large[7] = 0.75
    assert off_by(cell) < 1e-12


def test_a_number_and_its_like_have_programs_of_their_own() -> None:
    cell = odd(lambda self, p, u, h: torch.tanh(p + u) if self.leak is True else p + u)
    cell.leak = True
    assert off_by(cell) < 1e-12
    cell.leak = 1
    assert off_by(cell) < 1e-12


def test_a_program_of_tied_weights_does_not_serve_others() -> None:
    cells = []
    for tied in (True, False, True):
        torch.manual_seed(0)
        cell = LSTM(3, 5, peepholes=True).double()
        for weight in (cell.peephole_i, cell.peephole_f, cell.peephole_o):
            nn.init.normal_(weight)
        if tied:
            cell.peephole_f = cell.peephole_i
        assert off_by(cell) < 1e-12  # type: ignore[arg-type]
        cells.append(program_of(cell))
    assert cells[0] is cells[2]
    assert cells[0] is not cells[1]


@pytest.mark.parametrize(
    ("update", "sentence"),
    [
        (lambda self, p, u, h: Spike.apply(p + u), "its update calls a torch.autograd.Function, whose backward"),
        (lambda self, p, u, h: torch.tanh(Reversal.apply(p + u)), "its update calls a torch.autograd.Function, whose"),
        (lambda self, p, u, h: torch.tanh(p + u) / math.sqrt(p.shape[0]), "its update depends on the number of rows"),
        (lambda self, p, u, h: torch.tanh(p + u) * p.size(0), "its update depends on the number of rows"),
        (lambda self, p, u, h: p + u if torch.is_grad_enabled() else p - u, "its update depends on whether gradients"),
        (lambda self, p, u, h: p + u if p.requires_grad else p - u, "its update calls requires_grad"),
        (lambda self, p, u, h: p + u if p.is_leaf else p - u, "its update calls is_leaf"),
        (lambda self, p, u, h: p - u if p.is_meta else p + u, "its update calls is_meta"),
        (
            lambda self, p, u, h: p * torch.tensor([self.shift]),
            "its update calls tensor with an array or a list of",
        ),
        (lambda self, p, u, h: p * torch.tensor(ARRAY), "its update calls tensor with an array or a list of"),
        (lambda self, p, u, h: setattr(self, "shift", self.shift + 1) or p + u, "its update changes the cell (shift)"),
        (lambda self, p, u, h: setattr(self, "steps", 1 + self.steps) or p + u, "its update changes the cell (steps)"),
    ],
)
def test_what_a_trace_cannot_express_is_refused(update: Any, sentence: str) -> None:
    cell = odd(update)
    cell.register_buffer("shift", torch.tensor(2.0, dtype=torch.float64))
    cell.steps = 3
    found = program_of(cell)
    assert isinstance(found, str)
    assert found.startswith(sentence)
    assert cell.steps == 3
    assert torch.equal(cell.shift, torch.tensor(2.0, dtype=torch.float64))
    assert type(cell.shift) is Tensor
    assert off_by(cell) < 1e-12 or "is_grad" in sentence


def test_equations_that_change_with_a_mask_are_refused() -> None:
    class Masked(Invented):
        def advance(self, p_BG: Tensor, state: Any, recurrent_mask_BH: Tensor | None = None) -> Step:
            step = super().advance(p_BG, state, recurrent_mask_BH)
            return step if recurrent_mask_BH is None else self.done(step.y * 2.0)

        def update(self, p_BG: Tensor, u_BG: Tensor, state: HiddenState) -> Step:
            return self.done(torch.tanh(p_BG + u_BG))

    assert program_of(Masked(3, 5)) == "its update depends on whether there is a recurrent mask"


def test_a_device_is_that_of_the_weights() -> None:
    cell = odd(lambda self, p, u, h: torch.tanh(p + u) if p.device.type == "cpu" else p)
    assert isinstance(program_of(cell), Program)
    assert off_by(cell) < 1e-12


def test_a_product_without_gradients_has_none() -> None:
    class Cut(Invented):
        def advance(self, p_BG: Tensor, state: Any, recurrent_mask_BH: Tensor | None = None) -> Step:
            del recurrent_mask_BH
            with torch.no_grad():
                u_BG = torch.nn.functional.linear(state.h, self.weight_hh, self.bias_hh)
            return self.update(p_BG, u_BG, state)

        def update(self, p_BG: Tensor, u_BG: Tensor, state: HiddenState) -> Step:
            return self.done(torch.tanh(p_BG + u_BG))

    torch.manual_seed(2)
    assert off_by(Cut(3, 5).double()) < 1e-12


def test_a_cell_that_cannot_be_copied_runs_on_the_loop() -> None:
    cell = odd(lambda self, p, u, h: torch.tanh(p + u))
    cell.lock = (each for each in "a generator")
    found = program_of(cell)
    assert isinstance(found, str)
    assert found.startswith("its attributes cannot be copied (TypeError")
    assert off_by(cell) < 1e-12


def test_asking_changes_nothing_in_a_cell() -> None:
    class Normalised(Invented):
        def build(self) -> None:
            self.norm = nn.BatchNorm1d(5)

        def project(self, x_BTI: Tensor) -> Tensor:
            return self.norm((super().project(x_BTI)).flatten(0, 1)).unflatten(0, x_BTI.shape[:2])

        def update(self, p_BG: Tensor, u_BG: Tensor, state: HiddenState) -> Step:
            return self.done(torch.tanh(p_BG + u_BG))

    cell = Normalised(3, 5)
    before = {name: tensor.clone() for name, tensor in cell.state_dict().items()}
    program_of(cell)
    for name, tensor in cell.state_dict().items():
        assert torch.equal(tensor, before[name]), name


def test_asking_leaves_random_numbers_alone() -> None:
    class Noisy(Invented):
        def project(self, x_BTI: Tensor) -> Tensor:
            if x_BTI.device.type != "meta":
                drawn.append(float(torch.rand(1)))
            return super().project(x_BTI) + torch.rand(1, device=x_BTI.device)

        def update(self, p_BG: Tensor, u_BG: Tensor, state: HiddenState) -> Step:
            return self.done(torch.tanh(p_BG + u_BG))

    drawn: list[float] = []
    cell = Noisy(3, 5)
    torch.manual_seed(3)
    expected = torch.rand(2)
    torch.manual_seed(3)
    first = torch.rand(1)
    program_of(cell)
    assert drawn == []
    assert torch.equal(torch.cat([first, torch.rand(1)]), expected)


def test_weights_that_torch_computes_are_traced_too() -> None:
    """Weights with dropout, or those of `functional_call`, are no leaves of autograd, also at the first call."""
    unroll = Unroll(odd(lambda self, p, u, h: torch.tanh(p + u)), kernel=None)
    x_BTI = torch.randn(2, 4, 3, dtype=torch.float64)
    weights = {name: weight * 2.0 for name, weight in unroll.named_parameters()}
    weights["cell.weight_hh"].retain_grad()
    y_BTH, _ = torch.func.functional_call(unroll, weights, (x_BTI,))
    y_BTH.sum().backward()
    assert isinstance(program_of(unroll.cell), Program)
    assert weights["cell.weight_hh"].grad is not None
    assert off_by(unroll.cell) < 1e-12  # type: ignore[arg-type]
    dropped = Unroll(odd(lambda self, p, u, h: torch.tanh(u + p)), weight_drop=0.5).train()
    dropped(x_BTI)
    assert isinstance(program_of(dropped.cell), Program)
