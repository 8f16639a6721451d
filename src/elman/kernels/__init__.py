"""Kernels: running a cell over time with `run()`, and choosing the backend with `choose()` and `why_not()`.

The first backend of `BACKENDS` that supports the cell is used; the reference loop, which is last, supports every cell.
The environment variable `ELMAN_KERNELS` forces a backend by name, or the native backend with one instruction set.

A backend is a module with two functions: `why_not(cell, request)` returns the reason why it cannot run the cell, or
None, and `run(cell, x_BTI, lengths_B, state, recurrent_mask_BH)` runs it. The backends in `_TAKES_ROWS_AS_THEY_ARE`
also accept `Lookup` inputs, padding that is not zero, and `reverse`.

`generation` and `output_product` are further uses of the native engine, which `native_status()` describes.
"""

from __future__ import annotations

import logging
import os
from types import MappingProxyType

import torch
from torch import Tensor

from elman.errors import ConfigError, KernelUnavailableError, ShapeError
from elman.former import former_attributes
from elman.kernels import forks, native, reference, scan, torch_layers
from elman.kernels.forks import usable_threads
from elman.kernels.native.build import EVERY_INSTRUCTION_SET
from elman.kernels.recording import is_recorded
from elman.kernels.threads import PassiveWaiting, each_with_threads_for, threads_for
from elman.recurrence import KernelRequest, Lookup, RunnableCell, Step, TorchForm, clear_padding
from elman.state import State, check_tensor

__all__ = [
    "BACKENDS",
    "KernelRequest",
    "Lookup",
    "PassiveWaiting",
    "RunnableCell",
    "Step",
    "TorchForm",
    "check_lengths",
    "choose",
    "clear_padding",
    "each_with_threads_for",
    "native_status",
    "reverse_rows",
    "run",
    "threads_for",
    "usable_threads",
    "why_not",
]

BACKENDS = MappingProxyType({"native": native, "torch": torch_layers, "scan": scan, "reference": reference})
_TAKES_ROWS_AS_THEY_ARE = frozenset({"native"})

_log = logging.getLogger("elman.kernels")
_logged: set[tuple[str, str]] = set()


__getattr__ = former_attributes(__name__, {"Request": "KernelRequest"})


def why_not(cell: RunnableCell, request: KernelRequest | None = None) -> dict[str, str | None]:
    """Return, for every backend in order of preference, None if it can run the cell, else the reason why it cannot."""
    request = request or KernelRequest()
    return {name: backend.why_not(cell, request) for name, backend in BACKENDS.items()}


def native_status() -> dict[str, str | bool]:
    """Return the native engine's instruction set, compiler and threads, or the reason for its absence as `problem`."""
    return native.library.describe()


def choose(cell: RunnableCell, request: KernelRequest | None = None, kernel: str | None = None) -> str:
    """Return the name of the backend that runs `cell`.

    `kernel`, or else the environment variable ELMAN_KERNELS, forces a backend. Raises ConfigError for an unknown name
    and KernelUnavailableError when the forced backend cannot run the cell.
    """
    request = request or KernelRequest()
    forced = kernel or os.environ.get("ELMAN_KERNELS") or None
    if forced in EVERY_INSTRUCTION_SET:
        forced = "native"
    if forced is None:
        order = [*BACKENDS]
        if torch._C._is_tracing():
            # What is recorded should run in programs without elman: torch's own layers, or in ONNX the loop.
            order = ["torch", "reference"] if torch.onnx.is_in_onnx_export() else ["torch", *order]
        name = next(name for name in order if BACKENDS[name].why_not(cell, request) is None)
    elif forced not in BACKENDS:
        raise ConfigError(
            f"expected a kernel among {', '.join(BACKENDS)}, or an instruction set of the native one among "
            f"{', '.join(EVERY_INSTRUCTION_SET)}. Received: {forced!r}"
        )
    else:
        name = forced
        reason = BACKENDS[name].why_not(cell, request)
        if reason is not None:
            raise KernelUnavailableError(f"the kernel {forced!r} cannot run {type(cell).__name__}: {reason}")
    key = (type(cell).__name__, name)
    if key not in _logged:
        _logged.add(key)
        _log.info("%s runs on the %s kernel", *key)
    return name


def run(
    cell: RunnableCell,
    x: Tensor | Lookup,
    lengths_B: Tensor | None,
    state: State,
    *,
    recurrent_mask_BH: Tensor | None = None,
    reverse: bool = False,
    kernel: str | None = None,
) -> tuple[Tensor, State]:
    """Run `cell` over time.

    x                  float `x_BTI`, or a `Lookup`; the padding past a row's length has no effect
    lengths_B          int64, 0..T, in any order; None when every row has T time steps
    state              the initial state
    recurrent_mask_BH  multiplies `h` in the recurrent product of every time step: recurrent dropout
    reverse            run each row from its last time step to its first; each output stays at its input's position
    kernel             the name of a backend, to force it

    Returns `y_BTY`, zero past a row's length, and the state after each row's last time step.
    Raises ShapeError when the shape of `x` or `lengths_B` is wrong, and the errors of `choose`.
    """
    shown, dimensions, legend = (
        (x.tokens_BT, 2, "tokens_BT with 2 dimensions (batch, time)")
        if isinstance(x, Lookup)
        else (x, 3, "x_BTI with 3 dimensions (batch, time, input)")
    )
    check_tensor(legend.split()[0], shown)
    if shown.dim() != dimensions:
        raise ShapeError(f"expected {legend}. Received: {tuple(shown.shape)}")
    if torch.compiler.is_compiling() and shown.device.type == "cpu":
        # torch.compile can trace neither the choice of a kernel nor calls by pointer, so a layer is one opaque call.
        return torch.compiler.disable(_run)(cell, x, lengths_B, state, recurrent_mask_BH, reverse, kernel)
    return _run(cell, x, lengths_B, state, recurrent_mask_BH, reverse, kernel)


def _run(
    cell: RunnableCell,
    x: Tensor | Lookup,
    lengths_B: Tensor | None,
    state: State,
    recurrent_mask_BH: Tensor | None,
    reverse: bool,
    kernel: str | None,
) -> tuple[Tensor, State]:
    forks.watch()
    shown = x.tokens_BT if isinstance(x, Lookup) else x
    B, T = shown.shape[:2]
    if lengths_B is not None:
        lengths_B = check_lengths(lengths_B, B, T).to(shown.device)
        if isinstance(x, Lookup):
            # The padding may hold any number, even one that is not a row of the matrix.
            x = Lookup(clear_padding(x.tokens_BT[..., None], lengths_B)[..., 0], x.features_VI)
    if B == 0 or T == 0:
        # The empty sum keeps the weights in the graph, so that training on an empty batch works.
        nothing_BTI = x.inputs() if isinstance(x, Lookup) else x
        return nothing_BTI.new_zeros(B, T, cell.output_size) + cell.project(nothing_BTI).sum(), state
    dtype = x.features_VI.dtype if isinstance(x, Lookup) else x.dtype
    request = KernelRequest(
        ragged=lengths_B is not None,
        recurrent_mask=recurrent_mask_BH is not None,
        mask_gradient=recurrent_mask_BH is not None and recurrent_mask_BH.requires_grad and torch.is_grad_enabled(),
        device=shown.device,
        dtype=dtype,
    )
    name = choose(cell, request, kernel)
    if name in _TAKES_ROWS_AS_THEY_ARE:
        return native.run(cell, x, lengths_B, state, recurrent_mask_BH, reverse)
    x_BTI = x.inputs() if isinstance(x, Lookup) else x
    if lengths_B is not None:
        x_BTI = clear_padding(x_BTI, lengths_B)
    if reverse:
        x_BTI = reverse_rows(x_BTI, lengths_B)
    y_BTY, last = BACKENDS[name].run(cell, x_BTI, lengths_B, state, recurrent_mask_BH)
    return (reverse_rows(y_BTY, lengths_B) if reverse else y_BTY), last


def reverse_rows(x_BTF: Tensor, lengths_B: Tensor | None) -> Tensor:
    """Reverse each row within its length; the padding stays in place."""
    if lengths_B is None:
        return x_BTF.flip(1)
    steps_T = torch.arange(x_BTF.shape[1], device=x_BTF.device)
    lengths_B1 = lengths_B.to(x_BTF.device)[:, None]
    source_BT = torch.where(steps_T < lengths_B1, lengths_B1 - 1 - steps_T, steps_T)
    return x_BTF.gather(1, source_BT[..., None].expand_as(x_BTF))


def check_lengths(lengths_B: Tensor, B: int, T: int) -> Tensor:
    """Return `lengths_B` as int64. Raises ShapeError unless it has B integers from 0 to T."""
    check_tensor("lengths_B", lengths_B)
    if lengths_B.is_floating_point() or lengths_B.shape != (B,):
        raise ShapeError(
            f"expected lengths_B with {B} whole numbers. Received: shape {tuple(lengths_B.shape)}, {lengths_B.dtype}"
        )
    lengths_B = lengths_B.to(torch.int64)
    if B and not is_recorded() and (int(lengths_B.min()) < 0 or int(lengths_B.max()) > T):
        raise ShapeError(
            f"expected lengths_B between 0 and T = {T}. Received: {int(lengths_B.min())} to {int(lengths_B.max())}"
        )
    return lengths_B
