"""`Program`: the element-wise equations of one cell as two lists of operations, forward and backward.

An operation's operands are numbers or the names of *places*:

    slot0     a slot of the record of one unit at one time step (see csrc/abi.h)
    old0      a leaf of the state before the time step         new0     the same leaf after it
    parameter0    a parameter of the equations                 d_parameter0    the sum of its gradients
    y         the output, unless it is a leaf of the state     dy       the output's gradient
    d_state0  on entry the gradient of the leaf after the time step, on return that of the leaf before it
    t0        an intermediate value, written once

All places are read before any is written.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from torch import Tensor

from elman.kernels.native.functions import compute

__all__ = ["Operation", "Program", "interpret", "run_operations"]

# Part of every program's text: increment it when the meaning of an operation changes, to change every digest.
_VERSION = 1


class Operation(NamedTuple):
    """`result = function(operands)`; the functions "store" and "accumulate" write a place."""

    result: str
    function: str
    operands: tuple[str | float, ...]

    def __str__(self) -> str:
        """Return the operation's line in a program's text, with exact numbers."""
        operands = " ".join(name if isinstance(name, str) else float(name).hex() for name in self.operands)
        return f"{self.result} = {self.function} {operands}"


@dataclass(frozen=True)
class Program:
    """The traced equations of one cell.

    p_blocks, u_blocks   the numbers of blocks of H units of the input projection p and the recurrent product u
    x_gates              x_gates[i] is the block of p that is added to slot i
    h_gates              h_gates[i] is the block of u that is added to slot h_first + i; a slot of both holds their sum
    slots                the number of slots in a record
    h_first              the first slot of the recurrent product
    leaves               the names of the state's leaves, each of H units
    h_leaf               the leaf that enters the recurrent product
    y_leaf               the leaf that is the output, or -1
    parameters           names of the cell's parameters and buffers in the equations, each of size H or 1
    forward, backward    the operations of the two passes, in order
    equations            those of the forward pass that write results, with "detach" where the cell cuts a gradient
    text, digest         the program as text, and the first digits of its SHA-256
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
    equations: tuple[Operation, ...]
    text: str = field(init=False, repr=False)
    digest: str = field(init=False)

    def __post_init__(self) -> None:
        """Set `text` and `digest`."""
        # Without the names of leaves and parameters, so that cells with the same equations share a compiled program.
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
        """The number of slots of the input product: [0, x_slots)."""
        return len(self.x_gates)

    @property
    def h_slots(self) -> int:
        """The number of slots of the recurrent product: [h_first, h_first + h_slots)."""
        return len(self.h_gates)


def run_operations(operations: Iterable[Operation], places: Mapping[str, Tensor]) -> dict[str, Tensor | float]:
    """Compute the operations in torch; return what they write, by place. Gradients of parameters stay per row."""
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
    """Return the slots after the two matrix products."""
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
    """Run one time step in torch operations, differentiable any number of times.

    p_blocks, u_blocks   the input projection and the recurrent product, split into blocks of shape B x H
    state_leaves         the leaves of the state before the time step, each B x H
    parameters           in the order of `program.parameters`, each of size H or 1

    Returns the output and the leaves after the time step, each B x H.
    """
    places = record_of(program, p_blocks, u_blocks)
    places |= {f"old{index}": leaf for index, leaf in enumerate(state_leaves)}
    places |= {f"parameter{index}": parameter for index, parameter in enumerate(parameters)}
    written = run_operations(program.equations, places)
    like = state_leaves[0]

    def whole(value: Tensor | float) -> Tensor:
        return value.expand_as(like) if isinstance(value, Tensor) else like.new_full(like.shape, value)

    new_leaves = tuple(whole(written[f"new{index}"]) for index in range(len(program.leaves)))
    y = new_leaves[program.y_leaf] if program.y_leaf >= 0 else whole(written["y"])
    return y, new_leaves
