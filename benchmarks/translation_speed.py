"""Speed of training and translating German to English with elman, plain torch and JoeyNMT, interleaved on equal data.

usage: python benchmarks/translation_speed.py FOLDER [--attention bahdanau] [--threads 2] [--rounds 5] [--only NAMES]
       [--joeynmt PYTHON] [--taught 1000] [--length N] [--batches 10] [--sizes 32 64 128 256 512]

FOLDER is the output of _translation_data.py; it is created if missing. All models have a GRU encoder of 256 units in
each direction, a GRU decoder of 512, embeddings of 256 and 8,000 subwords on both sides, in float32 and with products
in bfloat16. Each is a separate process that sleeps while another has its turn; medians are shown. JoeyNMT has to be
installed, best in a separate environment whose Python is given with `--joeynmt` or in JOEYNMT_PYTHON.

Before they translate, all models are trained on `--taught` batches in bfloat16, since the time of a translation depends
on its length; the weights are saved in FOLDER. Each translates the test sentences with its fastest batch size. On a
busy machine, `--threads 1 --clock cpu` measures the CPU time of each process.

Separately trained networks still write translations of different lengths. `--length N` makes the work equal: each
writes exactly N subwords for every sentence, in N steps with all beams and one more for the end, for any weights. With
`--taught 0` the weights are those after the training turns, almost random, and BLEU is meaningless; without `--length`
translation is then skipped. `by default` compares elman at its faster precision with the others in float32, their
default.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import statistics
import subprocess
import sys
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple, Self

from _common import machine, row
from _translation_data import prepare, read_corpus, text_of

QUICK = False
HERE = Path(__file__).resolve().parent
SCRIPTS = {"elman": "_elman_translator_peer.py", "torch": "_torch_translator_peer.py", "joeynmt": "_joeynmt_peer.py"}
PRECISIONS = ("float32", "bfloat16")
# The allocator settings that elman uses for training, and a short spin of OpenMP threads.
ENVIRONMENT = {
    "MALLOC_MMAP_THRESHOLD_": str(32 << 20),
    "MALLOC_TRIM_THRESHOLD_": str(1 << 30),
    "MALLOC_TOP_PAD_": str(64 << 20),
    "GOMP_SPINCOUNT": "20000",
}


class Running:
    """The process of a peer, which sleeps between commands."""

    def __init__(self, python: str, script: str, words: Sequence[str]) -> None:
        command = [python, str(HERE / script), *words]
        pipe = subprocess.PIPE
        self.script = script
        self._process = subprocess.Popen(command, env=os.environ | ENVIRONMENT, stdin=pipe, stdout=pipe, text=True)
        self.about = self._answer()

    def ask(self, command: str) -> dict[str, Any]:
        """Send a command and return the answer; see _translator_peer.py."""
        if self._process.stdin is None:
            sys.exit(f"expected pipes to {self.script}. Received: none")
        print(command, file=self._process.stdin, flush=True)
        return self._answer()

    def _answer(self) -> dict[str, Any]:
        line = self._process.stdout.readline() if self._process.stdout is not None else ""
        if not line:
            sys.exit(f"{self.script} ended with {self._process.wait()}")
        found: dict[str, Any] = json.loads(line)
        return found

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._process.communicate()


Name = tuple[str, str]
Peers = dict[Name, Running]


def teach(peers: Peers, arguments: argparse.Namespace) -> None:
    """Load the same weights into all peers of a library, after training one of them if they are not saved yet."""
    batches = arguments.taught
    for (library, _), peer in peers.items():
        feeding = "-feeding" * (arguments.feeding and library == "elman")
        path = arguments.folder / f"{library}-{arguments.attention}{feeding}-{batches}.pt"
        if not path.exists():
            teacher = peers.get((library, "bfloat16"), peer)
            loss = teacher.ask(f"train {batches}")["loss"]
            print(f"{library} was trained on {batches} batches: mean loss {loss:.3f} nats per subword", flush=True)
            teacher.ask(f"save {path}")
        peer.ask(f"load {path}")


def training_speed(peers: Peers, arguments: argparse.Namespace) -> dict[Name, list[float]]:
    """Return the target tokens per second of every turn."""
    found: dict[Name, list[float]] = {name: [] for name in peers}
    for number in range(arguments.rounds + 1):
        for name, peer in peers.items():
            answer = peer.ask(f"train {arguments.batches}")
            if number:
                found[name].append(answer["tokens"] / answer[arguments.clock])
    return found


class Translated(NamedTuple):
    """The fastest batch size, the seconds of every turn, and the translations."""

    size: int
    seconds: list[float]
    ids: list[list[int]]


def translation_seconds(peers: Peers, arguments: argparse.Namespace) -> dict[Name, Translated]:
    """Time the translation of the test sentences by every peer."""

    def translate(name: Name, size: int) -> dict[str, Any]:
        answer = peers[name].ask(f"translate {size}")
        pieces = {len(each) for each in answer["ids"]}
        if arguments.length and pieces != {arguments.length}:
            sys.exit(
                f"expected {arguments.length} subwords for every sentence from {' in '.join(name)}. "
                f"Received: {min(pieces)} to {max(pieces)}"
            )
        return answer

    def quickest(name: Name) -> int:
        return min(arguments.sizes, key=lambda size: translate(name, size)[arguments.clock])

    found = {name: Translated(quickest(name), [], []) for name in peers}
    for _ in range(arguments.rounds):
        for name in peers:
            answer = translate(name, found[name].size)
            found[name].seconds.append(answer[arguments.clock])
            found[name].ids[:] = answer["ids"]
    return found


def bleu(folder: Path, ids: list[list[int]]) -> float:
    """Return sacrebleu's BLEU of translations of the test sentences."""
    import sacrebleu

    pieces = (folder / "pieces.txt").read_text(encoding="utf-8").split("\n")
    right = [text_of(pieces, target.tolist()) for _, target in read_corpus(folder).test]
    return float(sacrebleu.corpus_bleu([text_of(pieces, each) for each in ids], [right]).score)


def python_of(library: str, given: str | None) -> str | None:
    """Return the Python that runs the peer of a library; None if there is none."""
    if library != "joeynmt" or importlib.util.find_spec(library):
        return sys.executable
    return given or os.environ.get("JOEYNMT_PYTHON")


def measure(peers: Peers, arguments: argparse.Namespace) -> None:
    """Print the tables of training and of translation."""
    print(row("training", "products", "target tokens/s", "turns"), row(*("---",) * 4), sep="\n", flush=True)
    speeds = training_speed(peers, arguments)
    for name, each in speeds.items():
        print(row(*name, f"{statistics.median(each):.0f}", " ".join(f"{speed:.0f}" for speed in each)), flush=True)
    compare({name: statistics.median(each) for name, each in speeds.items()}, 2.0)
    if not arguments.taught and not arguments.length:
        return
    if arguments.taught:
        teach(peers, arguments)
    if arguments.length:
        for peer in peers.values():
            peer.ask(f"length {arguments.length}")
    columns = ("beam 5", "products", "s", "sentences/s", "batch", "pieces", "BLEU")
    print(row(*columns), row(*("---" for _ in columns)), sep="\n", flush=True)
    found = translation_seconds(peers, arguments)
    for name, (size, seconds, ids) in found.items():
        middle, score = statistics.median(seconds), bleu(arguments.folder, ids)
        pieces = sum(map(len, ids)) / len(ids)
        figures = (f"{middle:.2f}", f"{len(ids) / middle:.0f}", size, f"{pieces:.1f}", f"{score:.1f}")
        print(row(*name, *figures), flush=True)
    compare({name: 1.0 / statistics.median(each.seconds) for name, each in found.items()}, 5.0)


def compare(speeds: dict[Name, float], asked: float) -> None:
    """Print elman's speed relative to every peer: at equal precision, at the best of each, and with defaults."""
    libraries = list(dict.fromkeys(library for library, _ in speeds))
    if "elman" not in libraries:
        return
    best = {library: max(speed for (name, _), speed in speeds.items() if name == library) for library in libraries}
    own = max((precision for name, precision in speeds if name == "elman"), key=lambda each: speeds["elman", each])
    for library in libraries[1:]:
        parts = [
            f"{speeds['elman', precision] / speed:.2f} in {precision}"
            for (name, precision), speed in speeds.items()
            if name == library and ("elman", precision) in speeds
        ]
        ratio = best["elman"] / best[library]
        verdict = "reached" if ratio >= asked else "MISSED"
        print(
            f"elman / {library}: {', '.join(parts)}; best to best {ratio:.2f}, target {asked:.1f}: {verdict}",
            flush=True,
        )
        if usual := speeds.get((library, "float32")):
            print(f"elman / {library} by default: {best['elman'] / usual:.2f}, {own} to float32", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--attention", choices=("luong", "bahdanau"), default="luong")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--batches", type=int, default=10, help="batches of 64 pairs in a training turn")
    parser.add_argument("--taught", type=int, default=1000, help="training batches before translating; 0 for none")
    parser.add_argument("--length", type=int, default=0, help="fixed number of subwords of every translation")
    parser.add_argument("--sizes", type=int, nargs="+", default=[32, 64, 128, 256, 512], help="candidate batch sizes")
    parser.add_argument("--clock", choices=("seconds", "cpu"), default="seconds")
    parser.add_argument("--only", nargs="+", choices=tuple(SCRIPTS), default=list(SCRIPTS))
    parser.add_argument("--precision", nargs="+", choices=PRECISIONS, default=list(PRECISIONS))
    parser.add_argument("--joeynmt", metavar="PYTHON", help="the Python that has joeynmt")
    parser.add_argument("--feeding", action="store_true", help="elman with input feeding, as JoeyNMT always has it")
    arguments = parser.parse_args()
    if arguments.length < 0:
        parser.error(f"expected a length of 1 or more subwords. Received: {arguments.length}")
    if not (arguments.folder / "numbers.npz").exists():
        prepare(arguments.folder, 8000, ("de", "en"))
    print(machine(), f"{arguments.threads} threads, {arguments.attention} attention", sep="\n", flush=True)
    common = [f"--data={arguments.folder}", f"--attention={arguments.attention}", f"--threads={arguments.threads}"]
    with ExitStack() as stack:
        peers: Peers = {}
        for library in arguments.only:
            python = python_of(library, arguments.joeynmt)
            if python is None:
                print(f"{library} is not installed and is left out")
                continue
            feeding = ["--feeding"] * (arguments.feeding and library == "elman")
            for precision in arguments.precision:
                words = [*common, f"--precision={precision}", *feeding]
                peers[library, precision] = stack.enter_context(Running(python, SCRIPTS[library], words))
            about = peers[library, arguments.precision[0]].about
            print(f"{about['library']} on torch {about['torch']}: {about['parameters']:,} weights", flush=True)
        measure(peers, arguments)


if __name__ == "__main__":
    main()
