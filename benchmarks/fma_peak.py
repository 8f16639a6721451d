"""Peak fp32 operations per second of the cores: independent FMAs in registers, for each instruction set.

Other benchmarks run this loop interleaved with their own measurements. Their fraction of the peak counts only the
necessary matrix products of a step (`product_operations`).
"""

from __future__ import annotations

import argparse
import ctypes
import os
import platform
import shutil
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from _common import interleaved, machine, row, use_cores

# Twelve accumulators: more than the 8 needed for two FMAs per cycle with a latency of four, and they fit in registers.
ACCUMULATORS = 12
SOURCE = """
typedef float vector __attribute__((vector_size(BYTES)));
extern "C" float fma_loop(long rounds, float factor, float term) {
    vector a[12], f = factor - vector{}, t = term - vector{};
    for (int i = 0; i < 12; i++) a[i] = t * (float)i;
    for (long round = 0; round < rounds; round++)
        for (int i = 0; i < 12; i++) a[i] = a[i] * f + t;
    vector sum = a[0];
    for (int i = 1; i < 12; i++) sum += a[i];
    float total = 0;
    for (unsigned k = 0; k < BYTES / sizeof(float); k++) total += sum[k];
    return total;
}
"""
# Name: required processor flags, compiler options, bytes per register.
INSTRUCTION_SETS = {
    "AVX-512": ({"avx512f"}, ["-mavx512f", "-mfma"], 64),
    "AVX2": ({"avx2", "fma"}, ["-mavx2", "-mfma"], 32),
    "NEON": ({"asimd"}, [], 16),
}


def instruction_sets() -> list[str]:
    """Return the instruction sets of this processor, widest first."""
    flags: set[str] = set()
    if Path("/proc/cpuinfo").exists():
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith(("flags", "Features")):
                flags = set(line.split())
                break
    elif platform.machine() == "arm64":
        flags = {"asimd"}
    return [name for name, (needed, _, _) in INSTRUCTION_SETS.items() if needed <= flags]


class FmaLoop:
    """The loop for one instruction set, compiled on creation and run by `threads` threads in parallel."""

    def __init__(self, instruction_set: str, threads: int, rounds: int = 4_000_000) -> None:
        compiler = os.environ.get("CXX") or shutil.which("g++") or shutil.which("c++")
        if compiler is None:
            sys.exit("skipped: a C++ compiler is needed for the FMA loop")
        _, options, size = INSTRUCTION_SETS[instruction_set]
        with tempfile.TemporaryDirectory() as folder:
            source, library = Path(folder) / "fma.cpp", Path(folder) / "fma.so"
            source.write_text(SOURCE)
            options = [*options, "-O3", "-ffp-contract=fast", f"-DBYTES={size}", "-shared", "-fPIC"]
            subprocess.run([compiler, *options, str(source), "-o", str(library)], check=True)
            self._loop = ctypes.CDLL(str(library)).fma_loop
        self._loop.argtypes = [ctypes.c_long, ctypes.c_float, ctypes.c_float]
        self._loop.restype = ctypes.c_float
        self._pool = ThreadPoolExecutor(threads)
        self.threads, self.rounds = threads, rounds
        self.operations = 2.0 * rounds * ACCUMULATORS * (size // 4) * threads

    def run(self) -> None:
        """Execute `operations` multiplications and additions."""
        list(self._pool.map(lambda _: self._loop(self.rounds, 0.5, 1.0), range(self.threads)))


def best_loop(threads: int) -> FmaLoop:
    """Make the loop of this processor's widest instruction set."""
    names = instruction_sets()
    if not names:
        sys.exit(f"skipped: expected a processor with {', '.join(INSTRUCTION_SETS)}. Received: none of them")
    return FmaLoop(names[0], threads)


def product_operations(cell: str, sizes: list[tuple[int, int]], steps: int, table_rows: int | None = None) -> float:
    """Count the operations of the necessary matrix products of recurrent layers in forward and backward passes.

    sizes: (input, units) of every layer; steps: batch size times time steps. G gates of H units with I inputs need
    2 * G*H*(I + H) operations per step in the forward pass, and the same number each for the gradients of the inputs
    and of the weights. With `table_rows`, the input projection of the first layer is computed once for each token of
    the vocabulary instead of once per step.
    """
    gates = {"lstm": 4, "gru": 3, "rnn": 1}[cell]
    total = 0.0
    for layer, (inputs, units) in enumerate(sizes):
        input_rows = steps if layer or table_rows is None else table_rows
        total += 3 * 2 * gates * units * (inputs * input_rows + units * steps)
    return total


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="few rounds, only to check that it works")
    parser.add_argument("--rounds", type=int, help="measured rounds (25; 3 with --quick)")
    parser.add_argument("--threads", type=int, default=2, help="measure one thread, and this many")
    arguments = parser.parse_args()
    print(machine())
    use_cores(arguments.threads)
    counts = sorted({1, arguments.threads})
    loops = {f"{name}, {count}": FmaLoop(name, count) for name in instruction_sets() for count in counts}
    rounds = arguments.rounds or (3 if arguments.quick else 25)
    medians = interleaved({name: loop.run for name, loop in loops.items()}, rounds)
    print(row("instruction set, threads", "fp32 GF/s", "of one thread"))
    print(row("---", "---", "---"))
    rates = {name: loop.operations / medians[name] / 1e9 for name, loop in loops.items()}
    for name, rate in rates.items():
        print(row(name, f"{rate:.0f}", f"{rate / rates[name.partition(',')[0] + ', 1']:.2f}x"))


if __name__ == "__main__":
    main()
