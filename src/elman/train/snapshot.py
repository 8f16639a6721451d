"""The parts of a snapshot of a run, checked for names, types and shapes before any of them is restored."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor

from elman.state import State, map_leaves, named_leaves
from elman.train.stored import Stored, broken, read

__all__ = ["carried_state", "check_shapes", "optimizer_state", "parts_of", "set_random_state"]


def parts_of(tensors: Mapping[str, Tensor]) -> dict[str, Stored]:
    """Return the tensors of each part of a snapshot; the name of a tensor begins with that of its part."""
    where = getattr(tensors, "where", "the checkpoint")
    names = ("model", "optimizer", "state", "average", "random", "best")
    parts = {name: Stored({}, where) for name in names}
    for name, tensor in tensors.items():
        part, _, rest = name.partition(".")
        if part in parts:
            parts[part][rest] = tensor
    return parts


def check_shapes(stored: Mapping[str, Tensor], expected: Mapping[str, Tensor], part: str) -> None:
    """Raise ArtifactError unless the tensors of a part have the names and the shapes of those expected."""
    for name in sorted(expected.keys() | stored.keys()):
        shapes = [tuple(each[name].shape) if name in each else "none" for each in (expected, stored)]
        if shapes[0] != shapes[1]:
            raise broken(stored, f"the tensor {part}.{name} with the shape {shapes[0]}", shapes[1])


def optimizer_state(
    tensors: Mapping[str, Tensor], numbers: Mapping[str, Any], parameters: int
) -> dict[int, dict[str, Any]]:
    """Return the state of an optimiser of so many parameters from its tensors and numbers. Raises ArtifactError."""
    entries: dict[int, dict[str, Any]] = {}

    def entry(text: str) -> dict[str, Any]:
        if not text.isdecimal() or int(text) >= parameters:
            raise broken(tensors, f"the state of one of {parameters} parameters", text)
        return entries.setdefault(int(text), {})

    for name, tensor in tensors.items():
        text, _, key = name.partition(".")
        entry(text)[key] = tensor
    for text in numbers:
        table = read(numbers, text, dict)
        entry(text).update({key: read(table, key, float) for key in table})
    return entries


def carried_state(
    stored: Mapping[str, Tensor], rows: int, initial_state: Callable[[int], State], device: torch.device
) -> State:
    """Return the stored state of so many rows, in the structure of an initial state. Raises ArtifactError."""
    sizes = {tensor.shape[0] if tensor.dim() else 0 for tensor in stored.values()} or {0}
    if sizes != {rows}:
        raise broken(stored, f"a state of {rows} rows", sorted(sizes))
    shape = initial_state(rows)
    expected = dict(named_leaves(shape))
    check_shapes(stored, expected, "state")
    names = iter(expected)
    return map_leaves(lambda _: stored[next(names)].to(device), shape)


def set_random_state(stored: Mapping[str, Tensor], device: str) -> None:
    """Set the state of torch's random generators: of the CPU and, if it was stored for one, of a CUDA `device`.

    Raises ArtifactError for a state that torch refuses.
    """
    try:
        torch.set_rng_state(stored["cpu"])
        if "cuda" in stored and device.startswith("cuda"):
            torch.cuda.set_rng_state(stored["cuda"], device)
    except (TypeError, RuntimeError) as error:
        if "CUDA" in str(error):
            raise
        raise broken(stored, "the state of a random generator", error) from error
