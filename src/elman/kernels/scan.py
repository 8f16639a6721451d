"""Parallel scan for cells that are linear in their state: h_t = a_t * h_{t-1} + b_t for all t in log2(T) sweeps.

Sweep k combines every time step with the one 2^k before it (Blelloch 1990, "Prefix sums and their applications";
Martin & Cundy 2018 for recurrent networks).
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from elman.errors import KernelUnavailableError
from elman.recurrence import KernelRequest, RunnableCell
from elman.state import State, map_leaves

__all__ = ["linear_scan", "run", "why_not"]


def why_not(cell: RunnableCell, request: KernelRequest) -> str | None:
    """Return the reason why a scan cannot run this cell, or None."""
    if not cell.is_linear:
        return "its recurrence is not linear in the state"
    if request.recurrent_mask:
        return "a cell without a recurrent product has no recurrent dropout"
    return None


def linear_scan(a_BTH: Tensor, b_BTH: Tensor, h_BH: Tensor) -> Tensor:
    """Return all h_t of h_t = a_t * h_{t-1} + b_t for the initial state `h_BH`; differentiable."""
    b_BTH = torch.cat([b_BTH[:, :1] + a_BTH[:, :1] * h_BH[:, None], b_BTH[:, 1:]], dim=1)
    span = 1
    while span < b_BTH.shape[1]:
        earlier_b = F.pad(b_BTH[:, :-span], (0, 0, span, 0))
        earlier_a = F.pad(a_BTH[:, :-span], (0, 0, span, 0), value=1.0)
        b_BTH = b_BTH + a_BTH * earlier_b
        a_BTH = a_BTH * earlier_a
        span *= 2
    return b_BTH


def run(
    cell: RunnableCell, x_BTI: Tensor, lengths_B: Tensor | None, state: State, recurrent_mask_BH: Tensor | None = None
) -> tuple[Tensor, State]:
    """Return the outputs `y_BTH` and the state after each row's last time step."""
    del recurrent_mask_BH
    form = cell.linear_form(cell.project(x_BTI))
    if isinstance(form, str):
        raise KernelUnavailableError(form)
    a_BTH, b_BTH = form
    (h_BH,) = state
    h_BTH = linear_scan(a_BTH, b_BTH, h_BH)
    if lengths_B is None:
        return h_BTH, map_leaves(lambda _: h_BTH[:, -1], state)
    T = h_BTH.shape[1]
    alive_BT = torch.arange(T, device=lengths_B.device) < lengths_B[:, None]
    last_B = (lengths_B - 1).clamp(min=0)
    final_BH = h_BTH[torch.arange(len(last_B), device=last_B.device), last_B]
    final_BH = torch.where((lengths_B > 0)[:, None], final_BH, h_BH)
    return torch.where(alive_BT[..., None], h_BTH, torch.zeros_like(h_BTH)), map_leaves(lambda _: final_BH, state)
