"""Packing of a stack of cells into the memory that the engine reads."""

from __future__ import annotations

import ctypes
import os
from collections.abc import Sequence
from functools import reduce
from typing import TYPE_CHECKING, Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from elman.kernels.native import library
from elman.kernels.native.build import EVERY_INSTRUCTION_SET
from elman.kernels.native.engine_abi import Layer, Network
from elman.kernels.native.packed_buffer import PackedBuffer

if TYPE_CHECKING:
    from elman.kernels.native.abi import CompiledProgram
    from elman.kernels.native.program import Program

__all__ = ["WEIGHT_FORMATS", "CompiledCell", "NetworkPacker", "find_parts"]

# A format's index is its number in `elman_engine_network.format`.
WEIGHT_FORMATS = ("float32", "bfloat16", "int8")

# Up to this many bytes, a table of projected tokens replaces the embedding lookup and input product of the first layer.
_LARGEST_TABLE = 64 << 20
_LANES = 16


class CompiledCell(NamedTuple):
    """A cell with its program and compiled functions."""

    cell: Any
    program: Program
    compiled: CompiledProgram


def part_of(cell: Any) -> CompiledCell | str:
    """Return a cell with its compiled functions, or the reason why it cannot be run."""
    from elman.kernels.native.trace import program_of

    problem = library.why_not()
    if problem is not None:
        return problem
    wrong = next((p for p in cell.parameters() if p.dtype != torch.float32 or p.device.type != "cpu"), None)
    if wrong is not None:
        return f"the engine takes float32 weights on the CPU, and these are {wrong.dtype} on {wrong.device}"
    program = program_of(cell)
    if isinstance(program, str):
        return program
    compiled = library.find(program, 4)
    if isinstance(compiled, str):
        return compiled
    return CompiledCell(cell, program, compiled)


def find_parts(cells: Sequence[Any], vocabulary_size: int) -> list[CompiledCell] | str:
    """Return the cells of all layers with their compiled functions, or the reason why one cannot be run."""
    forced = os.environ.get("ELMAN_KERNELS")
    if forced and forced != "native" and forced not in EVERY_INSTRUCTION_SET:
        return f"ELMAN_KERNELS selects the kernel {forced!r}"
    parts: list[CompiledCell] = []
    for cell in cells:
        part = part_of(cell)
        if isinstance(part, str):
            return part
        if not cell.plain_input_product and (parts or not fits_table(part, vocabulary_size)):
            return "its project() is more than a matrix product, and a table of all projected tokens would be too large"
        parts.append(part)
    return parts


class NetworkPacker:
    """Packer of a network: everything that is read at every time step goes into one `memory`.

    The network's structure points into `memory`, which must live as long as the structure.
    """

    def __init__(self, native: ctypes.CDLL, weights: str) -> None:
        self.memory = PackedBuffer()
        self._library = native
        self._weights = weights

    def pack(
        self,
        parts: Sequence[CompiledCell],
        embeddings_VE: Tensor,
        head_weight_VY: Tensor,
        head_bias_V: Tensor | None,
        *,
        residual: bool,
    ) -> Network:
        """Fill the memory, and return the structure that points into it."""
        memory, V = self.memory, len(embeddings_VE)
        first = parts[0]
        table_VF = token_table(first, embeddings_VE.float()) if fits_table(first, V) else None
        table = None if table_VF is None else memory.add_numbers(table_VF)
        kept = table_VF is None or (residual and first.cell.input_size == first.cell.output_size)
        embeddings = memory.add_numbers(padded_last(embeddings_VE.float())) if kept else None
        layers = [self._add_layer(part, by_table=table is not None and part is first) for part in parts]
        size = round_up(V)
        start_V = torch.full((size,), -torch.inf, dtype=torch.float32, device="cpu")
        start_V[:V] = 0.0 if head_bias_V is None else head_bias_V
        head_VY = torch.zeros(size, head_weight_VY.shape[1], dtype=torch.float32, device="cpu")
        head_VY[:V] = head_weight_VY
        head, head_start = self._add_weights(head_VY), memory.add_numbers(start_V)
        memory.allocate()

        def address(number: int | None) -> int | None:
            return None if number is None else memory.address(number)

        array = (Layer * len(parts))()
        for entry, part, numbers in zip(array, parts, layers, strict=True):
            entry.program = part.compiled
            entry.inputs, entry.units = part.cell.input_size, part.cell.hidden_size
            entry.width = round_up(part.cell.hidden_size)
            entry.start, entry.x_weights, entry.h_weights = (address(number) for number in numbers[:3])
            for place, number in enumerate(numbers[3:]):
                entry.parameters[place] = address(number)
        return Network(
            layers=len(parts),
            layer=array,
            vocabulary=V,
            format=WEIGHT_FORMATS.index(self._weights),
            residual=residual,
            features=embeddings_VE.shape[1],
            embeddings=address(embeddings),
            table=address(table),
            head_weights=address(head),
            head_start=address(head_start),
        )

    def _add_weights(self, columns_CI: Tensor) -> int | None:
        """Register packed weights: one row of `columns_CI` for every output of the product."""
        if not columns_CI.numel():
            return None
        columns_CI = columns_CI.contiguous()
        C, K = columns_CI.shape
        number = WEIGHT_FORMATS.index(self._weights)

        def fill(address: int) -> None:
            self._library.elman_engine_pack(number, K, C, columns_CI.data_ptr(), address)

        return self.memory.add(self._library.elman_engine_packed_bytes(number, K, C), fill)

    def _add_layer(self, part: CompiledCell, *, by_table: bool) -> list[int | None]:
        """Register a layer's initial record, input and recurrent weights, and parameters."""
        cell, program, H = part.cell, part.program, part.cell.hidden_size
        start = self.memory.add_numbers(all_biases(part))
        x_weights = None if by_table else self._add_weights(by_slots(cell.weight_ih, program.x_gates, H))
        h_weights = None
        if program.h_gates:
            h_weights = self._add_weights(by_slots(cell.weight_hh, program.h_gates, H))
        values = [reduce(getattr, name.split("."), cell).reshape(-1).expand(H) for name in program.parameters]
        parameters = [self.memory.add_numbers(padded_last(value)) for value in values]
        return [start, x_weights, h_weights, *parameters]


def round_up(size: int) -> int:
    return -(-size // _LANES) * _LANES


def padded_last(x: Tensor) -> Tensor:
    """Pad the last dimension of `x` with zeros to a multiple of the lanes."""
    return F.pad(x.detach().float(), (0, round_up(x.shape[-1]) - x.shape[-1]))


def by_slots(blocks_GI: Tensor, gates: Sequence[int], H: int) -> Tensor:
    """Arrange blocks of H rows in the order of `gates`, each padded with zeros to a multiple of the lanes."""
    width = round_up(H)
    columns_CI = torch.zeros(len(gates) * width, blocks_GI.shape[1], dtype=torch.float32, device="cpu")
    for slot, gate in enumerate(gates):
        columns_CI[slot * width : slot * width + H] = blocks_GI[gate * H : (gate + 1) * H]
    return columns_CI


def fits_table(part: CompiledCell, vocabulary_size: int) -> bool:
    """Return whether a table of the projected tokens of the first layer is within the size limit."""
    return 4 * vocabulary_size * recurrent_biases(part).numel() <= _LARGEST_TABLE


def token_table(part: CompiledCell, embeddings_VE: Tensor) -> Tensor:
    """Return the first layer's record for every token: input projection and biases, without the recurrent product."""
    table_VF = recurrent_biases(part).repeat(len(embeddings_VE), 1)
    x_columns = by_slots(part.cell.project(embeddings_VE).T, part.program.x_gates, part.cell.hidden_size)
    table_VF[:, : len(x_columns)] += x_columns.T
    return table_VF


def recurrent_biases(part: CompiledCell) -> Tensor:
    """Return a record with the recurrent biases only, for the slots that the products write."""
    program, cell, H = part.program, part.cell, part.cell.hidden_size
    width = round_up(H)
    record_F = torch.zeros(
        max(len(program.x_gates), program.h_first + len(program.h_gates)) * width, dtype=torch.float32, device="cpu"
    )
    bias = getattr(cell, "bias_hh", None)
    if bias is not None and program.h_gates:
        record_F[program.h_first * width :] += by_slots(bias[:, None], program.h_gates, H)[:, 0]
    return record_F


def all_biases(part: CompiledCell) -> Tensor:
    """Return a record with all biases."""
    program, cell = part.program, part.cell
    record_F = recurrent_biases(part)
    if cell.bias_ih is not None:
        columns = by_slots(cell.bias_ih[:, None], program.x_gates, cell.hidden_size)[:, 0]
        record_F[: len(columns)] += columns
    return record_F
