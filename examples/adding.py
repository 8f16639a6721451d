"""The adding problem: add the two marked numbers of a long sequence (Hochreiter & Schmidhuber 1997).

Every time step has a number between 0 and 1 and a mark. Two marks are 1, one in each half; all others are 0. The target
is the sum of the two marked numbers, after 600 steps. Always predicting 1 has a mean squared error of 0.167.

For a few hundred batches the loss of the GRU hardly changes; then it falls fast.

usage: python examples/adding.py [TIME_STEPS] [BATCHES]
"""

from __future__ import annotations

import sys

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from elman.nn import Stack


def make_batch(rows: int, steps: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Make `x_BTI`, with numbers and marks as features, and the target sums."""
    numbers_BT = torch.rand(rows, steps, generator=generator)
    first_B = torch.randint(0, steps // 2, (rows,), generator=generator)
    second_B = torch.randint(steps // 2, steps, (rows,), generator=generator)
    row = torch.arange(rows)
    marks_BT = torch.zeros(rows, steps)
    marks_BT[row, first_B] = marks_BT[row, second_B] = 1.0
    sums_B = numbers_BT[row, first_B] + numbers_BT[row, second_B]
    return torch.stack([numbers_BT, marks_BT], dim=-1), sums_B


class Adder(nn.Module):
    """A GRU, and a linear layer on its final state."""

    def __init__(self) -> None:
        super().__init__()
        self.stack = Stack("gru", input_size=2, hidden_size=64)
        self.head = nn.Linear(64, 1)

    def forward(self, x_BTI: Tensor) -> Tensor:
        _, ((last,),) = self.stack(x_BTI)
        return self.head(last.h)[:, 0]


def main() -> None:
    steps = int(sys.argv[1]) if len(sys.argv) > 1 else 600
    batches = int(sys.argv[2]) if len(sys.argv) > 2 else 1200
    torch.manual_seed(0)
    generator = torch.Generator().manual_seed(1)
    model = Adder()
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=1e-2, total_steps=batches, pct_start=0.1)
    for number in range(1, batches + 1):
        x_BTI, sums_B = make_batch(32, steps, generator)
        loss = F.mse_loss(model(x_BTI), sums_B)
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        if number % max(batches // 12, 1) == 0:
            print(f"batch {number:5}  mean squared error {loss.item():.5f}", flush=True)
    with torch.no_grad():
        x_BTI, sums_B = make_batch(1000, steps, generator)
        error = F.mse_loss(model(x_BTI), sums_B).item()
    print(f"1,000 new sequences of {steps} steps: mean squared error {error:.5f}")


if __name__ == "__main__":
    main()
