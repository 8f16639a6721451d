"""Echo: read random digits, and at every time step predict the digit that was read some steps before.

The network has to store several digits at once. The stream is endless: it is cut into chunks, and the state is carried
from chunk to chunk (truncated backpropagation through time), so that digits of the previous chunk are in the state.
Guessing has an accuracy of 10 %.

usage: python examples/echo.py [DELAY] [CHUNKS]
"""

from __future__ import annotations

import sys

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from elman.nn import OneHot, Stack
from elman.state import detach

DIGITS, ROWS, STEPS = 10, 32, 20


class Echo(nn.Module):
    """One-hot digits, a recurrent layer, and logits for the digits at each time step."""

    def __init__(self, units: int = 128) -> None:
        super().__init__()
        self.embed = OneHot(DIGITS)
        self.stack = Stack("lstm", input_size=DIGITS, hidden_size=units)
        self.head = nn.Linear(units, DIGITS)

    def forward(self, digits_BT: Tensor, state):
        y_BTY, state = self.stack(self.embed(digits_BT), None, state)
        return self.head(y_BTY), state


def main() -> None:
    delay = int(sys.argv[1]) if len(sys.argv) > 1 else 5
    chunks = int(sys.argv[2]) if len(sys.argv) > 2 else 1000
    torch.manual_seed(0)
    generator = torch.Generator().manual_seed(1)
    model = Echo()
    optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)
    past = torch.randint(0, DIGITS, (ROWS, delay), generator=generator)
    state = model.stack.initial_state(ROWS)
    for number in range(1, chunks + 1):
        digits_BT = torch.randint(0, DIGITS, (ROWS, STEPS), generator=generator)
        stream = torch.cat([past, digits_BT], dim=1)
        targets_BT, past = stream[:, :STEPS], stream[:, STEPS:]
        scores_BTV, state = model(digits_BT, detach(state))  # carry the state over without its graph
        loss = F.cross_entropy(scores_BTV.flatten(0, 1), targets_BT.flatten())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if number == 1 or number % max(chunks // 10, 1) == 0:
            right = (scores_BTV.argmax(-1) == targets_BT).float().mean()
            print(f"chunk {number:5}  loss {loss.item():.3f}  accuracy {right.item():.0%}")
    print("read:  ", *digits_BT[0].tolist())
    print("echoed:", *scores_BTV[0].argmax(-1).tolist())


if __name__ == "__main__":
    main()
