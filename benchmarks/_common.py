"""Code shared by the benchmarks: description of the machine, interleaved timing, processes, and data sets."""

from __future__ import annotations

import argparse
import importlib.util
import logging
import os
import platform
import random
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import ModuleType


def shared_data() -> ModuleType:
    """Load the tests' module that finds the data sets by its path, since the tests are not importable from here."""
    path = Path(__file__).resolve().parent.parent / "tests" / "shared_data.py"
    spec = importlib.util.spec_from_file_location("elman_shared_data", path)
    if spec is None or spec.loader is None:
        sys.exit(f"expected a Python file at {path}. Received: none")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def dataset(name: str) -> Path:
    """Return the path of a data set; exit with a message if it is missing."""
    module = shared_data()
    path: Path | None = module.path_of(name)
    if path is None:
        sys.exit(f"skipped: {module.absent(name)}")
    return path


def machine() -> str:
    """Describe processor, cores and versions in one line."""
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


def interleaved(candidates: dict[str, Callable[[], object]], rounds: int, pause: float = 0.0) -> dict[str, float]:
    """Run the candidates in turn and return the median seconds of each; the first round is not measured.

    The order is random in every round, so that no candidate always follows the same one. A pause of `pause` seconds
    before each turn lets the spinning threads of the previous candidate go to sleep.
    """
    draw = random.Random(0)
    times: dict[str, list[float]] = {name: [] for name in candidates}
    for number in range(rounds + 1):
        for name, run in draw.sample(list(candidates.items()), len(candidates)):
            time.sleep(pause)
            begun = time.perf_counter()
            run()
            if number:
                times[name].append(time.perf_counter() - begun)
    return {name: statistics.median(values) for name, values in times.items()}


def use_cores(threads: int) -> None:
    """Restrict this process and its children to `threads` cores, so that all peers have the same number.

    JAX uses one thread per core that the process may use, and has no other setting for it.
    """
    if not hasattr(os, "sched_setaffinity"):
        return
    chosen: dict[str, int] = {}
    for number in sorted(os.sched_getaffinity(0)):
        siblings = Path(f"/sys/devices/system/cpu/cpu{number}/topology/thread_siblings_list")
        chosen.setdefault(siblings.read_text() if siblings.exists() else str(number), number)
    if len(chosen) < threads:
        sys.exit(f"skipped: {threads} cores are needed. Received: {len(chosen)}")
    os.sched_setaffinity(0, list(chosen.values())[:threads])


def show_kernels() -> None:
    """Print the kernel that runs each cell."""
    logging.basicConfig(format="%(message)s", stream=sys.stdout)
    logging.getLogger("elman.kernels").setLevel(logging.INFO)


def row(*cells: object) -> str:
    """Format a row of a Markdown table."""
    return f"| {' | '.join(str(cell) for cell in cells)} |"


def with_both_allocators(
    about: str, measure: Callable[[argparse.Namespace], None], columns: tuple[str, ...], rounds: int
) -> None:
    """Run `measure` in two separate processes: with the tuned and with the default memory allocator.

    `measure` receives the arguments `rounds`, `threads`, `allocator` ("tuned" or "default") and `quick` (few rounds).
    Its output is printed immediately, except its rows of the table with `columns`, which are printed at the end.
    """
    parser = argparse.ArgumentParser(description=about, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="few rounds, only to check that it works")
    parser.add_argument("--rounds", type=int, help=f"measured rounds ({rounds}; 2 with --quick)")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--kernel", help="force a kernel of elman; by default elman chooses")
    parser.add_argument("--allocator", choices=("tuned", "default"), help="only this allocator")
    parser.add_argument("--here", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if not arguments.here:
        print(machine(), flush=True)
        rows = [row(*columns), row(*("---" for _ in columns))]
        for allocator in (arguments.allocator,) if arguments.allocator else ("tuned", "default"):
            command = [sys.executable, *sys.argv, "--here", "--allocator", allocator]
            with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
                for line in process.stdout or ():
                    if line.startswith("|"):
                        rows.append(line.rstrip())
                    else:
                        print(line, end="", flush=True)
            if process.returncode:
                sys.exit(process.returncode)
        print("\n".join(rows))
        return
    use_cores(arguments.threads)
    if arguments.kernel:
        os.environ["ELMAN_KERNELS"] = arguments.kernel
    from elman.train.tuning import tune_allocator

    if arguments.allocator == "tuned" and not tune_allocator():
        sys.exit("skipped: this C library's allocator takes no settings")
    import torch

    torch.set_num_threads(arguments.threads)
    arguments.rounds = arguments.rounds or (2 if arguments.quick else rounds)
    show_kernels()
    measure(arguments)
