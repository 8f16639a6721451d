"""How busy other programs keep the cores of this process, from Linux's `/proc/stat`. Does not import torch."""

from __future__ import annotations

import os
import time
from pathlib import Path

__all__ = ["Load"]

# Columns of a line of /proc/stat in which a core does nothing: idle, and waiting for a disk.
_IDLE = (3, 4)
# Columns from here on (time of guests) are part of others.
_COUNTED = 8


class Load:
    """Measures how many cores other programs use, among those that this process may use.

    `root` is the root of the file system, in which the counters are read.
    """

    def __init__(self, root: Path = Path("/")) -> None:
        self._stat = root / "proc/stat"
        self._before = self._read()

    @property
    def cores(self) -> int:
        """The number of cores that this process may use, by its affinity mask."""
        return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1

    def others(self) -> float | None:
        """Return the mean number of cores that other programs used since the last call; None if it is unknown.

        Time that a hypervisor takes from this machine counts as used.
        """
        before, after = self._before, self._read()
        self._before = after
        if before is None or after is None or after[0] <= before[0]:
            return None
        seconds, busy, own = (new - old for new, old in zip(after, before, strict=True))
        return max(0.0, (busy - own) / seconds)

    def _read(self) -> tuple[float, float, float] | None:
        """Return the time, and the seconds of processor time that all programs and that this process used."""
        now = time.monotonic()
        try:
            ticks = float(os.sysconf("SC_CLK_TCK"))
            usable = os.sched_getaffinity(0)
            busy = 0.0
            for line in self._stat.read_text().splitlines():
                name, *columns = line.split()
                if name[:3] == "cpu" and name[3:].isdecimal() and int(name[3:]) in usable:
                    counts = [int(column) for column in columns[:_COUNTED]]
                    busy += sum(counts) - sum(counts[column] for column in _IDLE)
        except (OSError, ValueError, AttributeError, IndexError):
            return None
        own = os.times()
        return now, busy / ticks, own.user + own.system + own.children_user + own.children_system
