"""One stretch of memory for all that an engine reads at every step. Knows nothing about what stands in it.

Weights that lie together in large pages come through the caches at the full speed of the hardware: no page ends stop
its reading ahead. So parts are announced first, and then put one behind the other.
"""

from __future__ import annotations

import ctypes
import math
from collections.abc import Callable

import torch
from torch import Tensor

from elman.errors import KernelUnavailable
from elman.kernels.native import memory

__all__ = ["Memory"]

# Below this size a large page would be mostly empty.
_WORTH_LARGE_PAGES = 256 << 10
_ALIGNMENT = 64


class Memory:
    """Parts are added first; `settle` then takes the memory and fills it; `address` tells where a part is."""

    def __init__(self) -> None:
        self.size = 0
        self._places: list[int] = []
        self._fills: list[Callable[[int], None]] = []
        self._buffer: Tensor | None = None

    def add(self, size: int, fill: Callable[[int], None]) -> int:
        """Announce a part of `size` bytes that `fill`, given its address, will write; returns the part's number."""
        self._places.append(self.size)
        self._fills.append(fill)
        self.size += -(-size // _ALIGNMENT) * _ALIGNMENT
        return len(self._places) - 1

    def add_numbers(self, numbers: Tensor) -> int:
        """Announce a part that holds the numbers of a tensor; returns the part's number."""
        kept = numbers.detach().contiguous()
        size = kept.numel() * kept.element_size()

        def copy(address: int) -> None:
            ctypes.memmove(address, kept.data_ptr(), size)

        return self.add(size, copy)

    def settle(self) -> None:
        """Take the memory and fill all parts."""
        self._buffer = memory.fetch(self.size, huge_from=_WORTH_LARGE_PAGES)
        start = self._buffer.data_ptr()
        self._places = [start + place for place in self._places]
        for place, fill in zip(self._places, self._fills, strict=True):
            fill(place)
        self._fills.clear()

    def address(self, part: int) -> int:
        """Where a part begins, once it is settled."""
        return self._places[part]

    def numbers(self, part: int, shape: tuple[int, ...]) -> Tensor:
        """What `add_numbers` was given in float32, as it lies here, once it is settled."""
        if self._buffer is None:
            raise KernelUnavailable("expected memory that is settled before it is read. Received: parts alone")
        begin = self._places[part] - self._buffer.data_ptr()
        return self._buffer[begin : begin + 4 * math.prod(shape)].view(torch.float32).view(shape)
