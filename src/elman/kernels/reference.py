"""The reference kernel: a plain loop over time that runs every cell.

The tests compare all other kernels with it.
"""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from elman.recurrence import KernelRequest, RunnableCell, Step
from elman.state import State, map_leaves

__all__ = ["run", "steps", "why_not"]


def why_not(cell: RunnableCell, request: KernelRequest) -> str | None:
    """Return None: the loop runs every cell with every option."""
    del cell, request
    return None


def keep_past_end(alive_B: Tensor, new: State, old: State) -> State:
    """Return `new` in the rows that are still running, and `old` in those past their end."""

    def pick(new_leaf: Tensor, old_leaf: Tensor) -> Tensor:
        return torch.where(alive_B.reshape(-1, *[1] * (new_leaf.dim() - 1)), new_leaf, old_leaf)

    return map_leaves(pick, new, old)


def steps(
    cell: RunnableCell, x_BTI: Tensor, lengths_B: Tensor | None, state: State, recurrent_mask_BH: Tensor | None = None
) -> Iterator[Step]:
    """Yield one `Step` per time step; past a row's length the output is zero and the state is unchanged."""
    p_BTG = cell.project(x_BTI)
    for t, p_BG in enumerate(p_BTG.unbind(1)):
        step = cell.advance(p_BG, state, recurrent_mask_BH)
        if lengths_B is not None:
            alive_B = t < lengths_B
            step = Step(
                torch.where(alive_B[:, None], step.y, torch.zeros_like(step.y)),
                keep_past_end(alive_B, step.state, state),
                step.gates,
            )
        state = step.state
        yield step


def run(
    cell: RunnableCell, x_BTI: Tensor, lengths_B: Tensor | None, state: State, recurrent_mask_BH: Tensor | None = None
) -> tuple[Tensor, State]:
    """Return the outputs `y_BTY` and the state after each row's last time step."""
    outputs = []
    for step in steps(cell, x_BTI, lengths_B, state, recurrent_mask_BH):
        outputs.append(step.y)
        state = step.state
    return torch.stack(outputs, dim=1), state
