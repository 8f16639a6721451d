"""Peak memory and time of a training step over 20,000 time steps, with `recompute` and without: two layers, H = 256.

usage: python benchmarks/recompute.py [--steps 20000] [--batch 4] [--segment 250] [--rounds 5] [--only lm|layers]

Each measurement is a process of its own; plain and recomputing ones take turns. The memory is the growth of the
resident set from before the first step, when network and input exist, to its peak. The time is the processor time of
the later steps, their median, which other work on the machine changes less than the time that passes; both are shown.
`lm` is a step of a language model of 65 characters, `layers` a `Stack` whose outputs' gradient is given.
Targets: at most a quarter of the memory, at most 1.4 times the time.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from _common import machine, row, use_cores

QUICK = False
HIDDEN, LAYERS, TOKENS, WARM_UP = 256, 2, 65, 64
MEMORY, TIME = 0.25, 1.4


def resident(name: str) -> float:
    """Return a field of /proc/self/status in MB: VmRSS, or its peak VmHWM."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(f"{name}:"):
            return int(line.split()[1]) / 1024
    sys.exit(f"expected {name} in /proc/self/status. Received: none")


def language_model(arguments: argparse.Namespace) -> Callable[[int], object]:
    """Return a function that makes a training step over its first so many time steps."""
    import torch

    from elman.state import Batch
    from elman.tasks.language_model.config import LanguageModelNetworkConfig
    from elman.tasks.language_model.network import LanguageModelNetwork
    from elman.tasks.language_model.setup import NextTokenObjective
    from elman.train import TrainConfig
    from elman.train.loop import Training

    network = LanguageModelNetwork(
        TOKENS, LanguageModelNetworkConfig(cell=arguments.cell, layers=LAYERS, hidden_size=HIDDEN)
    )
    tokens_BT = torch.randint(TOKENS, (arguments.batch, arguments.steps + 1))

    class Chunks:
        epoch = 0.0
        length = 0

        def next_batch(self) -> Batch:
            return Batch(tokens_BT[:, : self.length], tokens_BT[:, 1 : self.length + 1])

        def state_dict(self) -> dict[str, object]:
            return {}

        def load_state_dict(self, state: dict[str, object]) -> None:
            pass

    chunks = Chunks()
    config = TrainConfig(max_steps=1000, precision="float32", device="cpu", recompute=arguments.recompute)
    training = Training(NextTokenObjective(network), chunks, config)

    def step(length: int) -> object:
        chunks.length = length
        training.state = None
        return training._make_step()

    return step


def layers(arguments: argparse.Namespace) -> Callable[[int], object]:
    """Return a function that runs a stack of layers over its first so many time steps, forward and backward."""
    import torch

    from elman.nn import Stack

    stack = Stack(arguments.cell, HIDDEN, HIDDEN, layers=LAYERS, recompute=arguments.recompute)
    x_BTI, dy_BTY = torch.randn(2, arguments.batch, arguments.steps, HIDDEN)

    def step(length: int) -> None:
        stack.zero_grad()
        y_BTY, _ = stack(x_BTI[:, :length])
        y_BTY.backward(dy_BTY[:, :length])

    return step


WORKS = {"lm": language_model, "layers": layers}


def measure(arguments: argparse.Namespace) -> None:
    """Print memory and time of one work as JSON."""
    use_cores(arguments.threads)
    import torch

    torch.set_num_threads(arguments.threads)
    torch.manual_seed(0)
    step = WORKS[arguments.only](arguments)
    step(WARM_UP)
    Path("/proc/self/clear_refs").write_text("5")  # resets the peak
    before = resident("VmRSS")
    step(arguments.steps)
    memory = resident("VmHWM") - before
    seconds, passed = [], []
    for _ in range(arguments.timed):
        begun = time.process_time(), time.perf_counter()
        step(arguments.steps)
        seconds.append(time.process_time() - begun[0])
        passed.append(time.perf_counter() - begun[1])
    found = {"memory": memory, "seconds": statistics.median(seconds), "passed": statistics.median(passed)}
    print(json.dumps(found))


def run(work: str, recompute: int) -> dict[str, float]:
    """Measure in a process of its own."""
    command = [sys.executable, *sys.argv, "--only", work, "--recompute", str(recompute), "--here"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(done.stderr[-2000:])
    found: dict[str, float] = json.loads(done.stdout)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=20_000)
    parser.add_argument("--batch", type=int, default=4)
    parser.add_argument("--segment", type=int, default=250)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--timed", type=int, default=1, help="timed steps of each process")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--cell", default="lstm")
    parser.add_argument("--only", choices=tuple(WORKS))
    parser.add_argument("--recompute", type=int, default=0, help=argparse.SUPPRESS)
    parser.add_argument("--here", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.here:
        measure(arguments)
        return
    print(machine())
    print(row("work", "recompute", "memory, MB", "of that without", "processor s", "times", "passed s", "times"))
    print(row(*["---"] * 8))
    for work in (arguments.only,) if arguments.only else WORKS:
        results: dict[int, list[dict[str, float]]] = {0: [], arguments.segment: []}
        for _ in range(arguments.rounds):
            for recompute, found in results.items():
                found.append(run(work, recompute))
        middle = {
            recompute: {name: statistics.median(each[name] for each in found) for name in found[0]}
            for recompute, found in results.items()
        }
        plain, other = middle[0], middle[arguments.segment]
        memory, seconds, passed = (other[name] / plain[name] for name in ("memory", "seconds", "passed"))
        print(row(work, 0, f"{plain['memory']:.0f}", "", f"{plain['seconds']:.2f}", "", f"{plain['passed']:.2f}", ""))
        figures = (f"{other['memory']:.0f}", f"{memory:.3f}", f"{other['seconds']:.2f}", f"{seconds:.2f}")
        print(row(work, arguments.segment, *figures, f"{other['passed']:.2f}", f"{passed:.2f}"), flush=True)
        reached = memory <= MEMORY and seconds <= TIME
        print(f"{work}: at most {MEMORY} of the memory and {TIME} times the time: {'reached' if reached else 'MISSED'}")


if __name__ == "__main__":
    main()
