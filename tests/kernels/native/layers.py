"""Layers for the tests of the native engine: cells, inputs, runs with every gradient, and a judge in float64.

The judge is the reference loop. It has its own judges: the textbook, finite differences, onnxruntime, Keras and JAX.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import pytest
import torch
from torch import Tensor

from elman import kernels
from elman.cells import Cell, make
from elman.kernels import Lookup
from elman.kernels.native import library
from elman.state import State, map_leaves, named_leaves

from ...contract.runs import Result, assert_close

needs_library = pytest.mark.skipif(library.why_not() is not None, reason=f"{library.why_not()}")

# Every cell and option that has its own program.
CELLS: dict[str, tuple[str, dict[str, Any]]] = {
    "elman": ("elman", {}),
    "elman-relu": ("elman", {"nonlinearity": "relu"}),
    "gru": ("gru", {}),
    "lstm": ("lstm", {}),
    "lstm-peepholes": ("lstm", {"peepholes": True}),
    "lstm-coupled": ("lstm", {"coupled": True}),
    "lstm-both": ("lstm", {"peepholes": True, "coupled": True}),
    "mingru": ("mingru", {}),
}

# Of the largest true value: below this, float32 errors are rounding and their ratio says nothing.
FLOOR = 1e-6


class Run(NamedTuple):
    """What a layer is given.

    start      the state before the first step; None for the cell's own
    losses     weights of the outputs and of the last state's leaves in the loss; None leaves them out of it
    """

    x: Tensor | Lookup
    lengths_B: Tensor | None = None
    start: State | None = None
    mask_BH: Tensor | None = None
    reverse: bool = False
    losses: str = "both"


def cell_of(name: str, I_SIZE: int, H: int, dtype: torch.dtype = torch.float64, seed: int = 0, **options: Any) -> Cell:
    """A cell with random weights that keep the state's size for any H."""
    kind, own = CELLS[name]
    cell = make(kind, I_SIZE, H, **own, **options)
    draw = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in cell.parameters():
            noise = torch.randn(parameter.shape, generator=draw, dtype=torch.float64)
            parameter.copy_(noise / (parameter.shape[-1] ** 0.5 if parameter.dim() == 2 else 2))
    return cell.to(dtype)


def in_dtype(cell: Cell, dtype: torch.dtype) -> Cell:
    """The cell again, with the same weights in another type."""
    options = dict(_options_of(cell))
    twin = make(cell.name, cell.input_size, cell.hidden_size, **options).to(dtype)
    twin.load_state_dict(cell.state_dict())
    return twin


def _options_of(cell: Cell) -> dict[str, Any]:
    options: dict[str, Any] = {"bias": cell.bias_ih is not None, "learn_initial_state": bool(cell.initial)}
    if cell.name == "elman":
        options["nonlinearity"] = getattr(cell, "nonlinearity")  # noqa: B009
    if cell.name == "lstm":
        options["coupled"] = getattr(cell, "coupled")  # noqa: B009
        options["peepholes"] = getattr(cell, "peephole_i") is not None  # noqa: B009
    return options


def random(*shape: int, seed: int = 1, dtype: torch.dtype = torch.float64) -> Tensor:
    """Normal numbers, drawn in float64 so that the type does not change them."""
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64).to(dtype)


def start_of(cell: Cell, B: int, seed: int = 2) -> State:
    """A start state that is nowhere zero."""
    leaves = [
        random(B, H, seed=seed + n, dtype=cell.weight_ih.dtype) for n, H in enumerate(cell.state_sizes().values())
    ]
    return cell.state_type(*leaves)


def mask_of(cell: Cell, B: int, seed: int = 3) -> Tensor:
    """A recurrent dropout mask: zeros, and numbers above 1."""
    draw = torch.Generator().manual_seed(seed)
    kept_BH = torch.rand(B, cell.hidden_size, generator=draw) > 0.4
    return kept_BH.to(cell.weight_ih.dtype) * 1.7


def _fresh(tensor: Tensor, dtype: torch.dtype) -> Tensor:
    return tensor.detach().to(dtype, copy=True).requires_grad_()


def run(cell: Cell, given: Run, kernel: str = "native", *, views: bool = False) -> Result:
    """Outputs, last state and the gradients of x, the start and every parameter, on a kernel, in the cell's type.

    With `views` the tensors go in as they are, so that their strides matter.
    """
    dtype = cell.weight_ih.dtype
    trained: dict[str, Tensor] = {}
    if isinstance(given.x, Lookup):
        trained["x"] = features_VI = _fresh(given.x.features_VI, dtype)
        x: Tensor | Lookup = Lookup(given.x.tokens_BT, features_VI)
        B = len(given.x.tokens_BT)
    else:
        trained["x"] = x = given.x.detach().requires_grad_() if views else _fresh(given.x, dtype)
        B = len(x)
    if given.start is None:
        start = cell.initial_state(B)
    else:
        start = map_leaves(lambda leaf: leaf.detach().requires_grad_() if views else _fresh(leaf, dtype), given.start)
        trained |= {f"start.{name}": leaf for name, leaf in named_leaves(start)}
    mask_BH = None if given.mask_BH is None else given.mask_BH if views else given.mask_BH.to(dtype)
    y, last = kernels.run(
        cell, x, given.lengths_B, start, recurrent_mask_BH=mask_BH, reverse=given.reverse, kernel=kernel
    )
    final = dict(named_leaves(last))
    trained |= dict(cell.named_parameters())
    grads = torch.autograd.grad(loss_of(y, final, given.losses), list(trained.values()), allow_unused=True)
    filled = {
        name: torch.zeros_like(tensor) if grad is None else grad
        for (name, tensor), grad in zip(trained.items(), grads, strict=True)
    }
    return Result(y.detach(), {name: leaf.detach() for name, leaf in final.items()}, filled)


def loss_of(y: Tensor, final: dict[str, Tensor], losses: str) -> Tensor:
    """A random sum over the outputs ("y"), over the last state ("final") or over both."""
    parts = {"y": [y], "final": list(final.values()), "both": [y, *final.values()]}[losses]
    return torch.stack([(part.double() * random(*part.shape, seed=9 + n)).sum() for n, part in enumerate(parts)]).sum()


def assert_equal_to_reference(cell: Cell, given: Run, *, tolerance: float = 1e-11) -> Result:
    """Raise AssertionError unless the native kernel's numbers are the reference loop's.

    In float64 within `tolerance`; in float32 with at most 4 times the error that the reference loop makes in float32.
    """
    got = run(cell, given)
    if cell.weight_ih.dtype == torch.float64:
        assert_within(got, run(cell, given, "reference"), tolerance)
        return got
    exact = run(in_dtype(cell, torch.float64), given, "reference")
    single = run(cell, given, "reference")
    for name, one, other, truth in matched(got, single, exact):
        assert one.dtype == torch.float32, f"{name} is {one.dtype}"
        assert one.shape == truth.shape, f"{name}: shape {tuple(one.shape)} is not {tuple(truth.shape)}"
        if one.numel() == 0:
            continue
        error, allowed = ((part.double() - truth).abs().max().item() for part in (one, other))
        size = max(1.0, truth.abs().max().item())
        assert error <= 4 * allowed + FLOOR * size, f"{name}: error {error:.3g}, the loop's own {allowed:.3g}"
    return got


def matched(*results: Result) -> list[tuple[Any, ...]]:
    """Every tensor of some results, by name: (name, tensor of the first, of the second, ...)."""
    rows: list[tuple[Any, ...]] = [("y", *(result.y for result in results))]
    for part in ("final", "grads"):
        names = [list(getattr(result, part)) for result in results]
        assert all(found == names[0] for found in names), f"{part}: {names}"
        rows += [(f"{part} {name}", *(getattr(result, part)[name] for result in results)) for name in names[0]]
    return rows


def assert_within(got: Result, expected: Result, tolerance: float) -> None:
    """Raise AssertionError unless all tensors agree."""
    for name, one, other in matched(got, expected):
        assert_close(name, one, other, tolerance)
        assert not bool(one.isnan().any()) or bool(other.isnan().any()), f"{name} has NaN"


def assert_same_bits(got: Result, expected: Result) -> None:
    """Raise AssertionError unless all tensors are equal bit for bit."""
    for name, one, other in matched(got, expected):
        assert torch.equal(one, other), f"{name} differs by {(one.double() - other.double()).abs().max().item():.3g}"
