"""Settings of the process that make training faster: threads and the C library's memory allocator.

glibc gives large buffers back to the system as soon as they are freed, and fetches them anew, page by page, at the
next step. Raising three thresholds keeps them. Batches of ever other shapes leave holes between what is kept, so it is
given back now and then; and torch's products keep a plan for each shape, which is limited. A thread that waits for
others spins for a while before it sleeps; on a machine that does other work too, a shorter while leaves the core to
the thread that is waited for. Knows nothing about models, and imports no torch.
"""

from __future__ import annotations

import ctypes
import os
import sys
from pathlib import Path

__all__ = ["has_bfloat16", "release_memory", "shorten_spinning", "tune_allocator", "usable_cores"]

# From glibc's malloc.h.
_M_TRIM_THRESHOLD, _M_TOP_PAD, _M_MMAP_THRESHOLD = -1, -2, -3
# glibc caps the mmap threshold at 32 MiB where it is set by mallopt on 64 bits.
_SETTINGS = ((_M_MMAP_THRESHOLD, 32 << 20), (_M_TRIM_THRESHOLD, 1 << 30), (_M_TOP_PAD, 64 << 20))
# Plans of products that oneDNN keeps; its own default is 1,024, which take much memory where shapes differ.
_PLANS = 128
# Rounds that a thread of GNU OpenMP spins; its own default is 300,000 while no core is shared.
_SPIN_ROUNDS = 20_000


def usable_cores() -> int:
    """The cores that this process may use: its affinity mask, and the quota of its control group if there is one."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    try:
        quota, period = Path("/sys/fs/cgroup/cpu.max").read_text().split()
        if quota != "max":
            cores = min(cores, max(1, int(quota) // int(period)))
    except (OSError, ValueError):
        pass  # no control group tells a quota: the mask stands
    return cores


def shorten_spinning() -> bool:
    """Let waiting threads of GNU OpenMP sleep sooner; true if that was still to be decided.

    It is read once, when torch is loaded, so this must be called before. Settings of the user's own stand.
    """
    if "torch" in sys.modules or "OMP_WAIT_POLICY" in os.environ or "GOMP_SPINCOUNT" in os.environ:
        return False
    os.environ["GOMP_SPINCOUNT"] = str(_SPIN_ROUNDS)
    return True


def tune_allocator() -> bool:
    """Keep freed memory in this process instead of giving it back, and few plans of products.

    True where the C library took the settings.
    """
    if not sys.platform.startswith("linux"):
        return False
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is None:
        return False
    # oneDNN reads it at its first product; a setting of the user's own stands.
    os.environ.setdefault("ONEDNN_PRIMITIVE_CACHE_CAPACITY", str(_PLANS))
    accepted = [mallopt(name, value) == 1 for name, value in _SETTINGS]
    return all(accepted)


def release_memory() -> bool:
    """Give the system back what the C library keeps free, holes inside included; true where there was anything."""
    if not sys.platform.startswith("linux"):
        return False
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    return trim is not None and trim(0) == 1


def has_bfloat16() -> bool:
    """Whether the processor multiplies bfloat16 numbers in hardware (AVX-512 BF16, AMX or ARM's BF16)."""
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith(("flags", "Features")):
                return not {"avx512_bf16", "amx_bf16", "bf16"}.isdisjoint(line.split())
    except OSError:
        pass  # no such file on this system: nothing is known of the processor
    return False
