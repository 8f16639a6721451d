"""Training and predicting while other programs keep the cores busy: default threads against 1 and all of them.

usage: python benchmarks/busy_machine.py [--busy N] [--seconds 40] [--rounds 5] [--only NAME ...]

Every run is a process of its own, interleaved with the others. Training: steps in the given time, the measurement of
threads included, with the base presets of the language model, the classifier and the translator. Predicting: calls with
one sentence by the trained classifier and translator, in turn in one process. --busy 0 measures a free machine.
"""

from __future__ import annotations

import argparse
import gzip
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from _common import dataset, machine

BURN = "while True: pass"
TRAIN = """
import dataclasses, sys, time
from elman.train.tuning import limit_openmp_spinning
limit_openmp_spinning()
import torch
from elman.data.sources import Sources
from elman.tasks.registry import find
from elman.tasks.run import Run
from elman.train import StepEvent
from elman.train.machine import tune_process
name, threads, seconds, file, folder = sys.argv[1:6]
model = find(name).model_class()
table = {"format": "table", "header": False, "text_column": "1", "label_column": "2"} if name == "classifier" else {}
options = {"threads": int(threads), "max_steps": 1_000_000, "max_seconds": 0.0, "evaluate_every": 1_000_000}
config = model.setup_class.config_class.make("base", options | table)
setup = model.setup_class.open(config, Sources([file], [], []))
tune_process(setup.training_config)
run = Run(setup, folder=None, command="", watch=setup.watch(quiet=True), tune=True)
begun = time.perf_counter()
with run.choosing_threads() as chooser:
    for event in run.training.fit():
        if isinstance(event, StepEvent):
            chooser.on_step()
            if time.perf_counter() - begun > float(seconds):
                break
print(event.step, chooser.threads)
if folder:
    model().take_run(run).save(folder)
"""
PREDICT = """
import logging, statistics, sys, time
from elman.train.tuning import limit_openmp_spinning
limit_openmp_spinning()
logging.disable(logging.WARNING)
import torch, elman
name, folder, rounds, calls = *sys.argv[1:3], *map(int, sys.argv[3:5])
model, usual = elman.load(folder), torch.get_num_threads()
texts = ["ein mann sitzt auf einer bank im park ."] if name == "translator" else ["a strange and moving film"]
call = model.translate if name == "translator" else model.predict
seconds = {"default": [], "one": []}
for number in range(rounds + 1):
    for which in sorted(seconds, reverse=number % 2 == 1):
        torch.set_num_threads(usual if which == "default" else 1)
        begun = time.perf_counter()
        for _ in range(calls):
            call(texts)
        if number:  # the first round makes plans
            seconds[which].append(time.perf_counter() - begun)
print(*(statistics.median(seconds[which]) for which in ("default", "one")))
"""


@contextmanager
def busy(count: int) -> Iterator[None]:
    """Context manager in which so many other processes compute."""
    others = [subprocess.Popen([sys.executable, "-c", BURN]) for _ in range(count)]
    try:
        yield
    finally:
        for other in others:
            other.kill()
            other.wait()


def measured(code: str, others: int, *words: str) -> tuple[float, int]:
    with busy(others):
        done = subprocess.run([sys.executable, "-c", code, *words], check=True, capture_output=True, text=True)
    figure, threads = done.stdout.split()[-2:]
    return float(figure), int(threads)


def compare(title: str, code: str, others: int, rounds: int, words: Sequence[str]) -> None:
    cores = str(len(os.sched_getaffinity(0)))
    found: dict[str, list[tuple[float, int]]] = {"0": [], "1": [], cores: []}
    for _ in range(rounds):
        for threads, values in found.items():
            values.append(measured(code, others, words[0], threads, *words[1:]))
    medians = {threads: statistics.median(figure for figure, _ in values) for threads, values in found.items()}
    default, one, all_ = medians.values()
    ratio = default / max(one, all_)
    chosen = ", ".join(str(number) for _, number in found["0"])
    print(
        f"{title:32} default {default:9.2f}   1 thread {one:9.2f}   {cores} threads {all_:9.2f}   "
        f"default/best {ratio:5.3f}   chosen: {chosen}",
        flush=True,
    )


def compare_predictions(name: str, folder: str, others: int) -> None:
    """Print the seconds of calls with one sentence, by default and with one thread."""
    calls = "100" if name == "classifier" else "10"
    with busy(others):
        words = [sys.executable, "-c", PREDICT, name, folder, "24", calls]
        done = subprocess.run(words, check=True, capture_output=True, text=True)
    default, one = map(float, done.stdout.split()[-2:])
    ratio = one / default
    print(f"{name}, s for {calls} calls: default {default:.3f}, 1 thread {one:.3f}, ratio {ratio:.3f}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--busy", type=int, default=2)
    parser.add_argument("--seconds", type=float, default=40.0)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--only", nargs="+", default=["language-model", "classifier", "translator", "predictions"])
    given = parser.parse_args()
    print(machine(), f"{given.busy} busy processes")
    with tempfile.TemporaryDirectory() as place:
        pairs = Path(place) / "pairs.tsv"
        pairs.write_text(pairs_of_sentences(), encoding="utf-8")
        files = {
            "language-model": dataset("text/tinyshakespeare.txt"),
            "classifier": dataset("classification/sst2") / "train.tsv",
            "translator": pairs,
        }
        for name, file in files.items():
            if name in given.only:
                words = (name, str(given.seconds), str(file), "")
                compare(f"{name}, steps", TRAIN, given.busy, given.rounds, words)
            if "predictions" in given.only and name != "language-model":
                folder = str(Path(place) / name)
                measured(TRAIN, 0, name, "0", "10", str(file), folder)
                compare_predictions(name, folder, given.busy)


def pairs_of_sentences() -> str:
    """Multi30k, German to English, as a table."""
    folder = dataset("translation/multi30k")
    sides = [gzip.decompress((folder / f"train.{language}.gz").read_bytes()).decode() for language in ("de", "en")]
    rows = zip(*(side.splitlines() for side in sides), strict=True)
    return "".join(f"{source}\t{target}\n" for source, target in rows if "\t" not in source + target)


if __name__ == "__main__":
    main()
