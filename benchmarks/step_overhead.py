"""A training step of elman against a bare torch loop, interleaved.

With torch's kernel both run the same layer, so the difference is the overhead of elman's loop (target: at most 3 %).
With the kernel that elman chooses, the difference is what users see.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
from collections.abc import Iterator
from pathlib import Path

import torch
import torch.nn.functional as F
from _common import interleaved, machine
from torch import Tensor, nn

from elman.data.sources import Sources
from elman.tasks.language_model.config import LanguageModelConfig
from elman.tasks.language_model.setup import LanguageModelSetup, NextTokenObjective
from elman.train import StepEvent
from elman.train.history import History
from elman.train.loop import Training
from elman.train.machine import resolve_auto, tune_process

STEPS = 5
SAME = "elman on torch's kernel"


class Bare:
    """The shortest equivalent loop: the same layers, precision, clipping and optimiser, with batches in memory."""

    def __init__(self, vocabulary: int, config: LanguageModelConfig) -> None:
        network, training = config.network, config.training
        self.embed = nn.Embedding(vocabulary, network.embedding)
        self.lstm = nn.LSTM(network.embedding, network.hidden, network.layers, batch_first=True)
        self.head = nn.Linear(network.hidden, vocabulary)
        self.parameters = [p for part in (self.embed, self.lstm, self.head) for p in part.parameters()]
        self.optimizer = torch.optim.AdamW(self.parameters, lr=training.learning_rate, weight_decay=0.1, fused=True)
        self.tokens = torch.randint(vocabulary, (network.batch_size, network.bptt + 1))
        self.autocast = training.precision == "bfloat16"
        zeros = torch.zeros(network.layers, network.batch_size, network.hidden)
        self.state: tuple[Tensor, Tensor] = (zeros, zeros)

    def steps(self, count: int) -> None:
        for _ in range(count):
            with torch.autocast("cpu", torch.bfloat16, enabled=self.autocast):
                y, (h, c) = self.lstm(self.embed(self.tokens[:, :-1]), self.state)
                logits = self.head(y)
                loss = F.cross_entropy(logits.flatten(0, 1).float(), self.tokens[:, 1:].flatten())
            self.state = (h.detach(), c.detach())
            loss.backward()
            nn.utils.clip_grad_norm_(self.parameters, 1.0)
            self.optimizer.step()
            self.optimizer.zero_grad()
            loss.item()


def ours(config: LanguageModelConfig, text: Path, kernel: str | None) -> tuple[int, Iterator[None]]:
    """Set up elman's training loop with its history; return the vocabulary size and a generator of STEPS steps each."""
    setup = LanguageModelSetup.open(config, Sources([text]), cache=text.parent / "cache")
    for layer in setup.network.stack.unrolls():
        for unroll in layer:
            unroll.kernel = kernel
    training = Training(NextTokenObjective(setup.network), setup.stream(), setup.training_config)
    history = History()

    def go() -> Iterator[None]:
        done = 0
        for event in training.fit():
            history.on_event(event, training.seconds)
            done += isinstance(event, StepEvent)
            if isinstance(event, StepEvent) and done % STEPS == 0:
                yield

    return setup.vocabulary.size, go()


def compare(config: LanguageModelConfig, rounds: int) -> dict[str, float]:
    """Return the median seconds of STEPS steps of each loop."""
    with tempfile.TemporaryDirectory() as folder:
        text = Path(folder) / "text.txt"
        generator = torch.Generator().manual_seed(0)
        codes = torch.randint(32, 97, (400_000,), generator=generator).tolist()
        text.write_text("".join(map(chr, codes)))
        vocabulary, chunks = ours(config, text, None)
        _, same = ours(config, text, "torch")
        bare = Bare(vocabulary, config)
        loops = {"bare torch": lambda: bare.steps(STEPS), SAME: lambda: next(same), "elman": lambda: next(chunks)}
        return interleaved(loops, rounds)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--instances", type=int, default=7)
    parser.add_argument("--no-tune", action="store_true", help="leave the memory allocator as it is")
    arguments = parser.parse_args()
    print(machine())
    for preset in ("small", "base"):
        config = LanguageModelConfig.make(preset, {"max_steps": 10**9, "layers": 1, "precision": "auto"})
        config = LanguageModelConfig(config.text, config.network, resolve_auto(config.training))
        if arguments.no_tune:
            torch.set_num_threads(config.training.threads)
        else:
            tune_process(config.training)
        # The addresses of a network's buffers change its speed by several per cent, in both loops. Therefore both are
        # created several times, and the median of the ratios is reported.
        pairs = [compare(config, arguments.rounds) for _ in range(arguments.instances)]
        for name in ("bare torch", SAME, "elman"):
            steps = [pair[name] / STEPS * 1000 for pair in pairs]
            print(
                f"{preset:6} {name:23} {statistics.median(steps):7.2f} ms a step ({min(steps):.2f} to {max(steps):.2f})"
            )
        for name in (SAME, "elman"):
            ratios = [pair[name] / pair["bare torch"] - 1 for pair in pairs]
            middle = statistics.median(ratios)
            print(f"{preset:6} {name:23} {middle:+.1%} against bare torch ({min(ratios):+.1%} to {max(ratios):+.1%})")


if __name__ == "__main__":
    main()
