"""Sampling characters from an LSTM: the native engine against an eager torch loop with the same weights.

Two layers, embedding 128 (256 at H=512), 65 characters, temperature 1. Batch 1 on one thread. Targets: 35 times the
speed of the loop at H=128, 20 times at H=512, and 100 times at H=128 with int8 weights.
"""

from __future__ import annotations

import argparse
import statistics
import time

import torch
from _common import machine, row
from torch import Tensor, nn

from elman.decode import SamplingOptions
from elman.decode.engine import engine_of
from elman.decode.generation import sample_natively
from elman.kernels.generation import WEIGHT_FORMATS, Engine
from elman.tasks.language_model.config import LanguageModelNetworkConfig
from elman.tasks.language_model.network import LanguageModelNetwork

LAYERS, VOCABULARY = 2, 65
TO_REACH = {(128, 1, "float32"): 35, (512, 1, "float32"): 20, (128, 1, "int8"): 100}
COLUMNS = ("H", "rows", "threads", "runs on", "tokens/s", "of the eager loop", "to reach")


class EagerLoop:
    """torch.nn's layers, one time step at a time."""

    def __init__(self, network: LanguageModelNetwork, rows: int) -> None:
        cells = network.cells()
        self.network = network
        self.lstm = nn.LSTM(cells[0].input_size, cells[0].hidden_size, LAYERS, batch_first=True)
        with torch.no_grad():
            for depth, cell in enumerate(cells):
                for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh"):
                    getattr(self.lstm, f"{name}_l{depth}").copy_(getattr(cell, name))
        zeros = torch.zeros(LAYERS, rows, cells[0].hidden_size)
        self.state = (zeros, zeros)
        self.tokens_B = torch.zeros(rows, dtype=torch.int64)

    def logits(self) -> Tensor:
        """Read one token per row and return the logits."""
        y_BTH, self.state = self.lstm(self.network.embed(self.tokens_B[:, None]), self.state)
        return self.network.head(y_BTH[:, 0])

    def run(self, steps: int) -> None:
        """Sample `steps` tokens per row."""
        with torch.no_grad():
            for _ in range(steps):
                probabilities_BV = torch.softmax(self.logits(), dim=-1)
                self.tokens_B = torch.multinomial(probabilities_BV, 1)[:, 0]


class Native:
    """The native engine, called as in text generation."""

    def __init__(self, network: LanguageModelNetwork, engine: Engine, rows: int) -> None:
        self.network = network
        self.engine = engine
        self.rows = rows

    def run(self, steps: int) -> None:
        """Sample `steps` tokens per row."""
        with torch.no_grad():
            for _ in sample_natively(self.engine, self.network, [0], steps, SamplingOptions(), self.rows, 0):
                pass


def compare(hidden: int, rows: int, threads: int, steps: int, rounds: int) -> None:
    """Print the rows of the table for one model and one batch size."""
    torch.set_num_threads(threads)
    torch.manual_seed(0)
    config = LanguageModelNetworkConfig("lstm", layers=LAYERS, hidden=hidden, embedding=128 if hidden == 128 else 256)
    network = LanguageModelNetwork(VOCABULARY, config).eval()
    loop = EagerLoop(network, rows)
    runs: dict[str, tuple[EagerLoop | Native, int]] = {"eager loop": (loop, max(8, steps // 40))}
    for weights in WEIGHT_FORMATS:
        engine = engine_of(network, weights)
        if isinstance(engine, str):
            raise SystemExit(f"skipped: {engine}")
        runs[weights] = Native(network, engine, rows), steps
    check(network, rows)
    # With one thread, its CPU time excludes the time that other programs use.
    clock = time.thread_time if threads == 1 else time.perf_counter
    seconds: dict[str, list[float]] = {name: [] for name in runs}
    for number in range(rounds + 1):
        for name, (one, count) in runs.items():
            begun = clock()
            one.run(count)
            if number:
                seconds[name].append(clock() - begun)
    speeds = {name: rows * runs[name][1] / statistics.median(seconds[name]) for name in runs}
    for name, speed in speeds.items():
        goal = TO_REACH.get((hidden, rows, name), "")
        ratio = f"{speed / speeds['eager loop']:.1f}x"
        print(row(hidden, rows, threads, name, f"{speed:,.0f}", ratio, goal and f"{goal}x"), flush=True)


def check(network: LanguageModelNetwork, rows: int) -> None:
    """Check that the loop and the engine compute the same logits."""
    loop = EagerLoop(network, rows)
    engine = engine_of(network)
    if isinstance(engine, str):
        raise SystemExit(f"skipped: {engine}")
    with torch.no_grad():
        expected_BV = loop.logits()
    found_BV = engine.read(loop.tokens_B[:, None], torch.zeros(rows, engine.state_size))
    torch.testing.assert_close(found_BV, expected_BV, rtol=1e-4, atol=1e-5)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="few rounds, only to check that it works")
    parser.add_argument("--rounds", type=int, help="measured rounds (15; 2 with --quick)")
    arguments = parser.parse_args()
    rounds = arguments.rounds or (2 if arguments.quick else 15)
    print(machine())
    print(row(*COLUMNS))
    print(row(*("---" for _ in COLUMNS)))
    for hidden, rows, threads, steps in ((128, 1, 1, 4096), (512, 1, 1, 512), (128, 64, 1, 256), (128, 64, 2, 256)):
        compare(hidden, rows, threads, steps, rounds)


if __name__ == "__main__":
    main()
