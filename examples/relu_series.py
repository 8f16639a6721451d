"""Forecast a synthetic series: the input is 20 time steps, and the target is the same 20 steps shifted by one.

A hundred ReLU units read the series. Their outputs of all time steps go through one linear projection in a single
product, without a loop over time steps. Then the network continues the series: each forecast is the input of the next
time step.

usage: python examples/relu_series.py [BATCHES]
"""

from __future__ import annotations

import sys

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from elman.nn import Stack

STEPS, STEP = 20, 30.0 / 300


def series(t: Tensor) -> Tensor:
    """Return the value of the series at time t."""
    return t * torch.sin(t) / 3 + 2 * torch.sin(5 * t)


def make_batch(rows: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Make windows that start at random times: `x_BTI`, and `targets_BTI` one time step later."""
    start_B = torch.rand(rows, generator=generator) * (30 - STEPS * STEP)
    values_BT = series(start_B[:, None] + STEP * torch.arange(STEPS + 1))
    return values_BT[:, :-1, None], values_BT[:, 1:, None]


class Forecaster(nn.Module):
    """ReLU units, and a projection of the outputs of all time steps."""

    def __init__(self, units: int = 100) -> None:
        super().__init__()
        self.stack = Stack("elman", input_size=1, hidden_size=units, nonlinearity="relu")
        self.project = nn.Linear(units, 1)

    def forward(self, x_BTI: Tensor, state=None):
        y_BTY, state = self.stack(x_BTI, None, state)
        return self.project(y_BTY), state


def main() -> None:
    batches = int(sys.argv[1]) if len(sys.argv) > 1 else 3000
    torch.manual_seed(0)
    generator = torch.Generator().manual_seed(1)
    model = Forecaster()
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    for number in range(1, batches + 1):
        x_BTI, targets_BTI = make_batch(50, generator)
        forecasts_BTI, _ = model(x_BTI)
        loss = F.mse_loss(forecasts_BTI, targets_BTI)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if number == 1 or number % max(batches // 10, 1) == 0:
            print(f"batch {number:5}  mean squared error {loss.item():.4f}")

    with torch.no_grad():
        x_BTI, targets_BTI = make_batch(1000, generator)
        print(f"new windows: mean squared error {F.mse_loss(model(x_BTI)[0], targets_BTI).item():.4f}, ", end="")
        print(f"of repeating the last value {F.mse_loss(x_BTI, targets_BTI).item():.4f}")
        # A window from time 12.2, then ten time steps that the network forecasts from its own outputs.
        times = 12.2 + STEP * torch.arange(STEPS + 10)
        truth = series(times)
        forecasts_BTI, state = model(truth[None, :STEPS, None])
        value, found = forecasts_BTI[:, -1:], []
        for _ in range(10):
            found.append(value.item())
            value, state = model(value, state)
    print("time   truth  forecast")
    for time, true, forecast in zip(times[STEPS:].tolist(), truth[STEPS:].tolist(), found, strict=True):
        print(f"{time:.1f}  {true:6.2f}  {forecast:8.2f}")


if __name__ == "__main__":
    main()
