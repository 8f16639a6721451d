"""A recurrent layer over two time steps, computed in three ways.

Four rows, two time steps, three input features, five hidden units: first in plain torch, then step by step with a cell,
then with the unrolled layer. All three give the same numbers.

usage: python examples/first_lesson.py
"""

from __future__ import annotations

import torch

from elman.cells import Elman
from elman.nn import Unroll

# x_BTI: batch x time x input. The second row has one time step; the zeros after it are padding.
X_BTI = torch.tensor(
    [
        [[0.0, 1.0, 2.0], [9.0, 8.0, 7.0]],
        [[3.0, 4.0, 5.0], [0.0, 0.0, 0.0]],
        [[6.0, 7.0, 8.0], [6.0, 5.0, 4.0]],
        [[9.0, 0.0, 1.0], [3.0, 2.0, 1.0]],
    ]
)


def main() -> None:
    torch.manual_seed(0)
    torch.set_printoptions(precision=3, sci_mode=False)
    cell = Elman(input_size=3, hidden_size=5)

    print("1. By hand: y_t = tanh(x_t W_x + y_{t-1} W_y + b)")
    W_x, W_y, b = cell.weight_ih.T, cell.weight_hh.T, cell.bias_ih + cell.bias_hh
    y_0 = torch.tanh(X_BTI[:, 0] @ W_x + b)
    y_1 = torch.tanh(X_BTI[:, 1] @ W_x + y_0 @ W_y + b)
    print(y_1.detach())

    print("2. Step by step: the state goes in and comes out")
    first, state = cell.step(X_BTI[:, 0], cell.initial_state(4))
    second, state = cell.step(X_BTI[:, 1], state)
    print("same numbers:", torch.allclose(first, y_0) and torch.allclose(second, y_1))

    print("3. Unrolled: all time steps in one call")
    y_BTY, last = Unroll(cell)(X_BTI)
    print("same numbers:", torch.allclose(y_BTY, torch.stack([y_0, y_1], dim=1)))
    print("the last state is the last output:", torch.equal(last.h, y_BTY[:, 1]))

    print("4. With lengths: the second row ends after its first step")
    y_BTY, last = Unroll(cell)(X_BTI, torch.tensor([2, 1, 2, 2]))
    print("its second output is zero:", y_BTY[1, 1].tolist())
    print("its state stays as it was:", torch.allclose(last.h[1], y_0[1]))


if __name__ == "__main__":
    main()
