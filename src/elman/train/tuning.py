"""Process settings that make training faster: threads and the memory allocator of the C library.

glibc returns large buffers to the system as soon as they are freed and allocates them again, page by page, at the next
step. Raising three thresholds keeps them. Batches of many different shapes fragment the memory that is kept, so it is
released periodically; and the number of matrix-product primitives that oneDNN caches, one per shape, is limited. An
OpenMP thread that waits spins before it sleeps; on a busy machine, spinning for a shorter time frees the core for the
thread that it waits for. Does not import torch.
"""

from __future__ import annotations

import ctypes
import os
import sys
from pathlib import Path

__all__ = ["has_bfloat16", "limit_openmp_spinning", "release_memory", "tune_allocator", "usable_cores"]

# From glibc's malloc.h.
_M_TRIM_THRESHOLD, _M_TOP_PAD, _M_MMAP_THRESHOLD = -1, -2, -3
# On 64-bit systems, mallopt accepts an mmap threshold of at most 32 MiB.
_SETTINGS = ((_M_MMAP_THRESHOLD, 32 << 20), (_M_TRIM_THRESHOLD, 1 << 30), (_M_TOP_PAD, 64 << 20))
# Capacity of oneDNN's primitive cache; its default, 1,024, takes much memory when shapes vary.
_PLANS = 128
# Iterations that a waiting GNU OpenMP thread spins; its default is 300,000 while no core is shared.
_SPIN_ROUNDS = 20_000


def usable_cores() -> int:
    """Return the number of cores that this process may use, by its affinity mask and control group quota."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    try:
        quota, period = Path("/sys/fs/cgroup/cpu.max").read_text().split()
        if quota != "max":
            cores = min(cores, max(1, int(quota) // int(period)))
    except (OSError, ValueError):
        pass  # no control group quota
    return cores


def limit_openmp_spinning() -> bool:
    """Make waiting GNU OpenMP threads sleep sooner; return whether the setting was made.

    OpenMP reads the setting when torch is loaded, so this must be called before. Settings of the user are kept.
    """
    if "torch" in sys.modules or "OMP_WAIT_POLICY" in os.environ or "GOMP_SPINCOUNT" in os.environ:
        return False
    os.environ["GOMP_SPINCOUNT"] = str(_SPIN_ROUNDS)
    return True


def tune_allocator() -> bool:
    """Keep freed memory in this process, and limit oneDNN's primitive cache.

    Returns whether the C library accepted the settings.
    """
    if not sys.platform.startswith("linux"):
        return False
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is None:
        return False
    # oneDNN reads this at its first product. A setting of the user is kept.
    os.environ.setdefault("ONEDNN_PRIMITIVE_CACHE_CAPACITY", str(_PLANS))
    accepted = [mallopt(name, value) == 1 for name, value in _SETTINGS]
    return all(accepted)


def release_memory() -> bool:
    """Return the free memory of the C library to the system; return whether any was released."""
    if not sys.platform.startswith("linux"):
        return False
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    return trim is not None and trim(0) == 1


def has_bfloat16() -> bool:
    """Whether the processor has bfloat16 products in hardware (AVX-512 BF16, AMX or ARM BF16)."""
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith(("flags", "Features")):
                return not {"avx512_bf16", "amx_bf16", "bf16"}.isdisjoint(line.split())
    except OSError:
        pass  # not Linux: the processor's features are unknown
    return False
