"""Types shared by all packages: `State`, `Batch` and the legend of shape letters.

Shape letters, as suffixes of tensor names (`x_BTI` is batch x time x input):

    A  key features of an attention      K  hypotheses, candidates, quantiles, or frequency bins
    B  batch size                        L  lags
    C  classes, channels, or columns     N  items in a row: tokens, examples, or steps of another axis
    E  embedding features                P  parameters of a distribution
    F  features of any kind              S  steps of a second time axis, such as the source of a decoder
    G  gates, a multiple of H            T  time steps
    H  hidden units                      V  vocabulary: tokens or tags
    I  input features                    Y  output features

A name has at most four letters. The digit 1 is an axis of size 1. A *row* is one sequence of a batch.

A *state* is a NamedTuple of tensors, batch first in every leaf, or a tuple of such states (one per layer and
direction). States are passed in and returned; no module stores one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.nn.utils.rnn import PackedSequence

from elman.errors import ShapeError

__all__ = [
    "IGNORE_INDEX",
    "Batch",
    "State",
    "check_tensor",
    "detach",
    "leaves",
    "map_leaves",
    "named_leaves",
    "rebuilt",
    "reset_rows",
]

# A nested tuple with tensors at its leaves; a recursive type would be no clearer.
State = Any

# Target of a time step that is excluded from the loss, as `ignore_index` in torch.
IGNORE_INDEX = -100


class Batch(NamedTuple):
    """A chunk of T time steps of B parallel sequences.

    inputs_BT   int64 token ids, or features `inputs_BTI`, or a NamedTuple of several such tensors
    targets_BT  int64 token ids, or values `targets_BTY`; `IGNORE_INDEX` where nothing is predicted; `targets_B` for
                tasks with one target per sequence
    lengths_B   int64, the number of valid time steps in each row; None when all T are valid
    reset_B     bool, true in rows where a new sequence starts; None when no sequence starts
    """

    inputs_BT: Any
    targets_BT: Tensor
    lengths_B: Tensor | None = None
    reset_B: Tensor | None = None

    @property
    def rows(self) -> int:
        """The batch size B."""
        return leaves(self.inputs_BT)[0].shape[0]


def _rebuild(node: tuple[Any, ...], children: list[Any]) -> State:
    # A NamedTuple is built from separate fields, a plain tuple from an iterable.
    make = getattr(type(node), "_make", tuple)
    return make(children)


def check_tensor(name: str, value: object) -> None:
    """Raise ShapeError unless `value` is a tensor, with the usual way to make one of it."""
    if isinstance(value, Tensor):
        return
    hint = ""
    if isinstance(value, PackedSequence):
        hint = "; pad_packed_sequence makes a tensor and lengths of it"
    elif hasattr(value, "__array__") or isinstance(value, list):
        hint = "; torch.as_tensor makes one of it"
    raise ShapeError(f"expected {name} to be a tensor{hint}. Received: {type(value).__name__}")


def map_leaves(fn: Callable[..., Tensor], state: State, *others: State) -> State:
    """Apply `fn` to every tensor of `state` (and the matching tensors of `others`), keeping the structure."""
    if isinstance(state, Tensor):
        return fn(state, *others)
    return _rebuild(state, [map_leaves(fn, *nodes) for nodes in zip(state, *others, strict=True)])


def named_leaves(state: State, prefix: str = "") -> Iterator[tuple[str, Tensor]]:
    """Yield every tensor of `state` with a name made of field names and positions, such as `0.1.h`."""
    if isinstance(state, Tensor):
        yield prefix, state
        return
    names = getattr(state, "_fields", range(len(state)))
    for name, node in zip(names, state, strict=True):
        yield from named_leaves(node, f"{prefix}.{name}" if prefix else str(name))


def leaves(state: State) -> list[Tensor]:
    """Return every tensor of `state`, in order."""
    return [leaf for _, leaf in named_leaves(state)]


def rebuilt(state: State, tensors: Iterator[Tensor]) -> State:
    """Return the structure of `state` with the next tensors of `tensors` as its leaves."""
    return map_leaves(lambda _: next(tensors), state)


def detach(state: State) -> State:
    """Detach every tensor of `state` from the graph, as truncated BPTT does between chunks."""
    return map_leaves(Tensor.detach, state)


def reset_rows(state: State, reset_B: Tensor | None, initial: State) -> State:
    """Replace the rows of `state` where `reset_B` is true by those of `initial`."""
    if reset_B is None:
        return state

    def pick(old: Tensor, new: Tensor) -> Tensor:
        mask = reset_B.to(old.device).reshape(-1, *[1] * (old.dim() - 1))
        return torch.where(mask, new.to(old.dtype), old)

    return map_leaves(pick, state, initial)
