"""A pool of working memory for the kernels: large buffers on huge pages, reused by later calls.

The C library returns a large buffer to the system as soon as it is freed. Mapping the next one page by page costs as
much as the arithmetic of a small layer. This pool therefore keeps up to `MAX_IDLE` bytes of unused buffers.
"""

from __future__ import annotations

import contextlib
import mmap
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

__all__ = ["MAX_IDLE", "fetch", "idle_bytes", "take"]

MAX_IDLE = 256 << 20
# Smaller buffers come from torch's allocator, since the C library reuses those.
_SMALL = 256 << 10
_HUGE_PAGE = 2 << 20

# Unused memory by size. Threads share the lists without a lock: `pop` and `append` are atomic.
_idle: dict[int, list[_Memory]] = {}


class _Memory(NamedTuple):
    """Mapped memory, and where in it the aligned buffer begins."""

    space: mmap.mmap
    offset: int


class _Loan(np.ndarray[Any, np.dtype[np.uint8]]):
    """Memory of the pool as an array: it returns to the pool when the last tensor that uses it is gone."""

    _memory: _Memory | None = None

    def __del__(self) -> None:
        # Views of the array have no `_memory`, and hold the array itself.
        memory, self._memory = self._memory, None
        if memory is not None:
            _keep(self.nbytes, memory)


def _size_class(size: int) -> int:
    """Round `size` up to a multiple of an eighth of a power of two, so that batches of similar length share buffers."""
    step = max(mmap.PAGESIZE, 1 << (size.bit_length() - 4))
    return -(-size // step) * step


def _map(size: int, huge_from: int) -> _Memory:
    """Map zero-filled memory, aligned to 64 bytes; from `huge_from` bytes on with huge pages if available."""
    large = size >= huge_from and hasattr(mmap, "MADV_HUGEPAGE")
    space = mmap.mmap(-1, max(1, size) + (_HUGE_PAGE if large else 0), flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    if not large:
        return _Memory(space, 0)
    # Without huge pages the buffer is only slower.
    with contextlib.suppress(OSError):
        space.madvise(mmap.MADV_HUGEPAGE)
    return _Memory(space, -np.frombuffer(space, np.uint8, 1).ctypes.data % _HUGE_PAGE)


def fetch(size: int, huge_from: int = _HUGE_PAGE) -> Tensor:
    """Map a zero-filled uint8 buffer, aligned to 64 bytes; from `huge_from` bytes on with huge pages if available."""
    space, offset = _map(size, huge_from)
    return torch.frombuffer(space, dtype=torch.uint8)[offset : offset + size]


def take(size: int) -> Tensor:
    """Return an uninitialised uint8 buffer of at least `size` bytes, aligned to 64 bytes.

    Its memory is used again by later calls as soon as no tensor uses it.
    """
    if size < _SMALL:
        return torch.empty(size, dtype=torch.uint8, device="cpu")
    size = _size_class(size)
    kept = _idle.get(size)
    try:
        memory = kept.pop() if kept else _map(size, _HUGE_PAGE)
    except IndexError:  # another thread was faster
        memory = _map(size, _HUGE_PAGE)
    loan = _Loan((size,), np.uint8, *memory)
    loan._memory = memory
    return torch.from_numpy(loan)


def _keep(size: int, memory: _Memory) -> None:
    """Put unused memory into the pool; the oldest sizes give way, which are likely those of a finished run."""
    if size > MAX_IDLE:
        return
    for oldest in list(_idle):
        if idle_bytes() + size <= MAX_IDLE:
            break
        while idle_bytes() + size > MAX_IDLE and oldest != size:
            try:
                _idle[oldest].pop()
            except (KeyError, IndexError):
                _idle.pop(oldest, None)
                break
    if idle_bytes() + size <= MAX_IDLE:
        _idle.setdefault(size, []).append(memory)


def idle_bytes() -> int:
    """Return the number of bytes of unused buffers in the pool."""
    return sum(size * len(kept) for size, kept in list(_idle.items()))
