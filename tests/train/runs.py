"""Tiny training runs on made-up text, and what they come to."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from elman.data.sources import Sources
from elman.tasks.language_model.config import LanguageModelConfig
from elman.tasks.language_model.setup import LanguageModelSetup
from elman.train import EvaluationEvent, StepEvent, checkpoint
from elman.train.history import History

SMALL = {
    "hidden_size": 8,
    "embedding": 4,
    "batch_size": 3,
    "bptt": 5,
    "max_steps": 12,
    "evaluate_every": 4,
    "warmup_steps": 3,
    "precision": "float32",
    "device": "cpu",
    "threads": 1,
    "seed": 7,
    "weight_decay": 0.01,
    "learning_rate": 3e-3,
}


def made_up_text(lines: int = 60, seed: int = 0) -> str:
    """Lines of words that follow each other by a simple rule, so that there is something to learn."""
    draw = random.Random(seed)
    words = ["sea", "ship", "whale", "white", "the", "of", "captain", "harpoon"]
    return "\n".join(
        " ".join(words[(start + step * step) % len(words)] for step in range(draw.randint(1, 7)))
        for start in (draw.randrange(len(words)) for _ in range(lines))
    )


class Journey:
    """One training run with its history; `stop_after` events it can be carried over to a fresh one."""

    def __init__(self, folder: Path, text: Path, options: dict[str, Any]) -> None:
        self.folder = folder
        config = LanguageModelConfig.make("base", SMALL, options)
        setup = LanguageModelSetup.open(config, Sources([text]), cache=folder / "tokens")
        self.network = setup.network
        self.training = setup.trainer()
        self.history = History(every=3)
        self.events = 0

    def run(self, stop_after: int | None = None) -> None:
        """Continue to the end, or until `stop_after` more events after which a run may be stopped."""
        for event in self.training.fit():
            self.history.on_event(event, 0.0)
            if isinstance(event, StepEvent | EvaluationEvent):
                self.events += 1
                if self.events == stop_after:
                    return

    def save(self) -> None:
        tensors, facts = self.training.snapshot()
        facts["history"] = self.history.facts()
        self.history.write_csv(self.folder / "history.csv")
        checkpoint.save(self.folder, tensors, facts)

    def restore(self, tensors: dict[str, Tensor], facts: dict[str, Any]) -> None:
        self.training.restore(tensors, facts)
        self.history.restore(facts["history"], self.folder / "history.csv", facts["evaluated_at"], facts["step"])

    def result(self) -> tuple[dict[str, Tensor], dict[str, Any]]:
        """All that the run is now, the clock apart."""
        tensors, facts = self.training.snapshot()
        facts.pop("seconds")
        facts["rows of history"] = self.history.rows
        facts["sums of history"] = self.history.facts()
        return {name: tensor.detach().clone() for name, tensor in tensors.items()}, facts


Result = tuple[dict[str, Tensor], dict[str, Any]]


def differences(one: Result, other: Result) -> set[str]:
    """The names of everything in which two results are not the same to the last bit."""
    found = {name for name in one[1].keys() | other[1].keys() if one[1].get(name) != other[1].get(name)}
    for name in one[0].keys() | other[0].keys():
        a, b = one[0].get(name), other[0].get(name)
        if a is None or b is None or a.dtype != b.dtype or not torch.equal(a, b):
            found.add(name)
    return found
