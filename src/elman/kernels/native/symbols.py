"""Symbolic tensors, on which a cell's equations run while they are traced.

A `Symbol` is a tensor without data whose last dimension consists of blocks of H units. Every block represents one node
of a graph, the same in all rows. Functions that only move elements (chunk, reshape, indexing, ...) are executed on
integer tensors that encode row, node and unit of each element, so their results are exact or are rejected.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor

__all__ = ["OTHER_ROWS", "ROWS", "Grid", "Symbol", "UntraceableError", "move", "symbol"]

# The batch sizes of symbolic tensors in two traces. No cell has as many gates, so a row cannot be mistaken for a gate.
ROWS, OTHER_ROWS = 31, 37
# More than the nodes of any equations, so that a code can be decoded into row, node and unit.
_MAX_NODES = 1 << 20

# Nodes of the blocks, int64: the tensor's shape with 1 row and with blocks instead of units.
Grid = np.ndarray[Any, np.dtype[np.int64]]


class UntraceableError(Exception):
    """The equations have no element-wise program. The message continues "its update", or itself starts with "its"."""


class Symbol(Tensor):
    """A tensor without data; `grid` has the graph node of each block."""

    grid: Grid


def symbol(shape: tuple[int, ...], grid: Grid, dtype: torch.dtype) -> Symbol:
    """Create a symbolic tensor of `shape`."""
    made: Symbol = torch.empty(shape, dtype=dtype, device="meta").as_subclass(Symbol)
    made.grid = grid
    return made


def _codes(value: Symbol, H: int, rows: int) -> Tensor:
    """Encode row, node and unit of each element as int64, with special codes for "all rows" and "all units"."""
    shape = tuple(value.shape)
    codes = np.broadcast_to(np.asarray(value.grid, dtype=np.int64), value.grid.shape)
    has_units = bool(shape) and shape[-1] == value.grid.shape[-1] * H
    units = np.arange(H) if has_units else np.array([H])
    codes = (codes[..., None] * (H + 1) + units).reshape(*codes.shape[:-1], -1) if shape else codes * (H + 1) + H
    codes = np.broadcast_to(codes, shape).copy()
    if len(shape) > 1 and shape[0] == rows:
        numbers = np.arange(1, rows + 1).reshape(rows, *[1] * (len(shape) - 1))
        codes += numbers * _MAX_NODES * (H + 1)
    return torch.from_numpy(codes)


def _read(codes: Tensor, H: int, rows: int, name: str, dtype: torch.dtype) -> Symbol:
    """Decode a tensor of codes into a symbolic tensor. Raises UntraceableError when there is none."""
    error = UntraceableError(f"calls {name}, which moves numbers between units or rows")
    shape = tuple(codes.shape)
    numbers = codes.numpy()
    row, rest = np.divmod(numbers, _MAX_NODES * (H + 1))
    if row.any():
        if len(shape) < 2 or shape[0] != rows:
            raise error
        expected = np.arange(1, rows + 1).reshape(rows, *[1] * (len(shape) - 1))
        if not ((row == 0) | (row == expected)).all():
            raise error
    if len(shape) > 1 and shape[0] == rows:
        if not (rest == rest[:1]).all():
            raise error
        rest = rest[:1]
    nodes, units = np.divmod(rest, H + 1)
    if (units == H).all() and (not shape or shape[-1] == 1):
        return symbol(shape, nodes, dtype)
    if not shape or shape[-1] % H or not shape[-1]:
        raise error
    nodes, units = (part.reshape(*part.shape[:-1], -1, H) for part in (nodes, units))
    in_order = (units == np.arange(H)).all(-1) | (units == H).all(-1)
    if not in_order.all() or not (nodes == nodes[..., :1]).all():
        raise error
    return symbol(shape, nodes[..., 0], dtype)


def move(function: Callable[..., Any], name: str, args: Any, kwargs: Any, H: int, rows: int) -> Any:
    """Apply a function that only moves elements to arguments with symbolic tensors."""
    dtype: list[torch.dtype] = []

    def encode(argument: Any) -> Any:
        if isinstance(argument, Symbol):
            dtype.append(argument.dtype)
            return _codes(argument, H, rows)
        if isinstance(argument, list | tuple):
            parts = [encode(part) for part in argument]
            return parts if isinstance(argument, list) else tuple(parts)
        return argument

    def decode(result: Any) -> Any:
        if isinstance(result, Tensor):
            return _read(result, H, rows, name, dtype[0])
        return type(result)(decode(part) for part in result)

    args, kwargs = encode(tuple(args)), {key: encode(argument) for key, argument in kwargs.items()}
    return decode(function(*args, **kwargs))
