"""A thousand monthly series of 120 points: seconds to train and forecast a year, against neuralforecast and darts.

usage: python benchmarks/many_series.py [--rounds 3] [--steps 100] [--peer-steps 300 1000] [--threads 2] [--series N]

All have one layer of 64 GRU units and windows of 36 months. Each run is a separate process; imports and making the data
frame are not measured. The libraries run in turn, round by round; medians are shown. The error is MASE on twelve
held-out months. The comparison is at equal accuracy, not at equal steps: elman needs few steps, since it starts from a
least-squares map; its peers are shown at several numbers of steps. The peers have to be installed
(`pip install neuralforecast darts`, best in a separate environment); missing ones are skipped with a message.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import statistics
import subprocess
import sys
from pathlib import Path

from _common import machine

ONE = Path(__file__).resolve().parent / "_many_series_one.py"
PEERS = ("neuralforecast", "darts")


def one(library: str, series: int, steps: int, threads: int, seed: int) -> dict[str, float]:
    """Return seconds and MASE of one run in a separate process; exit if it fails."""
    words = [sys.executable, str(ONE), library, *map(str, (series, steps, threads, seed))]
    done = subprocess.run(words, capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"{library} failed:\n{done.stderr[-2000:]}")
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--steps", type=int, default=100)
    parser.add_argument("--peer-steps", type=int, nargs="+", default=[300, 1000])
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--series", type=int, default=1000)
    arguments = parser.parse_args()
    print(machine())
    there = [name for name in PEERS if importlib.util.find_spec(name)]
    for name in set(PEERS) - set(there):
        print(f"{name} is not installed and is left out")
    runs = [("elman", arguments.steps), *((name, steps) for name in there for steps in arguments.peer_steps)]
    found: dict[tuple[str, int], list[dict[str, float]]] = {run: [] for run in runs}
    for seed in range(arguments.rounds):
        for library, steps in runs:
            found[library, steps].append(one(library, arguments.series, steps, arguments.threads, seed))
    naive = one("seasonal naive", arguments.series, 1, 1, 0)
    print(f"{'seasonal naive':26} {'':>9}  MASE {naive['mase']:.3f}")
    base = statistics.median(each["seconds"] for each in found["elman", arguments.steps])
    for (library, steps), figures in found.items():
        seconds = statistics.median(each["seconds"] for each in figures)
        error = statistics.median(each["mase"] for each in figures)
        ratio = "" if library == "elman" else f"  {seconds / base:5.1f}x elman's time"
        print(f"{library:15} {steps:5} steps {seconds:8.2f} s  MASE {error:.3f}{ratio}", flush=True)


if __name__ == "__main__":
    main()
