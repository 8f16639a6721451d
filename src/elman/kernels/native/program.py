"""Program: the element-wise equations of one cell as two short lists of operations, forward and backward.

An operation's operands are numbers or the names of *places*:

    slot0     a number of the record that one unit keeps of one step (see csrc/abi.h)
    old0      a leaf of the state before the step           new0     the same leaf after it
    parameter0    a weight of the equations                 d_parameter0    the sum of its gradients
    y         the output, when it is no leaf of the state   dy       the output's gradient
    d_state0  on entry the gradient of the leaf after the step, on return of the leaf before it
    t0        an intermediate value, written once

All places are read before any is written. Knows nothing about cells, C++, time or matrix products.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from torch import Tensor

from elman.kernels.native.functions import compute

__all__ = ["Operation", "Program", "interpret", "run_operations"]

# Part of every text, so that a change of what a list means changes every digest.
_VERSION = 1


class Operation(NamedTuple):
    """`result = function(operands)`; the functions "store" and "accumulate" write a place."""

    result: str
    function: str
    operands: tuple[str | float, ...]

    def __str__(self) -> str:
        """As it stands in a program's text; numbers exactly."""
        operands = " ".join(name if isinstance(name, str) else float(name).hex() for name in self.operands)
        return f"{self.result} = {self.function} {operands}"


@dataclass(frozen=True)
class Program:
    """The traced equations of one cell.

    p_blocks, u_blocks   blocks of H numbers that the input's and the past's part have
    x_gates              the block of p that goes to slot i
    h_gates              the block of u that goes to slot h_first + i; where both go to a slot it holds their sum
    slots                numbers in a record
    leaves               the names of the state's leaves, each of H numbers
    h_leaf               the leaf that enters the past's product
    y_leaf               the leaf that is the output, or -1
    parameters           names of the cell's parameters and buffers in the equations, each of H numbers or one
    text, digest         everything above as text, and the start of its SHA-256
    """

    p_blocks: int
    u_blocks: int
    x_gates: tuple[int, ...]
    h_gates: tuple[int, ...]
    slots: int
    h_first: int
    leaves: tuple[str, ...]
    h_leaf: int
    y_leaf: int
    parameters: tuple[str, ...]
    forward: tuple[Operation, ...]
    backward: tuple[Operation, ...]
    text: str = field(init=False, repr=False)
    digest: str = field(init=False)

    def __post_init__(self) -> None:
        """Write the text."""
        # Names of leaves and parameters are no part of it: cells with the same equations share one compiled program.
        lines = [
            f"version {_VERSION}",
            f"blocks {self.p_blocks} {self.u_blocks}",
            "x_gates " + " ".join(map(str, self.x_gates)),
            "h_gates " + " ".join(map(str, self.h_gates)),
            f"slots {self.slots} h_first {self.h_first}",
            f"leaves {len(self.leaves)} h_leaf {self.h_leaf} y_leaf {self.y_leaf}",
            f"parameters {len(self.parameters)}",
            "forward",
            *map(str, self.forward),
            "backward",
            *map(str, self.backward),
        ]
        text = "\n".join(lines) + "\n"
        object.__setattr__(self, "text", text)
        object.__setattr__(self, "digest", hashlib.sha256(text.encode()).hexdigest()[:16])

    @property
    def x_slots(self) -> int:
        """The slots that the input's part goes to: [0, x_slots)."""
        return len(self.x_gates)

    @property
    def h_slots(self) -> int:
        """The slots that the past's part goes to: [h_first, h_first + h_slots)."""
        return len(self.h_gates)


def run_operations(operations: Iterable[Operation], places: Mapping[str, Tensor]) -> dict[str, Tensor | float]:
    """Compute a list in torch. Returns what it writes, by place; gradients of parameters come back row by row."""
    values: dict[str, Tensor | float] = dict(places)
    written: dict[str, Tensor | float] = {}
    for result, function, names in operations:
        operands = [values[name] if isinstance(name, str) else name for name in names]
        if function in ("store", "accumulate"):
            written[result] = operands[0]
        else:
            values[result] = compute(function, operands)
    return written


def record_of(program: Program, p_blocks: Sequence[Tensor], u_blocks: Sequence[Tensor]) -> dict[str, Tensor]:
    """The slots as the two products leave them."""
    slots: dict[str, Tensor] = {}
    for slot, block in enumerate(program.x_gates):
        slots[f"slot{slot}"] = p_blocks[block]
    for slot, block in enumerate(program.h_gates, program.h_first):
        name = f"slot{slot}"
        slots[name] = slots[name] + u_blocks[block] if name in slots else u_blocks[block]
    return slots


def interpret(
    program: Program,
    p_blocks: Sequence[Tensor],
    u_blocks: Sequence[Tensor],
    state_leaves: Sequence[Tensor],
    parameters: Sequence[Tensor],
) -> tuple[Tensor, tuple[Tensor, ...]]:
    """One step in differentiable torch operations.

    p_blocks, u_blocks   the parts, cut into blocks of shape B x H
    state_leaves         the state before the step, each B x H
    parameters           in the order of `program.parameters`, each H or 1

    Returns the output and the leaves after the step, each B x H.
    """
    places = record_of(program, p_blocks, u_blocks)
    places |= {f"old{index}": leaf for index, leaf in enumerate(state_leaves)}
    places |= {f"parameter{index}": parameter for index, parameter in enumerate(parameters)}
    written = run_operations(program.forward, places)
    like = state_leaves[0]

    def whole(value: Tensor | float) -> Tensor:
        return value.expand_as(like) if isinstance(value, Tensor) else like.new_full(like.shape, value)

    new_leaves = tuple(whole(written[f"new{index}"]) for index in range(len(program.leaves)))
    y = new_leaves[program.y_leaf] if program.y_leaf >= 0 else whole(written["y"])
    return y, new_leaves
