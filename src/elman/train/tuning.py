"""Process settings that make training faster: threads and the memory allocator of the C library.

glibc returns large buffers to the system as soon as they are freed and allocates them again, page by page, at the next
step. Raising three thresholds keeps them. Batches of many different shapes fragment the memory that is kept, so it is
released periodically; and the number of matrix-product primitives that oneDNN caches, one per shape, is limited. An
OpenMP thread that waits spins before it sleeps; on a busy machine, spinning for a shorter time frees the core for the
thread that it waits for. Does not import torch.
"""

from __future__ import annotations

import ctypes
import math
import os
import sys
from pathlib import Path

__all__ = [
    "cpu_quota",
    "default_threads",
    "has_bfloat16",
    "limit_openmp_spinning",
    "release_memory",
    "requested_threads",
    "tune_allocator",
    "usable_cores",
]

# From glibc's malloc.h.
_M_TRIM_THRESHOLD, _M_TOP_PAD, _M_MMAP_THRESHOLD = -1, -2, -3
# On 64-bit systems, mallopt accepts an mmap threshold of at most 32 MiB.
_SETTINGS = ((_M_MMAP_THRESHOLD, 32 << 20), (_M_TRIM_THRESHOLD, 1 << 30), (_M_TOP_PAD, 64 << 20))
# Capacity of oneDNN's primitive cache; its default, 1,024, takes much memory when shapes vary.
_PLANS = 128
# Iterations that a waiting GNU OpenMP thread spins; its default is 300,000 while no core is shared.
_SPIN_ROUNDS = 20_000


def usable_cores(root: Path = Path("/")) -> int:
    """Return the number of cores that this process may use, by its affinity mask and the quotas of its control groups.

    A quota below one core counts as one. `root` is the root of the file system, in which the quotas are read.
    """
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, math.floor(min(cores, cpu_quota(root))))


def default_threads() -> int:
    """Return the default number of threads: OMP_NUM_THREADS, or else the usable cores."""
    return requested_threads() or usable_cores()


def requested_threads() -> int:
    """Return the number of threads in OMP_NUM_THREADS; 0 if it has none."""
    first = os.environ.get("OMP_NUM_THREADS", "").partition(",")[0].strip()
    return int(first) if first.isdecimal() else 0


def cpu_quota(root: Path = Path("/")) -> float:
    """Return the cores that the control groups of this process grant it, v1 or v2; infinity without a quota.

    The quota of a group also bounds the groups in it. In a container the path may be that of the host; then only the
    mounted root group exists, which is the container's own.
    """
    try:
        lines = (root / "proc/self/cgroup").read_text().splitlines()
    except (OSError, UnicodeDecodeError):
        lines = []
    quotas = [math.inf]
    for line in [*lines, "0::/"]:
        _, _, rest = line.partition(":")
        controllers, _, path = rest.partition(":")
        if controllers and "cpu" not in controllers.split(","):
            continue
        mounts = ("", "unified") if not controllers else (controllers, "cpu")
        read = _quota_v2 if not controllers else _quota_v1
        for mount in mounts:
            base = root / "sys/fs/cgroup" / mount
            parts = [part for part in path.split("/") if part not in ("", "..")]
            quotas += [read(base.joinpath(*parts[:count])) for count in range(len(parts) + 1)]
    return min(quotas)


def _quota_v2(group: Path) -> float:
    return _ratio(group / "cpu.max", None)


def _quota_v1(group: Path) -> float:
    return _ratio(group / "cpu.cfs_quota_us", group / "cpu.cfs_period_us")


def _ratio(quota: Path, period: Path | None) -> float:
    """Return quota / period, both in one file if `period` is None; infinity where the files set no quota."""
    try:
        text = quota.read_text() + (" " + period.read_text() if period is not None else "")
        granted, each = map(int, text.split())
    except (OSError, ValueError):
        return math.inf  # no such file, or no quota: "max"
    return granted / each if granted > 0 and each > 0 else math.inf


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
