"""Symbolic tensors: what a cell's equations compute with while they are traced.

A `Symbol` is a tensor without numbers whose last dimension is made of blocks of H units; every block stands for one
node of a graph, the same in every row. Functions that only move numbers about (chunk, reshape, indexing, ...) run for
real, on tensors of codes that say which number is meant, so that any of them is read rightly or refused.
Knows nothing about which functions are element-wise.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor

__all__ = ["ROWS", "Grid", "Symbol", "Untraceable", "move", "symbol"]

# The rows that symbolic tensors have; no cell has as many gates, so that a row is not taken for a gate.
ROWS = 13
# More nodes than any equations have, so that a code can be taken apart.
_MOST_NODES = 1 << 20

# Nodes by block: the tensor's shape with 1 row, and blocks in place of units. int64.
Grid = np.ndarray[Any, np.dtype[np.int64]]


class Untraceable(Exception):
    """The equations have no element-wise program; the message continues "its update", or starts with "its" itself."""


class Symbol(Tensor):
    """A tensor without numbers; `grid` says what they would be."""

    grid: Grid


def symbol(shape: tuple[int, ...], grid: Grid, dtype: torch.dtype) -> Symbol:
    """A symbolic tensor of `shape`."""
    made: Symbol = torch.empty(shape, dtype=dtype, device="meta").as_subclass(Symbol)
    made.grid = grid
    return made


def _codes(value: Symbol, H: int) -> Tensor:
    """int64 numbers that tell row, node and unit; what is the same in all rows or units says so."""
    shape = tuple(value.shape)
    codes = np.broadcast_to(np.asarray(value.grid, dtype=np.int64), value.grid.shape)
    has_units = bool(shape) and shape[-1] == value.grid.shape[-1] * H
    units = np.arange(H) if has_units else np.array([H])
    codes = (codes[..., None] * (H + 1) + units).reshape(*codes.shape[:-1], -1) if shape else codes * (H + 1) + H
    codes = np.broadcast_to(codes, shape).copy()
    if len(shape) > 1 and shape[0] == ROWS:
        rows = np.arange(1, ROWS + 1).reshape(ROWS, *[1] * (len(shape) - 1))
        codes += rows * _MOST_NODES * (H + 1)
    return torch.from_numpy(codes)


def _read(codes: Tensor, H: int, name: str, dtype: torch.dtype) -> Symbol:
    """The symbolic tensor that a tensor of codes means. Raises Untraceable when it is none."""
    refused = Untraceable(f"calls {name}, which moves numbers between units or rows")
    shape = tuple(codes.shape)
    numbers = codes.numpy()
    rows, rest = np.divmod(numbers, _MOST_NODES * (H + 1))
    if rows.any():
        if len(shape) < 2 or shape[0] != ROWS:
            raise refused
        expected = np.arange(1, ROWS + 1).reshape(ROWS, *[1] * (len(shape) - 1))
        if not ((rows == 0) | (rows == expected)).all():
            raise refused
    if len(shape) > 1 and shape[0] == ROWS:
        if not (rest == rest[:1]).all():
            raise refused
        rest = rest[:1]
    nodes, units = np.divmod(rest, H + 1)
    if (units == H).all() and (not shape or shape[-1] == 1):
        return symbol(shape, nodes, dtype)
    if not shape or shape[-1] % H or not shape[-1]:
        raise refused
    nodes, units = (part.reshape(*part.shape[:-1], -1, H) for part in (nodes, units))
    in_order = (units == np.arange(H)).all(-1) | (units == H).all(-1)
    if not in_order.all() or not (nodes == nodes[..., :1]).all():
        raise refused
    return symbol(shape, nodes[..., 0], dtype)


def move(function: Callable[..., Any], name: str, args: Any, kwargs: Any, H: int) -> Any:
    """The result of a function that only moves numbers about, for symbolic tensors among its arguments."""
    dtype: list[torch.dtype] = []

    def encode(argument: Any) -> Any:
        if isinstance(argument, Symbol):
            dtype.append(argument.dtype)
            return _codes(argument, H)
        if isinstance(argument, list | tuple):
            parts = [encode(part) for part in argument]
            return parts if isinstance(argument, list) else tuple(parts)
        return argument

    def decode(result: Any) -> Any:
        if isinstance(result, Tensor):
            return _read(result, H, name, dtype[0])
        return type(result)(decode(part) for part in result)

    args, kwargs = encode(tuple(args)), {key: encode(argument) for key, argument in kwargs.items()}
    return decode(function(*args, **kwargs))
