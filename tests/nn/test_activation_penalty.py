"""The penalties on activations, against loops over plain numbers."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from elman.nn.activation_penalty import activation_penalty

B, T, H = 3, 5, 4


def by_loops(y_BTH: Tensor, dropped_BTH: Tensor, lengths: list[int], alpha: float, beta: float) -> float:
    """The two means of squares, number by number."""
    squares, differences = [], []
    for row in range(B):
        for t in range(lengths[row]):
            for h in range(H):
                squares.append(float(dropped_BTH[row, t, h]) ** 2)
                if t:
                    differences.append((float(y_BTH[row, t, h]) - float(y_BTH[row, t - 1, h])) ** 2)
    return alpha * sum(squares) / len(squares) + beta * sum(differences) / len(differences)


@pytest.mark.parametrize("lengths", [None, [5, 0, 3]])
@pytest.mark.parametrize(("alpha", "beta"), [(2.0, 0.0), (0.0, 1.0), (2.0, 1.5)])
def test_penalties_are_means_of_squares(lengths: list[int] | None, alpha: float, beta: float) -> None:
    draw = torch.Generator().manual_seed(0)
    y_BTH = torch.randn(B, T, H, dtype=torch.float64, generator=draw)
    dropped_BTH = y_BTH * (torch.rand(B, T, H, generator=draw) < 0.5) * 2.0
    lengths_B = None if lengths is None else torch.tensor(lengths)
    found = activation_penalty(y_BTH, dropped_BTH, lengths_B, alpha=alpha, beta=beta)
    assert float(found) == pytest.approx(by_loops(y_BTH, dropped_BTH, lengths or [T] * B, alpha, beta), rel=1e-12)


def test_gradients_are_those_of_finite_differences() -> None:
    y_BTH = torch.randn(B, T, H, dtype=torch.float64, generator=torch.Generator().manual_seed(1), requires_grad=True)
    lengths_B = torch.tensor([5, 1, 3])
    assert torch.autograd.gradcheck(lambda y: activation_penalty(y, 0.5 * y, lengths_B, alpha=2.0, beta=1.0), y_BTH)


def test_a_single_time_step_has_no_difference() -> None:
    y_BTH = torch.ones(2, 1, 3)
    assert float(activation_penalty(y_BTH, y_BTH, None, alpha=1.0, beta=1.0)) == 1.0


def test_the_padding_has_no_effect() -> None:
    y_BTH = torch.ones(2, 3, 2)
    y_BTH[0, 1:] = torch.nan
    found = activation_penalty(y_BTH, y_BTH, torch.tensor([1, 3]), alpha=2.0, beta=1.0)
    assert float(found) == 2.0
