"""Programs run in torch and compared with the cell that they were traced from: the same numbers, the same gradients."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from elman.cells import Cell
from elman.kernels.native.program import Program, interpret, record_of, run_operations
from elman.state import leaves, map_leaves

B = 6


class StepEvent:
    """One step of a cell as torch does it, with everything that a program sees as leaves of autograd."""

    def __init__(self, cell: Cell, made: Program) -> None:
        draw = torch.Generator().manual_seed(5)

        def random(*shape: int) -> Tensor:
            return torch.randn(*shape, generator=draw, dtype=torch.float64).requires_grad_()

        self.p = [random(B, cell.hidden_size) for _ in range(made.p_blocks)]
        self.old = [random(B, cell.hidden_size) for _ in made.leaves]
        remaining = iter(self.old)
        state = map_leaves(lambda _: next(remaining), cell.initial_state(B))
        self.u: list[Tensor] = []
        if made.u_blocks:
            u_BG = F.linear(self.old[made.h_leaf], cell.weight_hh, cell.bias_hh).detach()
            self.u = [block.requires_grad_() for block in u_BG.chunk(made.u_blocks, -1)]
        named = dict([*cell.named_parameters(), *cell.named_buffers()])
        self.parameters = [named[name].requires_grad_() for name in made.parameters]
        p_BG = torch.cat(self.p, -1)
        step = cell.update(p_BG, torch.cat(self.u, -1), state) if hasattr(cell, "update") else cell.advance(p_BG, state)
        if not hasattr(cell, "update") and made.u_blocks:
            # The product is inside: its gradient is not that of the element-wise part alone.
            self.u = []
        self.y, self.new = step.y, leaves(step.state)


def check_values(cell: Cell, made: Program) -> None:
    """The program's outputs are the cell's."""
    step = StepEvent(cell, made)
    u = step.u
    if made.u_blocks and not u:
        u = list(F.linear(step.old[made.h_leaf], cell.weight_hh, cell.bias_hh).chunk(made.u_blocks, -1))
    y, new = interpret(made, step.p, u, step.old, step.parameters)
    torch.testing.assert_close(y, step.y, rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(list(new), list(step.new), rtol=1e-12, atol=1e-12)


def check_gradients(cell: Cell, made: Program) -> None:
    """The program's backward list gives autograd's gradients."""
    step = StepEvent(cell, made)
    draw = torch.Generator().manual_seed(7)
    dy, *d_new = (
        torch.randn(B, cell.hidden_size, generator=draw, dtype=torch.float64) for _ in range(1 + len(step.new))
    )
    asked = [*step.p, *step.u, *step.old, *step.parameters]
    weights = [*zip(step.new, d_new, strict=True), (step.y, dy)]
    loss = sum((value * weight).sum() for value, weight in weights)
    expected = torch.autograd.grad(loss, asked, allow_unused=True, materialize_grads=True)
    names = [f"p{block}" for block in range(len(step.p))] + [f"u{block}" for block in range(len(step.u))]
    names += [f"d_state{index}" for index in range(len(step.old))]
    names += [f"d_parameter{index}" for index in range(len(step.parameters))]

    # As the driver calls it: forward overwrites the record, backward finds what forward left there.
    with torch.no_grad():
        places: dict[str, Any] = record_of(made, step.p, step.u)
        places |= {f"old{index}": leaf for index, leaf in enumerate(step.old)}
        places |= {f"parameter{index}": parameter for index, parameter in enumerate(step.parameters)}
        places |= run_operations(made.forward, places)
        places |= {f"d_state{index}": gradient for index, gradient in enumerate(d_new)} | {"dy": dy}
        received = {f"d_state{index}": gradient for index, gradient in enumerate(d_new)}
        received |= run_operations(made.backward, places)
    for slot, block in enumerate(made.x_gates):
        received[f"p{block}"] = received.get(f"slot{slot}", places[f"slot{slot}"])
    for slot, block in enumerate(made.h_gates, made.h_first):
        received[f"u{block}"] = received.get(f"slot{slot}", places[f"slot{slot}"])
    for name_, gradient in zip(names, expected, strict=True):
        got = torch.as_tensor(received.get(name_, 0.0), dtype=torch.float64)
        if name_.startswith("d_parameter"):
            got = got.expand(B, cell.hidden_size).sum(0)
            got = got.sum().reshape(gradient.shape) if gradient.numel() == 1 else got
        torch.testing.assert_close(
            got.expand_as(gradient), gradient, rtol=1e-11, atol=1e-11, msg=lambda text, at=name_: f"{at}: {text}"
        )
