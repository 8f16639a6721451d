"""What the benchmarks share: the machine in a line, medians of interleaved runs, and where the data sets lie."""

from __future__ import annotations

import os
import platform
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path

DATA = Path(__file__).resolve().parents[2] / "shared" / "data"


def dataset(name: str) -> Path:
    """A data set's path; ends the program, saying why, where it is absent."""
    path = DATA / name
    if not path.exists():
        sys.exit(f"skipped: the data set {name} is not here (expected in ../shared/data)")
    return path


def machine() -> str:
    """The machine and the versions, in a line."""
    import torch

    model = platform.processor() or platform.machine()
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                model = line.partition(":")[2].strip()
                break
    except OSError:
        pass
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return f"{model}, {cores} cores, Python {platform.python_version()}, torch {torch.__version__}"


def interleaved(candidates: dict[str, Callable[[], object]], rounds: int) -> dict[str, float]:
    """The median seconds of each candidate, run in turn A B A B, after one unmeasured round."""
    times: dict[str, list[float]] = {name: [] for name in candidates}
    for number in range(rounds + 1):
        for name, run in candidates.items():
            begun = time.perf_counter()
            run()
            if number:
                times[name].append(time.perf_counter() - begun)
    return {name: statistics.median(values) for name, values in times.items()}
