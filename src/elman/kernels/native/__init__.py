"""The native engine: fused, compiled kernels on a CPU for every cell whose equations are element-wise.

One C++ driver (`csrc/layer.h`) contains the matrix products, the time loop, and the handling of lengths and direction.
The equations of a cell's `update` are traced, differentiated and compiled (`trace.py`, `derive.py`, `emit.py`).
"""

from __future__ import annotations

from functools import reduce
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor
from torch.autograd import forward_ad

from elman.errors import KernelUnavailableError, ShapeError
from elman.kernels.native import library
from elman.kernels.recording import is_recorded
from elman.recurrence import KernelRequest, Lookup, RunnableCell, clear_padding
from elman.state import State, leaves

if TYPE_CHECKING:
    from elman.kernels.native.layer import Layer
    from elman.kernels.native.program import Program

__all__ = ["run", "why_not"]

_ELEMENT_BYTES = {torch.float32: 4, torch.float64: 8}


def why_not(cell: RunnableCell, request: KernelRequest) -> str | None:
    """Return the reason why the native engine cannot run this cell, or None."""
    if request.device.type != "cpu":
        return f"it runs on CPUs only, and the input is on {request.device}"
    if request.mask_gradient:
        return "it computes no gradient for a recurrent mask"
    if torch._C._are_functorch_transforms_active():
        return "it cannot be transformed by torch.func (grad, vmap, jvp)"
    if forward_ad._current_level >= 0:
        return "it computes no derivatives in forward mode (torch.autograd.forward_ad)"
    reason = library.why_not()
    if reason is not None:
        return reason
    dtype = cell.weight_ih.dtype
    if dtype not in _ELEMENT_BYTES:
        return f"it computes in float32 and float64, and the weights are {dtype}"
    from elman.kernels.native.trace import program_of

    program = program_of(cell)
    if isinstance(program, str):
        return program
    if request.recurrent_mask and not program.h_gates:
        return "a cell without a recurrent product has no recurrent dropout"
    compiled = library.find(program, _ELEMENT_BYTES[dtype])
    return compiled if isinstance(compiled, str) else None


def run(
    cell: RunnableCell,
    x: Tensor | Lookup,
    lengths_B: Tensor | None,
    state: State,
    recurrent_mask_BH: Tensor | None = None,
    reverse: bool = False,
) -> tuple[Tensor, State]:
    """Return the outputs `y_BTH`, zero past a row's length, and the state after each row's last time step.

    Under `torch.autocast` to bfloat16 the matrix products have bfloat16 factors and float32 sums if the CPU supports
    this; everything else, including the state, stays float32.
    """
    from elman.kernels.native.trace import program_of

    program = program_of(cell)
    if isinstance(program, str):
        raise KernelUnavailableError(program)
    autocast = torch.is_autocast_enabled("cpu")
    half = autocast and torch.get_autocast_dtype("cpu") == torch.bfloat16
    if not autocast:
        return _run(cell, program, x, lengths_B, state, recurrent_mask_BH, reverse, half)
    with torch.autocast("cpu", enabled=False):
        return _run(cell, program, x, lengths_B, state, recurrent_mask_BH, reverse, half)


def _run(
    cell: Any,
    program: Program,
    x: Tensor | Lookup,
    lengths_B: Tensor | None,
    state: State,
    mask_BH: Tensor | None,
    reverse: bool,
    half: bool,
) -> tuple[Tensor, State]:
    from elman.kernels.native.layer import Input, Layer, has_half_products
    from elman.kernels.native.ops import run_layer

    dtype = cell.weight_ih.dtype
    product = cell.plain_input_product
    tokens_BT = None
    if torch.is_grad_enabled():
        # The backward pass reads these numbers too. They may be memory of NumPy that the caller fills again.
        x = Lookup(x.tokens_BT.clone(), x.features_VI) if isinstance(x, Lookup) else x
        lengths_B = None if lengths_B is None else lengths_B.clone()
    if isinstance(x, Lookup):
        # Projecting the V rows of the matrix is cheaper than projecting B x T inputs.
        if product and x.features_VI.shape[0] < x.tokens_BT.numel():
            kind, tokens_BT, entering = Input.TOKENS, x.tokens_BT.long(), cell.project(x.features_VI.to(dtype))
        else:
            kind, entering = Input.PRODUCT, x.inputs().to(dtype)
    else:
        kind, entering = Input.PRODUCT, x.to(dtype)
    if not product:
        if lengths_B is not None:
            entering = clear_padding(entering, lengths_B)
        kind, entering = Input.READY, cell.project(entering)
    own = kind is Input.PRODUCT
    past = bool(program.h_gates)
    B, H = (x.tokens_BT if isinstance(x, Lookup) else x).shape[0], cell.hidden_size
    if mask_BH is not None:
        mask_BH = mask_BH.to(dtype)
        mask_BH = mask_BH.expand(B, H) if mask_BH.shape in ((H,), (1, H)) else mask_BH
    layer = Layer(
        program=program,
        kind=kind,
        x=entering,
        tokens_BT=tokens_BT,
        lengths_B=lengths_B,
        start=[leaf.to(dtype) for leaf in leaves(state)],
        products=(
            cell.weight_ih if own else None,
            cell.bias_ih if own else None,
            cell.weight_hh if past else None,
            cell.bias_hh if past else None,
        ),
        parameters=[
            reduce(getattr, name.split("."), cell).reshape(-1).to(dtype).expand(H) for name in program.parameters
        ],
        mask_BH=mask_BH,
        reverse=reverse,
        half=half and dtype == torch.float32 and has_half_products(),
    )
    check_sizes(layer, B, H)
    if not is_recorded():
        layer.check_tokens()
    y_BTH, last = run_layer(layer)
    return y_BTH, type(state)(*last)


def check_sizes(layer: Layer, B: int, H: int) -> None:
    """Raise ShapeError for a tensor of wrong shape, dtype or device: the driver reads tensors by pointer."""
    p, u = layer.program.p_blocks * H, layer.program.u_blocks * H
    weight_ih, bias_ih, weight_hh, bias_hh = layer.products
    inputs = p if weight_ih is None else weight_ih.shape[-1]
    dtype = layer.x.dtype
    for name, tensor, shape in (
        ("inputs", layer.x, (*layer.x.shape[:-1], inputs)),
        ("weight_ih", weight_ih, (p, inputs)),
        ("bias_ih", bias_ih, (p,)),
        ("weight_hh", weight_hh, (u, H)),
        ("bias_hh", bias_hh, (u,)),
        ("recurrent_mask_BH", layer.mask_BH, (B, H)),
        *(("a state", leaf, (B, H)) for leaf in layer.start),
        *zip(layer.program.parameters, layer.parameters, [(H,)] * len(layer.parameters), strict=True),
    ):
        if tensor is not None and (tensor.shape != shape or tensor.dtype != dtype or not tensor.is_cpu):
            received = f"{tuple(tensor.shape)}, {tensor.dtype}, on {tensor.device}"
            raise ShapeError(f"expected {name} of shape {shape}, {dtype}, on the CPU. Received: {received}")
