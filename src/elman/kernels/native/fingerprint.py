"""`Fingerprint`: what a packed network rests on, so that a kept engine is used only while all of it is the same."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from elman.kernels.native.engine_pack import find_parts
from elman.kernels.native.equations import has_hooks
from elman.kernels.native.program import Program
from elman.kernels.native.read_values import content_of

__all__ = ["Fingerprint", "fingerprint_of"]

# The attributes of every module; those of a cell that count, such as its training mode, are in its program.
_OWN = frozenset(vars(nn.Module()))


class Fingerprint(NamedTuple):
    """The programs of the cells, the plain attributes of all modules, and the content of all weights."""

    programs: tuple[Program, ...]
    attributes: Any
    weights: tuple[tuple[str, int, int, int], ...]

    def equals(self, other: Fingerprint) -> bool:
        """Whether both are the same; programs are compared by identity, since equal ones may project otherwise."""
        same = len(self.programs) == len(other.programs) and all(map(_is, self.programs, other.programs))
        return same and self[1:] == other[1:]


def _is(one: object, other: object) -> bool:
    return one is other


def fingerprint_of(network: Any, cells: Sequence[Any], vocabulary_size: int) -> Fingerprint | str:
    """Return the fingerprint of a network of these cells, or the reason why the engine cannot run it."""
    parts = find_parts(cells, vocabulary_size)
    if isinstance(parts, str):
        return parts
    attributes = []
    for name, module in network.named_modules():
        if has_hooks(module):
            return f"its module {name or type(module).__name__} has hooks"
        own = vars(module)
        plain = [(key, content_of(value, frozenset())) for key, value in own.items() if key not in _OWN]
        attributes.append((name, type(module), tuple(plain)))
    tensors = [*network.named_parameters(remove_duplicate=False), *network.named_buffers(remove_duplicate=False)]
    weights = tuple([(name, tensor.data_ptr(), tensor._version, _checksum(tensor)) for name, tensor in tensors])
    return Fingerprint(tuple([part.program for part in parts]), tuple(attributes), weights)


def _checksum(tensor: Tensor) -> int:
    """Return a checksum of a tensor's bytes, which depends on their order."""
    numbers = tensor.detach().resolve_neg().contiguous().reshape(-1).view(torch.uint8)
    return zlib.crc32(numbers.cpu().numpy().data)
