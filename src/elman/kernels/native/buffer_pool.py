"""A pool of working memory for the kernels: large buffers on huge pages, reused by later calls.

The C library returns a large buffer to the system as soon as it is freed. Mapping the next one page by page costs as
much as the arithmetic of a small layer. This pool therefore keeps up to `MAX_IDLE` bytes of unused buffers.
"""

from __future__ import annotations

import contextlib
import mmap

import torch
from torch import Tensor

__all__ = ["MAX_IDLE", "fetch", "give_back", "idle_bytes", "take"]

MAX_IDLE = 256 << 20
# Smaller buffers come from torch's allocator, since the C library reuses those.
_SMALL = 256 << 10
_HUGE_PAGE = 2 << 20

# Unused buffers by size. Threads share the lists without a lock: `pop` and `append` are atomic.
_idle: dict[int, list[Tensor]] = {}


def _size_class(size: int) -> int:
    """Round `size` up to a multiple of an eighth of a power of two, so that batches of similar length share buffers."""
    step = max(mmap.PAGESIZE, 1 << (size.bit_length() - 4))
    return -(-size // step) * step


def fetch(size: int, huge_from: int = _HUGE_PAGE) -> Tensor:
    """Map a zero-filled uint8 buffer, aligned to 64 bytes; from `huge_from` bytes on with huge pages if available."""
    large = size >= huge_from and hasattr(mmap, "MADV_HUGEPAGE")
    space = mmap.mmap(-1, max(1, size) + (_HUGE_PAGE if large else 0), flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    buffer = torch.frombuffer(space, dtype=torch.uint8)
    if not large:
        return buffer[:size]
    # Without huge pages the buffer is only slower.
    with contextlib.suppress(OSError):
        space.madvise(mmap.MADV_HUGEPAGE)
    skip = -buffer.data_ptr() % _HUGE_PAGE
    return buffer[skip : skip + size]


def take(size: int) -> Tensor:
    """Return an uninitialised uint8 buffer of at least `size` bytes, aligned to 64 bytes."""
    if size < _SMALL:
        return torch.empty(size, dtype=torch.uint8, device="cpu")
    size = _size_class(size)
    with contextlib.suppress(KeyError, IndexError):
        return _idle[size].pop()
    return fetch(size)


def give_back(*buffers: Tensor) -> None:
    """Return buffers from `take`, which must not be used any more, to the pool."""
    for buffer in buffers:
        size = buffer.numel()
        if size < _SMALL or size > MAX_IDLE:
            continue
        for oldest in list(_idle):
            if idle_bytes() + size <= MAX_IDLE:
                break
            # Evict the oldest sizes first: they are likely those of a finished run.
            while idle_bytes() + size > MAX_IDLE and oldest != size:
                try:
                    _idle[oldest].pop()
                except (KeyError, IndexError):
                    _idle.pop(oldest, None)
                    break
        if idle_bytes() + size <= MAX_IDLE:
            _idle.setdefault(size, []).append(buffer)


def idle_bytes() -> int:
    """Return the number of bytes of unused buffers in the pool."""
    return sum(size * len(kept) for size, kept in list(_idle.items()))
