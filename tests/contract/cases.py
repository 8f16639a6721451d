"""What the contract is checked on: every cell there is, in its common variants, on every backend that can run it.

New cells and backends are included automatically.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from elman import kernels
from elman.cells import Cell, available, make
from elman.state import State

I_SIZE, H_SIZE, B_SIZE, T_SIZE = 3, 4, 5, 7
# Any order, one empty row, one of a single step, one that is full.
LENGTHS = (3, 7, 0, 1, 5)

OWN_OPTIONS: dict[str, list[dict[str, Any]]] = {
    "elman": [{"nonlinearity": "relu"}],
    "lstm": [
        {"peepholes": True},
        {"coupled": True},
        {"peepholes": True, "coupled": True},
        {"projection": 2},
        {"projection": 2, "bias": False},
        {"layer_norm": True},
        {"layer_norm": True, "bias": False},
        {"peepholes": True, "projection": 3, "layer_norm": True},
    ],
}


class Case(NamedTuple):
    """A cell's name and its options."""

    cell: str
    options: dict[str, Any]

    def __str__(self) -> str:
        return "-".join(
            [self.cell, *(name if value is True else f"{name}={value}" for name, value in self.options.items())]
        )


def all_cases() -> list[Case]:
    """Every cell: plain, without bias, with a learnt start, and with each of its own options."""
    shared: list[dict[str, Any]] = [{}, {"bias": False}, {"learn_initial_state": True}]
    return [Case(name, options) for name in available() for options in shared + OWN_OPTIONS.get(name, [])]


def build(
    case: Case, dtype: torch.dtype = torch.float64, *, seed: int = 0, sizes: tuple[int, int] | None = None
) -> Cell:
    """The cell with every parameter at random, so that none is zero by its start value."""
    cell = make(case.cell, *(sizes or (I_SIZE, H_SIZE)), **case.options)
    randomise(cell, seed)
    return cell.to(dtype)


def randomise(module: nn.Module, seed: int) -> None:
    """Normal numbers of width 0.5 into every parameter, drawn in float64 so that the dtype does not change them."""
    draw = torch.Generator().manual_seed(seed)
    for parameter in module.parameters():
        noise = torch.randn(parameter.shape, generator=draw, dtype=torch.float64)
        parameter.data.copy_(0.5 * noise)


def can_run(case: Case, kernel: str, **request: Any) -> bool:
    """Whether the backend says that it runs this cell."""
    return kernels.why_not(build(case), kernels.KernelRequest(**request))[kernel] is None


def able_kernels(cell: Cell) -> list[str]:
    """The backends that take ragged rows of a cell in its own type."""
    request = kernels.KernelRequest(ragged=True, dtype=cell.weight_ih.dtype)
    return [name for name, reason in kernels.why_not(cell, request).items() if reason is None]


def runnable() -> list[tuple[Case, str]]:
    """Every case with every backend that takes ragged rows of it, in float64 or in float32."""
    dtypes = (torch.float64, torch.float32)
    return [
        (case, kernel)
        for case in all_cases()
        for kernel in kernels.BACKENDS
        if any(can_run(case, kernel, ragged=True, dtype=dtype) for dtype in dtypes)
    ]


def best_dtype(case: Case, kernel: str) -> torch.dtype:
    """float64 where the backend has it."""
    return torch.float64 if can_run(case, kernel, ragged=True, dtype=torch.float64) else torch.float32


def inputs(cell: Cell, seed: int = 1, B: int = B_SIZE, T: int = T_SIZE) -> Tensor:
    """Random features of the cell's dtype."""
    draw = torch.Generator().manual_seed(seed)
    x_BTI = torch.randn(B, T, cell.input_size, generator=draw, dtype=torch.float64)
    return x_BTI.to(cell.weight_ih.dtype)


def random_state(cell: Cell, seed: int = 2, B: int = B_SIZE) -> State:
    """A start state that is nowhere zero."""
    draw = torch.Generator().manual_seed(seed)
    leaves = [torch.randn(B, size, generator=draw, dtype=torch.float64) for size in cell.state_sizes().values()]
    return cell.state_type(*(leaf.to(cell.weight_ih.dtype) for leaf in leaves))
