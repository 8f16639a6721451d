"""torch's fused layers (oneDNN and MKL on a CPU, cuDNN on a GPU), for cells with the same equations.

`RunnableCell.torch_form` names the layer and gives its weights.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from typing import Any

import torch
from torch import Tensor
from torch.nn.utils.rnn import PackedSequence, pack_padded_sequence, pad_packed_sequence

from elman.errors import KernelUnavailableError
from elman.recurrence import KernelRequest, RunnableCell, TorchForm
from elman.state import State, map_leaves

__all__ = ["run", "why_not"]

_LAYERS: dict[str, Callable[..., Any]] = {
    "lstm": torch.lstm,
    "gru": torch.gru,
    "rnn_tanh": torch.rnn_tanh,
    "rnn_relu": torch.rnn_relu,
}


def why_not(cell: RunnableCell, request: KernelRequest) -> str | None:
    """Return the reason why torch's layers cannot run this cell, or None."""
    form = cell.torch_form()
    if isinstance(form, str):
        return form
    if request.recurrent_mask:
        return "torch's layers have no recurrent dropout"
    if torch._C._is_tracing() and torch.onnx.is_in_onnx_export() and len(form.weights) % 2:
        return "ONNX has no LSTM with a projection"
    return None


def run(
    cell: RunnableCell, x_BTI: Tensor, lengths_B: Tensor | None, state: State, recurrent_mask_BH: Tensor | None = None
) -> tuple[Tensor, State]:
    """Return the outputs `y_BTY` and the state after each row's last time step."""
    del recurrent_mask_BH
    form = cell.torch_form()
    if isinstance(form, str):
        raise KernelUnavailableError(form)
    if lengths_B is None:
        return _call(form, x_BTI, state)
    # ReLU is unbounded: in the padding it may overflow, and 0 * inf is NaN in the gradient.
    if len(state) == 1 and form.layer != "rnn_relu":
        return _run_and_gather(form, x_BTI, lengths_B, state)
    return _run_packed(form, x_BTI, lengths_B, state)


@contextmanager
def _without_warnings() -> Iterator[None]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        yield


def _call(form: TorchForm, x: Tensor | PackedSequence, state: State) -> tuple[Tensor, State]:
    """Call the fused layer with a batch-first tensor or with the data of a packed sequence."""
    hidden = tuple(leaf[None].contiguous() for leaf in state)
    hx = hidden if len(hidden) > 1 else hidden[0]
    # One layer, no dropout, one direction. cuDNN saves tensors for backward only if its `train` argument is true.
    train = torch.is_grad_enabled() or torch._C._is_tracing()
    options = (list(form.weights), form.has_biases, 1, 0.0, train, False)
    layer = _LAYERS[form.layer]
    arguments = (x.data, x.batch_sizes, hx, *options) if isinstance(x, PackedSequence) else (x, hx, *options, True)
    # An odd number of weights means a projection: torch then warns once per process that it uses a slower loop.
    with _without_warnings() if len(form.weights) % 2 else nullcontext():
        y, *last = layer(*arguments)
    remaining = iter(last)
    return y, map_leaves(lambda _: next(remaining)[0], state)


def _run_and_gather(form: TorchForm, x_BTI: Tensor, lengths_B: Tensor, state: State) -> tuple[Tensor, State]:
    """Run a bounded cell whose output is its state through the padding, and gather each row's last valid output."""
    y_BTH, _ = _call(form, x_BTI, state)
    alive_BT = torch.arange(y_BTH.shape[1], device=lengths_B.device) < lengths_B[:, None]
    last_B = (lengths_B - 1).clamp(min=0)
    final_BH = y_BTH[torch.arange(len(last_B), device=last_B.device), last_B]
    final = map_leaves(lambda start: torch.where((lengths_B > 0)[:, None], final_BH, start), state)
    return torch.where(alive_BT[..., None], y_BTH, torch.zeros_like(y_BTH)), final


def _run_packed(form: TorchForm, x_BTI: Tensor, lengths_B: Tensor, state: State) -> tuple[Tensor, State]:
    """Run any cell on packed sequences, for which torch returns the final state of each row."""
    T = x_BTI.shape[1]
    # Packing does not support empty rows: run those for one time step, then restore their initial state.
    packed = pack_padded_sequence(x_BTI, lengths_B.clamp(min=1).cpu(), batch_first=True, enforce_sorted=False)
    order, back = packed.sorted_indices, packed.unsorted_indices
    data, last = _call(form, packed, map_leaves(lambda leaf: leaf[order], state))
    y_BTY, _ = pad_packed_sequence(
        PackedSequence(data, packed.batch_sizes, order, back), batch_first=True, total_length=T
    )
    running_B1 = (lengths_B > 0)[:, None]
    final = map_leaves(lambda new, old: torch.where(running_B1, new[back], old), last, state)
    return torch.where(running_B1[..., None], y_BTY, torch.zeros_like(y_BTY)), final
