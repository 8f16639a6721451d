"""Penalties on the activations of recurrent layers: activation regularisation, and its temporal form."""

from __future__ import annotations

import torch
from torch import Tensor

__all__ = ["activation_penalty"]


def activation_penalty(
    y_BTH: Tensor, dropped_BTH: Tensor, lengths_B: Tensor | None, *, alpha: float, beta: float
) -> Tensor:
    """Return the penalty of Merity et al. 2017, as their code has it: means of squares, not norms.

        alpha * mean of (m * h_t)^2 + beta * mean of (h_t - h_{t-1})^2

    y_BTH        h_t, the outputs of the last layer
    dropped_BTH  m * h_t, the same with dropout
    lengths_B    the means are over the time steps within these lengths; None for all
    """
    steps_BT = torch.ones(y_BTH.shape[:2], dtype=torch.bool, device=y_BTH.device)
    if lengths_B is not None:
        steps_BT = torch.arange(y_BTH.shape[1], device=y_BTH.device) < lengths_B.to(y_BTH.device)[:, None]
    total = torch.zeros((), dtype=torch.promote_types(y_BTH.dtype, torch.float32), device=y_BTH.device)
    if alpha:
        total = total + alpha * _mean_square(dropped_BTH, steps_BT)
    if beta:
        total = total + beta * _mean_square(y_BTH[:, 1:] - y_BTH[:, :-1], steps_BT[:, 1:])
    return total


def _mean_square(x_BTH: Tensor, steps_BT: Tensor) -> Tensor:
    """Return the mean of the squares over all units of some time steps; 0 without any."""
    squares_BT = x_BTH.to(torch.promote_types(x_BTH.dtype, torch.float32)).square().mean(dim=-1)
    return torch.where(steps_BT, squares_BT, 0.0).sum() / steps_BT.sum().clamp(min=1)
