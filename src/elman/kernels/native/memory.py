"""Working memory of the kernels: large buffers on huge pages, used again by the next call.

The C library gives a large buffer back to the system as soon as it is freed; the next one is fetched anew, page by
page, which costs as much as a small layer's arithmetic. So buffers are kept here, up to `MOST_IDLE` bytes of them,
whatever the process's allocator does. Knows nothing about what a buffer holds.
"""

from __future__ import annotations

import contextlib
import mmap

import torch
from torch import Tensor

__all__ = ["MOST_IDLE", "fetch", "give_back", "idle_bytes", "take"]

MOST_IDLE = 256 << 20
# Smaller buffers come from torch's allocator: the C library keeps those itself.
_SMALL = 256 << 10
_HUGE_PAGE = 2 << 20

# By size. Threads share it without a lock: one call of `pop` or `append` is never torn.
_idle: dict[int, list[Tensor]] = {}


def _size_class(size: int) -> int:
    """`size` rounded up to an eighth of a power of two, so that batches of nearly the same length share buffers."""
    step = max(mmap.PAGESIZE, 1 << (size.bit_length() - 4))
    return -(-size // step) * step


def fetch(size: int, huge_from: int = _HUGE_PAGE) -> Tensor:
    """A uint8 buffer of zeros from the system, aligned to 64; from `huge_from` bytes on huge pages, where such are."""
    large = size >= huge_from and hasattr(mmap, "MADV_HUGEPAGE")
    space = mmap.mmap(-1, max(1, size) + (_HUGE_PAGE if large else 0), flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    buffer = torch.frombuffer(space, dtype=torch.uint8)
    if not large:
        return buffer[:size]
    # A system without huge pages is slower, and otherwise the same.
    with contextlib.suppress(OSError):
        space.madvise(mmap.MADV_HUGEPAGE)
    skip = -buffer.data_ptr() % _HUGE_PAGE
    return buffer[skip : skip + size]


def take(size: int) -> Tensor:
    """A uint8 buffer of at least `size` bytes, aligned to 64, with anything in it."""
    if size < _SMALL:
        return torch.empty(size, dtype=torch.uint8)
    size = _size_class(size)
    with contextlib.suppress(KeyError, IndexError):
        return _idle[size].pop()
    return fetch(size)


def give_back(*buffers: Tensor) -> None:
    """Keep buffers that came from `take` and that nobody reads or writes any more."""
    for buffer in buffers:
        size = buffer.numel()
        if size < _SMALL or size > MOST_IDLE:
            continue
        for oldest in list(_idle):
            if idle_bytes() + size <= MOST_IDLE:
                break
            # The sizes that came first go first: those of a run that is over.
            while idle_bytes() + size > MOST_IDLE and oldest != size:
                try:
                    _idle[oldest].pop()
                except (KeyError, IndexError):
                    _idle.pop(oldest, None)
                    break
        if idle_bytes() + size <= MOST_IDLE:
            _idle.setdefault(size, []).append(buffer)


def idle_bytes() -> int:
    """The bytes that are kept at the moment."""
    return sum(size * len(kept) for size, kept in list(_idle.items()))
