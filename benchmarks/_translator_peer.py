"""What the translators that elman is compared with share: their options, and a loop that answers commands.

A peer is a program of its own that is loaded once and then waits, so that turns of several can be interleaved. Each
line of stdin is a command, each line of stdout its answer as JSON:

    train N           N batches of training -> tokens (of targets, their ends included), loss (mean), times
    translate SIZE    the test sentences, SIZE at a time -> sentences, ids (a list of each, in their order), times
    save FILE         the weights, for another time -> file
    load FILE         weights that were saved -> file
    length N          from now on every translation has N pieces, whatever the weights are -> length

After `length` no search may take the end before a sentence has its N pieces, and none goes on after it: all make N
steps with all their beams, and one more in which the last piece is read and the end is due, as after any translation.
The times are `seconds` by the clock and `cpu`, those of the process on all its cores: with one thread these hardly
change when the machine has other work. The first answer, before any command, tells what was built. Batches are made
before the time of their training begins. Needs numpy, torch and nothing of elman's, since a peer may live in an
environment of its own.
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
    """The seconds since it was made."""

    def __init__(self) -> None:
        self._begun = time.perf_counter(), time.process_time()

    def times(self) -> dict[str, float]:
        """By the clock, and of the process on all its cores."""
        return {"seconds": time.perf_counter() - self._begun[0], "cpu": time.process_time() - self._begun[1]}


class Peer(ABC):
    """A model, how it is trained for a step, and how it translates a batch."""

    model: nn.Module
    # Pieces of every translation; 0 where the search decides.
    length: int = 0

    def write_exactly(self, length: int) -> None:
        """From now on write so many pieces for every sentence."""
        self.length = length

    def begin_translating(self) -> None:  # noqa: B027  most make nothing
        """Make whatever serves all batches of a `translate`; its time counts."""

    @abstractmethod
    def step(self, batch: Batch) -> Tensor:
        """A whole training step: forward, loss, backward, optimizer. Its loss, summed over target tokens."""

    @abstractmethod
    def translate(self, source_BS: Tensor, lengths_B: Tensor) -> list[list[int]]:
        """The best translation of each sentence, longest source first, without its end. Sources have their ends."""


def options(about: str) -> argparse.ArgumentParser:
    """The options of every peer."""
    parser = argparse.ArgumentParser(description=about, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="the folder that _translation_data.py wrote")
    parser.add_argument("--attention", choices=("luong", "bahdanau"), default="luong")
    parser.add_argument("--precision", choices=("float32", "bfloat16"), default="float32")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--batch", type=int, default=64, help="sentences of a batch in training")
    parser.add_argument("--embedding", type=int, default=256)
    parser.add_argument("--hidden", type=int, default=512, help="units of the decoder; each encoder has half of them")
    parser.add_argument("--dropout", type=float, default=0.2)
    parser.add_argument("--beam", type=int, default=5)
    parser.add_argument("--seed", type=int, default=0)
    return parser


def tensors(pairs: list[Pair]) -> Batch:
    """A batch's tensors, longest source first: `source` with ends, `targets` begun and ended, and their lengths."""
    pairs = sorted(pairs, key=lambda pair: -len(pair[0]))
    source, lengths = padded([source for source, _ in pairs], end=True)
    target, target_lengths = padded([target for _, target in pairs], begin=True, end=True)
    arrays = {"source": source, "lengths": lengths, "target": target, "target_lengths": target_lengths}
    return {name: torch.from_numpy(array) for name, array in arrays.items()}


def translate_all(peer: Peer, sources: list[Ids], size: int) -> list[list[int]]:
    """Every sentence's translation, in order; `size` of about equal length at a time."""
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
