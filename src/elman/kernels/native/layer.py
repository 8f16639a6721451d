"""`Layer`: the call of one layer's forward and backward pass through `elman_layer` of `csrc/layer_abi.h`."""

from __future__ import annotations

import ctypes
import enum
from collections.abc import Sequence
from ctypes import c_int32, c_int64, c_void_p
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from elman.errors import DataError, ElmanError, KernelUnavailableError, ShapeError
from elman.kernels.native import buffer_pool, library
from elman.kernels.native.abi import MAX_GATES, MAX_LEAVES, MAX_PARAMETERS, CompiledProgram
from elman.kernels.native.program import Program

__all__ = [
    "PRODUCTS",
    "GradientMask",
    "Gradients",
    "Input",
    "Layer",
    "Tape",
    "has_half_products",
    "tape_sizes",
]

# The weights and biases of the input product and the recurrent product.
PRODUCTS = ("weight_ih", "bias_ih", "weight_hh", "bias_hh")
_LANE_BYTES = 64


class Input(enum.IntEnum):
    """The kind of a layer's input: features, an input projection, or tokens that select rows of a table."""

    PRODUCT = 0
    READY = 1
    TOKENS = 2


class _Call(ctypes.Structure):
    """`elman_layer`."""

    _fields_ = (
        *((name, c_int64) for name in ("rows", "steps", "inputs", "units")),
        *((name, c_int32) for name in ("element_bytes", "half_products", "reverse", "threads", "input")),
        *((name, c_int32) for name in ("p_blocks", "u_blocks", "keep")),
        ("program", CompiledProgram),
        ("x_gates", c_int32 * MAX_GATES),
        ("h_gates", c_int32 * MAX_GATES),
        ("lengths", c_void_p),
        ("order", c_void_p),
        ("x", c_void_p),
        ("x_row", c_int64),
        ("x_step", c_int64),
        ("tokens", c_void_p),
        ("tokens_row", c_int64),
        ("tokens_step", c_int64),
        *((name, c_void_p) for name in PRODUCTS),
        ("parameters", c_void_p * MAX_PARAMETERS),
        ("start", c_void_p * MAX_LEAVES),
        ("mask", c_void_p),
        ("y", c_void_p),
        ("y_row", c_int64),
        ("y_step", c_int64),
        ("final", c_void_p * MAX_LEAVES),
        *((name, c_void_p) for name in ("records", "states", "workspace")),
        ("dy", c_void_p),
        ("dy_row", c_int64),
        ("dy_step", c_int64),
        ("d_final", c_void_p * MAX_LEAVES),
        ("dx", c_void_p),
        ("dx_row", c_int64),
        ("dx_step", c_int64),
        ("table_rows", c_int64),
        *((f"d_{name}", c_void_p) for name in PRODUCTS),
        ("d_parameters", c_void_p * MAX_PARAMETERS),
        ("d_start", c_void_p * MAX_LEAVES),
        *((name, c_int64) for name in ("records_bytes", "states_bytes")),
        *((name, c_int64) for name in ("forward_workspace_bytes", "backward_workspace_bytes")),
        *((name, c_int64) for name in ("width", "blocks", "padded_units", "chunk")),
    )


def _declared(loaded: ctypes.CDLL) -> ctypes.CDLL:
    """Declare the functions of the library, and check that the size of its structure equals that of `_Call`."""
    for name in ("elman_layer_plan", "elman_layer_forward", "elman_layer_backward"):
        function = getattr(loaded, name)
        function.argtypes, function.restype = (ctypes.POINTER(_Call),), None
    loaded.elman_layer_size.restype = c_int64
    size = loaded.elman_layer_size()
    if size != ctypes.sizeof(_Call):
        raise KernelUnavailableError(
            f"expected a compiled library whose layers have {ctypes.sizeof(_Call)} bytes; reinstall elman. "
            f"Received: {size}"
        )
    return loaded


_found: dict[tuple[library.Settings, str, int], tuple[ctypes.CDLL, CompiledProgram]] = {}


def _find(program: Program, element_bytes: int) -> tuple[ctypes.CDLL, CompiledProgram]:
    """Return the library in use and the compiled functions of a program."""
    key = (library.settings(), program.digest, element_bytes)
    if key not in _found:
        compiled = library.find(program, element_bytes)
        if isinstance(compiled, str):
            raise KernelUnavailableError(compiled)
        _found[key] = _declared(library.load()), compiled
    return _found[key]


def has_half_products() -> bool:
    """Return whether the library in use supports bfloat16 matrix products."""
    return bool(library.load().elman_has_half_products())


def _pointers(array: type[ctypes.Array[c_void_p]], tensors: list[Tensor] | list[Tensor | None]) -> object:
    return array(*(None if tensor is None else tensor.data_ptr() for tensor in tensors))


def _address(tensor: Tensor | None) -> int | None:
    return None if tensor is None else tensor.data_ptr()


def rows_contiguous(tensor: Tensor) -> Tensor:
    """Return the tensor itself if its last dimension is contiguous, else a contiguous copy."""
    tensor = tensor.resolve_neg()
    return tensor if tensor.stride(-1) == 1 or tensor.shape[-1] == 1 else tensor.contiguous()


def plain(tensor: Tensor) -> Tensor:
    """Return the tensor itself if it is contiguous, else a contiguous copy; never one that is negated when read."""
    return tensor.resolve_neg().contiguous()


def _check_range(what: str, numbers: Tensor, most: int, error: type[ElmanError]) -> None:
    """Raise an error unless all numbers are from 0 to `most`."""
    low, high = torch.aminmax(numbers)
    if int(low) < 0 or int(high) > most:
        raise error(f"expected {what} from 0 to {most}. Received: {int(low)} to {int(high)}")


@dataclass(frozen=True)
class Tape:
    """Values that the forward pass saves for the backward pass: `records` and `states`, flat, in the driver's layout.

    The backward pass overwrites the records with gradients.
    """

    records: Tensor
    states: Tensor


@dataclass(frozen=True)
class Gradients:
    """The requested gradients; None for the others."""

    x: Tensor | None
    start: list[Tensor | None]
    products: list[Tensor | None]
    parameters: list[Tensor | None]


def tape_sizes(program: Program, rows: int, steps: int, units: int, element_bytes: int) -> tuple[int, int]:
    """Return the numbers of elements in `records` and in `states` of a tape (see csrc/layer_shape.h)."""
    lanes = _LANE_BYTES // element_bytes
    gates = max(1, len(program.x_gates), len(program.h_gates))
    width = lanes * max(1, min(4 // gates, (units + lanes - 1) // lanes))
    blocks = (units + width - 1) // width
    return steps * rows * blocks * program.slots * width, len(program.leaves) * (steps + 1) * rows * blocks * width


@dataclass(frozen=True)
class Layer:
    """The inputs and options of one layer in one direction.

    program      the traced equations
    kind         the kind of `x`
    x            float: B x T x I (PRODUCT), B x T x blocks of H (READY), or the table (TOKENS)
    tokens_BT    int64 row indices of the table, for TOKENS
    lengths_B    int64, 0..T, in any order; None when all rows have T time steps
    start        the initial state: a B x H tensor for every leaf
    products     weight_ih, bias_ih, weight_hh and bias_hh in torch's layout; None where the cell has none
    parameters   a tensor of size H for every parameter of the equations
    mask_BH      multiplies h in the recurrent product
    reverse      run each row from its last time step to its first
    half         bfloat16 matrix products with float32 sums
    """

    program: Program
    kind: Input
    x: Tensor
    tokens_BT: Tensor | None
    lengths_B: Tensor | None
    start: list[Tensor]
    products: Sequence[Tensor | None]
    parameters: list[Tensor]
    mask_BH: Tensor | None
    reverse: bool = False
    half: bool = False

    @property
    def tensors(self) -> list[Tensor]:
        """The tensors that have gradients: x, the leaves of the initial state, weights and biases, parameters."""
        weights = [weight for weight in self.products if weight is not None]
        return [self.x, *self.start, *weights, *self.parameters]

    def with_tensors(self, tensors: Sequence[Tensor]) -> Layer:
        """Return this layer with other tensors in the order of `tensors`."""
        x, *others = tensors
        remaining = iter(others)
        start = [next(remaining) for _ in self.start]
        products = [None if weight is None else next(remaining) for weight in self.products]
        return replace(self, x=x, start=start, products=products, parameters=[*remaining])

    def check_tokens(self) -> None:
        """Raise DataError for a token that is no row of the table: the driver uses it as an index."""
        if self.tokens_BT is not None:
            _check_range("tokens", self.tokens_BT, self.x.shape[0] - 1, DataError)

    def check_lengths(self) -> None:
        """Raise ShapeError for a length that is not from 0 to the number of time steps."""
        if self.lengths_B is not None:
            T = (self.x if self.tokens_BT is None else self.tokens_BT).shape[1]
            _check_range("lengths", self.lengths_B, T, ShapeError)

    def forward(self, keep: bool) -> tuple[Tensor, list[Tensor], Tape | None]:
        """Return the outputs `y_BTH`, the leaves of the final state, and the tape if `keep`."""
        functions, call, held = self._call(keep)
        B, T, H = call.rows, call.steps, call.units
        y_BTH = self.x.new_empty(B, T, H)
        final = [torch.empty_like(leaf, memory_format=torch.contiguous_format) for leaf in held["start"]]
        call.y, call.y_row, call.y_step = y_BTH.data_ptr(), y_BTH.stride(0), y_BTH.stride(1)
        call.final = _pointers(c_void_p * MAX_LEAVES, final)
        functions.elman_layer_plan(ctypes.byref(call))
        sizes = call.records_bytes, call.states_bytes
        records, states = (buffer_pool.take(size)[:size].view(self.x.dtype) for size in sizes)
        workspace = buffer_pool.take(call.forward_workspace_bytes)
        call.records, call.states, call.workspace = (buffer.data_ptr() for buffer in (records, states, workspace))
        functions.elman_layer_forward(ctypes.byref(call))
        del held
        return y_BTH, final, Tape(records, states) if keep else None

    def backward(
        self, tape: Tape, dy_BTH: Tensor | None, d_final: list[Tensor | None], wanted: GradientMask
    ) -> Gradients:
        """Compute the `wanted` gradients from those of the outputs and of the final state (None for zero)."""
        functions, call, held = self._call(True)
        if dy_BTH is not None:
            dy_BTH = rows_contiguous(dy_BTH)
            call.dy, call.dy_row, call.dy_step = dy_BTH.data_ptr(), dy_BTH.stride(0), dy_BTH.stride(1)
        d_final = [None if leaf is None else plain(leaf) for leaf in d_final]
        call.d_final = _pointers(c_void_p * MAX_LEAVES, d_final)
        gradients = self.make_gradients(wanted)
        if gradients.x is not None:
            call.dx, call.dx_row = gradients.x.data_ptr(), gradients.x.stride(0)
            call.dx_step = gradients.x.stride(1) if gradients.x.dim() == 3 else 0
            call.table_rows = gradients.x.shape[0]
        for name, gradient in zip(PRODUCTS, gradients.products, strict=True):
            setattr(call, f"d_{name}", _address(gradient))
        call.d_parameters = _pointers(c_void_p * MAX_PARAMETERS, gradients.parameters)
        call.d_start = _pointers(c_void_p * MAX_LEAVES, gradients.start)
        functions.elman_layer_plan(ctypes.byref(call))
        workspace = buffer_pool.take(call.backward_workspace_bytes)
        call.records, call.states, call.workspace = (part.data_ptr() for part in (tape.records, tape.states, workspace))
        functions.elman_layer_backward(ctypes.byref(call))
        del held
        return gradients

    def make_gradients(self, wanted: GradientMask) -> Gradients:
        program = self.program
        whole_x = len(program.x_gates) == program.p_blocks
        whole_h = len(program.h_gates) == program.u_blocks

        def like(tensor: Tensor | None, requested: bool, whole: bool = True) -> Tensor | None:
            if tensor is None or not requested:
                return None
            make = torch.empty_like if whole else torch.zeros_like
            return make(tensor, memory_format=torch.contiguous_format)

        return Gradients(
            x=like(self.x, wanted.x, self.kind is Input.PRODUCT or (self.kind is Input.READY and whole_x)),
            start=[like(leaf, requested) for leaf, requested in zip(self.start, wanted.start, strict=True)],
            products=[
                like(weight, requested, whole)
                for weight, requested, whole in zip(
                    self.products, wanted.products, (whole_x, whole_x, whole_h, whole_h), strict=True
                )
            ],
            parameters=[
                like(one, requested) for one, requested in zip(self.parameters, wanted.parameters, strict=True)
            ],
        )

    def _call(self, keep: bool) -> tuple[ctypes.CDLL, _Call, dict[str, list[Tensor]]]:
        """Return the library, the call without its buffers, and the temporary tensors that the call points to."""
        program, x = self.program, self.x
        functions, compiled = _find(program, x.element_size())
        x = rows_contiguous(x)
        start = [plain(leaf) for leaf in self.start]
        parameters = [plain(parameter) for parameter in self.parameters]
        others = [None if tensor is None else plain(tensor) for tensor in (*self.products, self.mask_BH)]
        call = _Call()
        call.rows, call.units = start[0].shape
        call.element_bytes, call.half_products = x.element_size(), self.half
        call.reverse, call.threads, call.input, call.keep = self.reverse, library.threads(), self.kind, keep
        call.p_blocks, call.u_blocks = program.p_blocks, program.u_blocks
        call.program = compiled
        call.x_gates = (c_int32 * MAX_GATES)(*program.x_gates)
        call.h_gates = (c_int32 * MAX_GATES)(*program.h_gates)
        held: dict[str, list[Tensor]] = {"start": start, "parameters": parameters, "x": [x]}
        call.x, call.x_row = x.data_ptr(), x.stride(0)
        if self.tokens_BT is None:
            call.steps, call.inputs, call.x_step = x.shape[1], x.shape[2], x.stride(1)
        else:
            tokens_BT = self.tokens_BT
            call.steps, call.inputs = tokens_BT.shape[1], x.shape[1]
            call.tokens, call.tokens_row, call.tokens_step = tokens_BT.data_ptr(), *tokens_BT.stride()
        if self.lengths_B is not None:
            lengths_B, order_B = torch.sort(self.lengths_B, descending=True, stable=True)
            call.lengths, call.order = lengths_B.data_ptr(), order_B.data_ptr()
            held["lengths"] = [lengths_B, order_B]
        call.weight_ih, call.bias_ih, call.weight_hh, call.bias_hh, call.mask = map(_address, others)
        held["others"] = [tensor for tensor in others if tensor is not None]
        call.parameters = _pointers(c_void_p * MAX_PARAMETERS, parameters)
        call.start = _pointers(c_void_p * MAX_LEAVES, start)
        return functions, call, held


@dataclass(frozen=True)
class GradientMask:
    """Which gradients the backward pass computes."""

    x: bool
    start: Sequence[bool]
    products: Sequence[bool]
    parameters: Sequence[bool]
