"""Running a case with all its gradients, by a kernel and by the textbook, and comparing what came out."""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from torch import Tensor

from elman.cells import Cell
from elman.nn import Unroll
from elman.state import State, map_leaves, named_leaves

from .cases import Case, random_state
from .textbook import TEXTBOOK, run_row_by_row

CLOSE = {torch.float64: 1e-11, torch.float32: 3e-5}


class Result(NamedTuple):
    """What a run gave: outputs, final state by leaf, and the gradient of a random loss by name."""

    y: Tensor
    final: dict[str, Tensor]
    grads: dict[str, Tensor]


def assert_close(what: str, got: Tensor, expected: Tensor, tolerance: float) -> None:
    """Raise AssertionError unless shapes agree and values differ by at most `tolerance` times the largest one."""
    assert got.shape == expected.shape, f"{what}: shape {tuple(got.shape)} is not {tuple(expected.shape)}"
    if got.numel() == 0:
        return
    error = (got.double() - expected.double()).abs().max().item()
    scale = max(1.0, expected.double().abs().max().item())
    assert error <= tolerance * scale, f"{what}: off by {error:.3g}, allowed {tolerance * scale:.3g}"


def assert_same(got: Result, expected: Result, tolerance: float) -> None:
    """Raise AssertionError unless outputs, final states and all gradients agree."""
    assert_close("outputs", got.y, expected.y, tolerance)
    for part in ("final", "grads"):
        one, other = getattr(got, part), getattr(expected, part)
        assert one.keys() == other.keys(), f"{part}: {sorted(one)} is not {sorted(other)}"
        for name in one:
            assert_close(f"{part} {name}", one[name], other[name], tolerance)


def backpropagate(cell: Cell, x: Tensor, start: State | None, y: Tensor, final: dict[str, Tensor]) -> Result:
    """The gradients of a fixed random sum over outputs and final states."""
    draw = torch.Generator().manual_seed(9)
    loss = torch.zeros((), dtype=torch.float64)
    for tensor in (y, *final.values()):
        loss = loss + (tensor.double() * torch.randn(tensor.shape, generator=draw, dtype=torch.float64)).sum()
    named = {"x": x, **dict(cell.named_parameters())}
    if start is not None:
        named |= {f"start.{name}": leaf for name, leaf in named_leaves(start)}
    grads = torch.autograd.grad(loss, list(named.values()), allow_unused=True)
    filled = {
        name: torch.zeros_like(tensor) if grad is None else grad
        for (name, tensor), grad in zip(named.items(), grads, strict=True)
    }
    return Result(y.detach(), {name: leaf.detach() for name, leaf in final.items()}, filled)


def trainable(x: Tensor, start: State | None) -> tuple[Tensor, State | None]:
    fresh = x.detach().clone().requires_grad_()
    return fresh, None if start is None else map_leaves(lambda leaf: leaf.detach().clone().requires_grad_(), start)


def run_kernel(cell: Cell, kernel: str | None, x: Tensor, lengths: Any, start: State | None, **options: Any) -> Result:
    """Outputs, final states and gradients of a cell on a backend; `start` None is the cell's own initial state."""
    x, start = trainable(x, start)
    lengths_B = None if lengths is None else torch.as_tensor(lengths)
    y, state = Unroll(cell, kernel=kernel, **options)(x, lengths_B, start)
    return backpropagate(cell, x, start, y, dict(named_leaves(state)))


def run_textbook(case: Case, cell: Cell, x: Tensor, lengths: Any, start: State | None) -> Result:
    """The same by the textbook's equations, row by row; by the cell's own `step` where the textbook has none."""
    x, start = trainable(x, start)
    weights = dict(cell.named_parameters())
    begin = cell.initial_state(len(x)) if start is None else start

    def step(x_I: Tensor, state: dict[str, Tensor]) -> tuple[Tensor, dict[str, Tensor], dict[str, Tensor]]:
        if case.cell in TEXTBOOK:
            return TEXTBOOK[case.cell](weights, case.options, x_I, state)
        y, after = cell.step(x_I[None], cell.state_type(**{name: leaf[None] for name, leaf in state.items()}))
        return y[0], {name: leaf[0] for name, leaf in named_leaves(after)}, {}

    steps = [x.shape[1]] * len(x) if lengths is None else list(lengths)
    y, final, _ = run_row_by_row(step, x, steps, dict(named_leaves(begin)), cell.output_size)
    return backpropagate(cell, x, start, y, final)


def own_start(case: Case, cell: Cell) -> State | None:
    return None if case.options.get("learn_initial_state") else random_state(cell)
