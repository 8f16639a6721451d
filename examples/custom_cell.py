"""A custom cell: a leaky unit, trained to store one bit for up to fifty time steps.

The class defines the equations; `Stack` unrolls it over time with lengths, depth and dropout, like any other cell. To
use a cell by name on the command line, register it as an entry point (see docs/cells.md).

usage: python examples/custom_cell.py [STEPS]
"""

from __future__ import annotations

import sys
from typing import Any, ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from elman.cells import ElementwiseCell, HiddenState
from elman.kernels import Step
from elman.nn import Stack


class LeakyUnit(ElementwiseCell):
    """Leaky unit: h' = (1 - a) h + a tanh(W x + U h + b), with a learnt rate a for each unit."""

    name: ClassVar[str] = "leaky"
    summary: ClassVar[str] = "leaky integration, one learnt rate per unit"
    equations: ClassVar[str] = "h' = (1 - a) * h + a * tanh(W x + U h + b)     a = sigmoid(s)"
    paper: ClassVar[str] = "Jaeger et al. 2007, Optimization and applications of ESNs with leaky-integrator neurons"

    def __init__(self, input_size: int, hidden_size: int, **options: Any) -> None:
        super().__init__(input_size, hidden_size, gate_names=("n",), **options)
        self.speed = nn.Parameter(self.weight_ih.new_zeros(hidden_size))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Initialise the weights as usual, and the rates from slow to fast."""
        super().reset_parameters()
        with torch.no_grad():
            self.speed.copy_(torch.linspace(-4.0, 2.0, self.hidden_size))

    def update(self, p_BG: Tensor, u_BG: Tensor, state: HiddenState) -> Step:
        """Compute one time step."""
        a = torch.sigmoid(self.speed)
        n = torch.tanh(p_BG + u_BG)
        h_BH = state.h + a * (n - state.h)
        return Step(h_BH, HiddenState(h_BH), {"n": n, "a": a.expand_as(n)})


def batch(rows: int, generator: torch.Generator) -> tuple[Tensor, Tensor, Tensor]:
    """Make noise sequences of 30 to 50 time steps; the target is the sign of the first input."""
    x_BTI = torch.randn(rows, 50, 1, generator=generator)
    lengths_B = torch.randint(30, 51, (rows,), generator=generator)
    bits_B = torch.randint(0, 2, (rows,), generator=generator)
    x_BTI[:, 0, 0] = 2.0 * bits_B - 1.0
    x_BTI[:, 1:] *= 0.5
    return x_BTI, lengths_B, bits_B


def main() -> None:
    steps = int(sys.argv[1]) if len(sys.argv) > 1 else 100
    torch.manual_seed(0)
    generator = torch.Generator().manual_seed(1)
    stack = Stack(LeakyUnit, input_size=1, hidden_size=32)
    head = nn.Linear(stack.output_size, 2)
    optimizer = torch.optim.Adam([*stack.parameters(), *head.parameters()], lr=2e-3)
    for step in range(1, steps + 1):
        x_BTI, lengths_B, bits_B = batch(64, generator)
        _, ((last,),) = stack(x_BTI, lengths_B)  # the state of one layer with one direction
        scores = head(last.h)
        loss = F.cross_entropy(scores, bits_B)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if step == 1 or step % 10 == 0:
            right = (scores.argmax(-1) == bits_B).float().mean()
            print(f"step {step:4}  loss {loss.item():.3f}  accuracy {right.item():.0%}")


if __name__ == "__main__":
    main()
