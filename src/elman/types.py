"""The words that every room shares: the shape legend, State and Batch.

Shape letters, as suffixes of tensor names (`x_BTI` is batch x time x input):

    B batch (rows)     T time steps     I input features     H hidden units
    G gates (a multiple of H)           P projected units    Y output features of a cell
    V vocabulary       E embedding      L layers             D directions (1 or 2)

A *state* is a value: a NamedTuple of tensors, batch first in every leaf, or a tuple of such states (one a layer and
direction). It goes in and comes out; no module keeps any. This module knows nothing about cells, tasks or files.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import torch
from torch import Tensor

__all__ = ["IGNORED", "Batch", "State", "detach", "leaves", "map_leaves", "named_leaves", "reset_rows"]

# A nested tuple with tensors at its leaves. Recursive types help no reader here.
State = Any

# The target of a time step that is not to be counted in the loss (torch's own convention).
IGNORED = -100


class Batch(NamedTuple):
    """A stretch of B parallel sequences.

    inputs_BT   int64 token numbers, or features `inputs_BTI`, or a NamedTuple of several such tensors
    targets_BT  int64 token numbers, or values `targets_BTY`; `IGNORED` where nothing is to be predicted; a task with
                one target a sequence has `targets_B`
    lengths_B   int64, the steps that are real in each row; None when all T are
    fresh_B     bool, the rows that start a new sequence here; None when none does
    """

    inputs_BT: Any
    targets_BT: Tensor
    lengths_B: Tensor | None = None
    fresh_B: Tensor | None = None

    @property
    def rows(self) -> int:
        """B."""
        return leaves(self.inputs_BT)[0].shape[0]


def _rebuild(node: tuple[Any, ...], children: list[Any]) -> State:
    # A NamedTuple takes its fields one by one, a plain tuple takes them as a list.
    make = getattr(type(node), "_make", tuple)
    return make(children)


def map_leaves(fn: Callable[..., Tensor], state: State, *others: State) -> State:
    """Apply `fn` to every tensor of `state` (and the matching tensors of `others`), keeping the structure."""
    if isinstance(state, Tensor):
        return fn(state, *others)
    return _rebuild(state, [map_leaves(fn, *nodes) for nodes in zip(state, *others, strict=True)])


def named_leaves(state: State, prefix: str = "") -> Iterator[tuple[str, Tensor]]:
    """Every tensor of `state` with a name made of field names and positions, such as `0.1.h`."""
    if isinstance(state, Tensor):
        yield prefix, state
        return
    names = getattr(state, "_fields", range(len(state)))
    for name, node in zip(names, state, strict=True):
        yield from named_leaves(node, f"{prefix}.{name}" if prefix else str(name))


def leaves(state: State) -> list[Tensor]:
    """Every tensor of `state`, in order."""
    return [leaf for _, leaf in named_leaves(state)]


def detach(state: State) -> State:
    """The same numbers without their history: what truncated BPTT carries from chunk to chunk."""
    return map_leaves(Tensor.detach, state)


def reset_rows(state: State, fresh_B: Tensor | None, initial: State) -> State:
    """`state`, but `initial` in the rows where `fresh_B` is true."""
    if fresh_B is None:
        return state

    def pick(old: Tensor, new: Tensor) -> Tensor:
        mask = fresh_B.to(old.device).reshape(-1, *[1] * (old.dim() - 1))
        return torch.where(mask, new.to(old.dtype), old)

    return map_leaves(pick, state, initial)
