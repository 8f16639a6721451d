"""The first lesson: two steps of a recurrent layer written out by hand, then stepped, then unrolled."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from elman.cells import Elman
from elman.nn import Stack, Unroll
from elman.state import leaves

INSTANCES, STEPS, INPUTS, NEURONS = 4, 2, 3, 5

X = torch.tensor(
    [
        [[0.0, 1.0, 2.0], [9.0, 8.0, 7.0]],
        [[3.0, 4.0, 5.0], [0.0, 0.0, 0.0]],
        [[6.0, 7.0, 8.0], [6.0, 5.0, 4.0]],
        [[9.0, 0.0, 1.0], [3.0, 2.0, 1.0]],
    ]
)


@pytest.fixture
def cell() -> Elman:
    torch.manual_seed(1)
    cell = Elman(INPUTS, NEURONS)
    with torch.no_grad():
        for parameter in cell.parameters():
            parameter.normal_(0.0, 0.3)
    return cell


def by_hand(cell: Elman) -> tuple[torch.Tensor, torch.Tensor]:
    Wx, Wy, b = cell.weight_ih.T, cell.weight_hh.T, cell.bias_ih + cell.bias_hh
    x0, x1 = X[:, 0], X[:, 1]
    y0 = torch.tanh(x0 @ Wx + b)
    y1 = torch.tanh(y0 @ Wy + x1 @ Wx + b)
    return y0, y1


def test_by_hand_stepped_and_unrolled_are_one(cell: Elman) -> None:
    assert X.shape == (INSTANCES, STEPS, INPUTS)
    y0, y1 = by_hand(cell)
    assert y0.shape == y1.shape == (INSTANCES, NEURONS)
    first, state = cell(X[:, 0])
    second, last = cell(X[:, 1], state)
    torch.testing.assert_close(first, y0)
    torch.testing.assert_close(second, y1)
    for layer in (Unroll(cell), Unroll(cell, kernel="reference"), Unroll(cell, kernel="torch")):
        y_BTY, final = layer(X)
        torch.testing.assert_close(y_BTY, torch.stack([y0, y1], dim=1))
        torch.testing.assert_close(final.h, last.h)


def test_a_second_row_of_length_one_ends_after_its_first_step(cell: Elman) -> None:
    y0, y1 = by_hand(cell)
    y_BTY, final = Unroll(cell)(X, torch.tensor([2, 1, 2, 2]))
    torch.testing.assert_close(y_BTY[1, 0], y0[1])
    assert y_BTY[1, 1].tolist() == [0.0] * NEURONS
    torch.testing.assert_close(final.h[1], y0[1])
    torch.testing.assert_close(final.h[[0, 2, 3]], y1[[0, 2, 3]])


def test_known_numbers() -> None:
    """One neuron with weights that fit in the head."""
    cell = Elman(1, 1)
    with torch.no_grad():
        cell.weight_ih.fill_(1.0)
        cell.weight_hh.fill_(-2.0)
        cell.bias_ih.fill_(0.5)
    y_BTY, final = Unroll(cell)(torch.tensor([[[0.5], [1.0]]]))
    first = np.tanh(1.0)
    np.testing.assert_allclose(y_BTY[0, :, 0].detach(), [first, np.tanh(1.5 - 2 * first)], rtol=0, atol=1e-6)
    assert torch.equal(final.h, y_BTY[:, 1])


def test_three_layers_are_each_others_input(cell: Elman) -> None:
    torch.manual_seed(2)
    stack = Stack("elman", INPUTS, NEURONS, layers=3)
    x = X
    finals = []
    for layer in stack.unrolls():
        x, final = layer[0](x)
        finals.append(final)
    y_BTY, last = stack(X)
    assert torch.equal(y_BTY, x)
    assert all(map(torch.equal, leaves(last), leaves(finals)))
