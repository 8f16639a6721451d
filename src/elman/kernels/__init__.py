"""How a recurrence is run. The whole interface is `run()`, `why_not()` and `choose()`.

The first backend of `BACKENDS` with no objection runs; the reference loop, which is last, never objects. The
environment variable `ELMAN_KERNELS` forces one by name. A backend is a module with `why_not(cell, request)`, which
answers with a sentence or None, and `run(cell, x_BTI, lengths_B, state, recurrent_mask_BH)`.
Knows nothing about layers, direction or tasks.
"""

from __future__ import annotations

import logging
import os
from types import MappingProxyType

import torch
from torch import Tensor

from elman.errors import ConfigError, KernelUnavailable, ShapeError
from elman.kernels import reference, scan, torch_layers
from elman.kernels.forms import Request, RunnableCell, Step, TorchForm
from elman.types import State

__all__ = [
    "BACKENDS",
    "Request",
    "RunnableCell",
    "Step",
    "TorchForm",
    "check_lengths",
    "choose",
    "clear_padding",
    "run",
    "why_not",
]

BACKENDS = MappingProxyType({"torch": torch_layers, "scan": scan, "reference": reference})

_log = logging.getLogger("elman.kernels")
_told: set[tuple[str, str]] = set()


def why_not(cell: RunnableCell, request: Request | None = None) -> dict[str, str | None]:
    """For every backend, in order of preference: None when it can run the cell, else a sentence why it cannot."""
    request = request or Request()
    return {name: backend.why_not(cell, request) for name, backend in BACKENDS.items()}


def choose(cell: RunnableCell, request: Request | None = None, kernel: str | None = None) -> str:
    """The name of the backend that will run `cell`.

    `kernel`, or else the environment variable ELMAN_KERNELS, forces one. Raises ConfigError for an unknown name and
    KernelUnavailable when the forced one cannot run the cell.
    """
    forced = kernel or os.environ.get("ELMAN_KERNELS") or None
    reasons = why_not(cell, request)
    if forced is None:
        name = next(name for name, reason in reasons.items() if reason is None)
    elif forced not in BACKENDS:
        raise ConfigError(f"expected a kernel among {', '.join(BACKENDS)}. Received: {forced!r}")
    elif reasons[forced] is not None:
        raise KernelUnavailable(f"the kernel {forced!r} cannot run {type(cell).__name__}: {reasons[forced]}")
    else:
        name = forced
    key = (type(cell).__name__, name)
    if key not in _told:
        _told.add(key)
        _log.info("%s runs on the %s kernel", *key)
    return name


def run(
    cell: RunnableCell,
    x_BTI: Tensor,
    lengths_B: Tensor | None,
    state: State,
    *,
    recurrent_mask_BH: Tensor | None = None,
    kernel: str | None = None,
) -> tuple[Tensor, State]:
    """Run `cell` over time.

    x_BTI              float input; what stands past a row's length never matters
    lengths_B          int64, 0..T, in any order; None when every row has T steps
    state              the state before the first step
    recurrent_mask_BH  multiplies the past's part (`h`) of every step: recurrent dropout
    kernel             a backend's name, to force it

    Returns `y_BTY`, zero past a row's length, and the state after each row's last step.
    Raises ShapeError when `x_BTI` or `lengths_B` does not fit.
    """
    if x_BTI.dim() != 3:
        raise ShapeError(f"expected x_BTI with 3 dimensions (batch, time, input). Received: {tuple(x_BTI.shape)}")
    B, T, _ = x_BTI.shape
    if lengths_B is not None:
        lengths_B = check_lengths(lengths_B, B, T).to(x_BTI.device)
        x_BTI = clear_padding(x_BTI, lengths_B)
    if B == 0 or T == 0:
        # The sum of nothing: it keeps the weights in the graph, so that an empty batch can be trained on.
        return x_BTI.new_zeros(B, T, cell.output_size) + cell.project(x_BTI).sum(), state
    request = Request(lengths_B is not None, recurrent_mask_BH is not None, x_BTI.device, x_BTI.dtype)
    backend = BACKENDS[choose(cell, request, kernel)]
    result: tuple[Tensor, State] = backend.run(cell, x_BTI, lengths_B, state, recurrent_mask_BH)
    return result


def clear_padding(x_BTF: Tensor, lengths_B: Tensor) -> Tensor:
    """`x_BTF` with zeros past each row's length, so that not even NaN in the padding can reach a gradient."""
    padding_BT = torch.arange(x_BTF.shape[1], device=x_BTF.device) >= lengths_B[:, None]
    return x_BTF.masked_fill(padding_BT[..., None], 0.0)


def check_lengths(lengths_B: Tensor, B: int, T: int) -> Tensor:
    """`lengths_B` as int64. Raises ShapeError unless it holds B whole numbers from 0 to T."""
    if lengths_B.is_floating_point() or lengths_B.shape != (B,):
        raise ShapeError(
            f"expected lengths_B with {B} whole numbers. Received: shape {tuple(lengths_B.shape)}, {lengths_B.dtype}"
        )
    lengths_B = lengths_B.to(torch.int64)
    if B and (int(lengths_B.min()) < 0 or int(lengths_B.max()) > T):
        raise ShapeError(
            f"expected lengths_B between 0 and T = {T}. Received: {int(lengths_B.min())} to {int(lengths_B.max())}"
        )
    return lengths_B
