"""One contiguous buffer for everything that an engine reads at every time step.

Hardware prefetching stops at the end of a page, so weights load fastest when they are contiguous in huge pages. The
parts are therefore registered first, and then written one after the other.
"""

from __future__ import annotations

import ctypes
import math
from collections.abc import Callable

import torch
from torch import Tensor

from elman.errors import KernelUnavailableError
from elman.kernels.native import buffer_pool

__all__ = ["PackedBuffer"]

# Below this size a huge page would be mostly empty.
_WORTH_LARGE_PAGES = 256 << 10
_ALIGNMENT = 64


class PackedBuffer:
    """A buffer of several parts: add the parts, then allocate and fill them all with `allocate`."""

    def __init__(self) -> None:
        self.size = 0
        self._places: list[int] = []
        self._fills: list[Callable[[int], None]] = []
        self._buffer: Tensor | None = None

    def add(self, size: int, fill: Callable[[int], None]) -> int:
        """Register a part of `size` bytes that `fill(address)` will write, and return its index."""
        self._places.append(self.size)
        self._fills.append(fill)
        self.size += -(-size // _ALIGNMENT) * _ALIGNMENT
        return len(self._places) - 1

    def add_numbers(self, numbers: Tensor) -> int:
        """Register a part with the elements of a tensor, and return its index."""
        kept = numbers.detach().contiguous()
        size = kept.numel() * kept.element_size()

        def copy(address: int) -> None:
            ctypes.memmove(address, kept.data_ptr(), size)

        return self.add(size, copy)

    def allocate(self) -> None:
        """Allocate the buffer and fill all parts."""
        self._buffer = buffer_pool.fetch(self.size, huge_from=_WORTH_LARGE_PAGES)
        start = self._buffer.data_ptr()
        self._places = [start + place for place in self._places]
        for place, fill in zip(self._places, self._fills, strict=True):
            fill(place)
        self._fills.clear()

    def address(self, part: int) -> int:
        """Return the address of a part. Valid after `allocate`."""
        return self._places[part]

    def numbers(self, part: int, shape: tuple[int, ...]) -> Tensor:
        """Return a view of a float32 part that was added by `add_numbers`. Valid after `allocate`."""
        if self._buffer is None:
            raise KernelUnavailableError("expected a call of `allocate` before the memory is read. Received: no memory")
        begin = self._places[part] - self._buffer.data_ptr()
        return self._buffer[begin : begin + 4 * math.prod(shape)].view(torch.float32).view(shape)
