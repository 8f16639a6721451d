"""Code shared by the translators that are compared: options, and a loop that answers commands.

A peer is a separate program that is started once and then waits, so that turns of several peers can be interleaved.
Each line of stdin is a command, each line of stdout its answer as JSON:

    train N           train on N batches -> tokens (of targets, with end tokens), loss (mean), times
    translate SIZE    translate the test sentences in batches of SIZE -> sentences, ids (in the original order), times
    save FILE         save the weights -> file
    load FILE         load saved weights -> file
    length N          make every later translation N subwords long, for any weights -> length

After `length`, no search may choose the end token before a sentence has N subwords, and all stop there: each makes N
steps with all beams, and one more for the end token, as after any translation. The times are `seconds` of wall time and
`cpu` seconds of the process on all cores; with one thread, the latter hardly depend on the load of the machine. The
first answer, before any command, describes the model. Batches are made before the timer starts. Requires numpy and
torch but not elman, since a peer may run in a separate environment.
"""

from __future__ import annotations

import argparse
import itertools
import json
import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from _translation_data import Corpus, Ids, Pair, padded, read_corpus, training_batches
from torch import Tensor, nn

Batch = dict[str, Tensor]


class Watch:
    """Timer that starts when it is created."""

    def __init__(self) -> None:
        self._begun = time.perf_counter(), time.process_time()

    def times(self) -> dict[str, float]:
        """Return the seconds of wall time, and of the process on all cores."""
        return {"seconds": time.perf_counter() - self._begun[0], "cpu": time.process_time() - self._begun[1]}


class Peer(ABC):
    """Base class of the peers: a model with a training step and the translation of a batch."""

    model: nn.Module
    # Length of every translation in subwords; 0 if the search decides.
    length: int = 0

    def write_exactly(self, length: int) -> None:
        """Make every later translation `length` subwords long."""
        self.length = length

    def begin_translating(self) -> None:  # noqa: B027  (most peers need nothing)
        """Prepare what all batches of a `translate` command share; its time is measured."""

    @abstractmethod
    def step(self, batch: Batch) -> Tensor:
        """Make a training step; return the loss, summed over target tokens."""

    @abstractmethod
    def translate(self, source_BS: Tensor, lengths_B: Tensor) -> list[list[int]]:
        """Translate a batch, longest source first; return ids without end tokens. The sources have end tokens."""


def options(about: str) -> argparse.ArgumentParser:
    """Make the parser of the options that all peers have."""
    parser = argparse.ArgumentParser(description=about, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="the folder that _translation_data.py wrote")
    parser.add_argument("--attention", choices=("luong", "bahdanau"), default="luong")
    parser.add_argument("--precision", choices=("float32", "bfloat16"), default="float32")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--batch", type=int, default=64, help="sentences per training batch")
    parser.add_argument("--embedding", type=int, default=256)
    parser.add_argument(
        "--hidden-size", type=int, default=512, help="decoder units; half as many per encoder direction"
    )
    parser.add_argument("--dropout", type=float, default=0.2)
    parser.add_argument("--beam", type=int, default=5)
    parser.add_argument("--seed", type=int, default=0)
    return parser


def tensors(pairs: list[Pair]) -> Batch:
    """Make the tensors of a batch, longest source first: `source`, `target` with begin and end, and their lengths."""
    pairs = sorted(pairs, key=lambda pair: -len(pair[0]))
    source, lengths = padded([source for source, _ in pairs], end=True)
    target, target_lengths = padded([target for _, target in pairs], begin=True, end=True)
    arrays = {"source": source, "lengths": lengths, "target": target, "target_lengths": target_lengths}
    return {name: torch.from_numpy(array) for name, array in arrays.items()}


def translate_all(peer: Peer, sources: list[Ids], size: int) -> list[list[int]]:
    """Translate all sentences in batches of similar length; return the translations in the original order."""
    order = sorted(range(len(sources)), key=lambda number: -len(sources[number]))
    found: list[list[int]] = [[] for _ in sources]
    for at in range(0, len(order), size):
        chosen = order[at : at + size]
        source, lengths = padded([sources[number] for number in chosen], end=True)
        ids = peer.translate(torch.from_numpy(source), torch.from_numpy(lengths))
        for number, each in zip(chosen, ids, strict=True):
            found[number] = each
    return found


def serve(arguments: argparse.Namespace, library: str, make: Callable[[argparse.Namespace, Corpus], Peer]) -> None:
    """Build a peer and answer commands until stdin ends."""
    torch.set_num_threads(arguments.threads)
    torch.manual_seed(arguments.seed)
    corpus = read_corpus(arguments.data)
    peer = make(arguments, corpus)
    sources = [source for source, _ in corpus.test]
    coming = itertools.cycle(training_batches(corpus.train, arguments.batch, arguments.seed))

    def train(word: str) -> dict[str, Any]:
        peer.model.train()
        chosen = [tensors(pairs) for pairs in itertools.islice(coming, int(word))]
        tokens = sum(int((batch["target_lengths"] - 1).sum()) for batch in chosen)
        watch = Watch()
        losses = [peer.step(batch) for batch in chosen]
        return {"tokens": tokens, "loss": float(torch.stack(losses).sum()) / tokens, **watch.times()}

    def translate(word: str) -> dict[str, Any]:
        peer.model.eval()
        watch = Watch()
        peer.begin_translating()
        ids = translate_all(peer, sources, int(word))
        return {"sentences": len(sources), **watch.times(), "ids": ids}

    def save(word: str) -> dict[str, Any]:
        torch.save(peer.model.state_dict(), word)
        return {"file": word}

    def load(word: str) -> dict[str, Any]:
        peer.model.load_state_dict(torch.load(word, weights_only=True))
        return {"file": word}

    def length(word: str) -> dict[str, Any]:
        peer.write_exactly(int(word))
        return {"length": peer.length}

    commands = {"train": train, "translate": translate, "save": save, "load": load, "length": length}
    weights = sum(weight.numel() for weight in peer.model.parameters())
    print(json.dumps({"library": library, "torch": torch.__version__, "parameters": weights}), flush=True)
    while line := _next_line():
        name, _, word = line.partition(" ")
        if name not in commands:
            raise SystemExit(f"expected one of {', '.join(commands)}. Received: {line}")
        print(json.dumps(commands[name](word)), flush=True)


def _next_line() -> str:
    try:
        return input().strip()
    except EOFError:
        return ""
