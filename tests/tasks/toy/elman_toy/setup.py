"""A counter's run: counting in place of gradient steps."""

from __future__ import annotations

import hashlib
import math
import time
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from elman.data.sources import Sources
from elman.data.tokens import Progress
from elman.nn import StoredModule
from elman.tasks.automatic import Choices
from elman.tasks.setup import Setup
from elman.train import EndEvent, EvaluationEvent, Event, StartEvent, StepEvent
from elman.train.loop import Objective, Stream

from .config import CounterConfig

__all__ = ["CounterNetwork", "CounterSetup", "Letters"]


@dataclass(frozen=True)
class Letters:
    """The letters that are counted."""

    letters: str

    def to_json(self) -> dict[str, Any]:
        return {"letters": self.letters}

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> Letters:
        return cls(str(content["letters"]))


class CounterNetwork(StoredModule):
    """How often each letter was seen."""

    def __init__(self, letters: int) -> None:
        super().__init__()
        self.counts_V = torch.nn.Parameter(torch.ones(letters), requires_grad=False)

    def nats(self, numbers: list[int]) -> float:
        """The mean of the negative logarithms of the letters' shares."""
        shares = (self.counts_V / self.counts_V.sum()).double()
        return float(-shares[numbers].log().mean())


class CountingTrainer:
    """Counts a share of the text at each step."""

    def __init__(self, setup: CounterSetup) -> None:
        self.setup = setup
        self.step = 0
        self._begun = time.perf_counter()

    @property
    def seconds(self) -> float:
        return time.perf_counter() - self._begun

    @property
    def evaluation_limit(self) -> int:
        return 0

    def fit(self) -> Iterator[Event]:
        network, steps = self.setup.network, self.setup.training_config.max_steps
        numbers = self.setup.numbers(self.setup.parts[0])
        size = -(-len(numbers) // steps)
        yield StartEvent(self.step)
        while self.step < steps:
            part = numbers[self.step * size : (self.step + 1) * size]
            network.counts_V += torch.bincount(torch.tensor(part, dtype=torch.int64), minlength=len(network.counts_V))
            self.step += 1
            progress = self.step / steps
            yield StepEvent(self.step, progress, network.nats(numbers), len(part), progress, 0.0, 0.0, 0.0)
            yield EvaluationEvent(self.step, progress, {"loss": network.nats(numbers)}, True)
        yield EndEvent(self.step, "everything is counted")

    def averaged_weights(self) -> AbstractContextManager[None]:
        return nullcontext()

    def snapshot(self) -> tuple[dict[str, torch.Tensor], dict[str, Any]]:
        facts = {"step": self.step, "evaluated_at": self.step}
        return {"counts": self.setup.network.counts_V}, facts

    def restore(self, tensors: dict[str, torch.Tensor], facts: dict[str, Any]) -> None:
        self.setup.network.counts_V.copy_(tensors["counts"])
        self.step = facts["step"]


class CounterSetup(Setup[CounterConfig, CounterNetwork, list[str], Letters]):
    """A run of a counter. Its parts are the texts to learn from and to test on."""

    task = "counter"
    config_class = CounterConfig
    vocabulary_class = Letters
    noun = "text"
    unit = "letter"
    holds_out = True

    @classmethod
    def read(
        cls,
        config: CounterConfig,
        sources: Sources,
        *,
        vocabulary: Letters | None = None,
        progress: Progress | None = None,
    ) -> list[str]:
        del vocabulary, progress
        texts = ["".join(Path(path).read_text() for path in paths) for paths in (sources.train, sources.test)]
        return [text.lower() if config.text.lowercase else text for text in texts]

    @classmethod
    def automatic_reading(cls, config: CounterConfig, sources: Sources, progress: Progress | None) -> Choices:
        """Choose to keep capital letters where there are no others."""
        del config, progress
        capitals = "".join(Path(path).read_text() for path in sources.train).isupper()
        return Choices({"lowercase": False}, "capital letters only") if capitals else Choices()

    def automatic_options(self, config: CounterConfig) -> Choices:
        """Choose two steps for a short text."""
        del config
        count = len(self.parts[0])
        return Choices({"max_steps": 2, "seed": 7}, f"{count} letters") if count < 20 else Choices()

    def learn_vocabulary(self) -> Letters:
        return Letters("".join(sorted(set(self.parts[0]))))

    @staticmethod
    def make_network(config: CounterConfig, vocabulary: Letters) -> CounterNetwork:
        del config
        return CounterNetwork(len(vocabulary.letters))

    @classmethod
    def make_smallest_network(cls, config: CounterConfig) -> CounterNetwork:
        del config
        return CounterNetwork(1)

    def numbers(self, text: str) -> list[int]:
        """The number of each letter that is known."""
        return [self.vocabulary.letters.index(letter) for letter in text if letter in self.vocabulary.letters]

    def trainer(self) -> CountingTrainer:
        return CountingTrainer(self)

    def stream(self) -> Stream:
        raise NotImplementedError("a counter has no batches")

    def objective(self) -> Objective:
        raise NotImplementedError("a counter has no gradient")

    def test(self, limit: int) -> dict[str, float]:
        del limit
        text = self.parts[1]
        return {"loss": self.network.nats(self.numbers(text))} if text else {}

    def finish(self, folder: Path | None) -> dict[str, Any]:
        if folder is not None:
            (folder / "counts.txt").write_text(str(self.network.counts_V.tolist()))
        return {"letters": len(self.vocabulary.letters)}

    def notes(self) -> list[str]:
        return ["one letter alone is read"] if len(self.vocabulary.letters) == 1 else []

    def baselines(self) -> dict[str, dict[str, float]]:
        return {"uniform": {"loss": math.log(len(self.vocabulary.letters))}}

    def sample(self) -> str | None:
        torch.rand(3)  # draws must not change the run
        return f"likely: {self.vocabulary.letters[int(self.network.counts_V.argmax())]!r}"

    def describe(self, figures: Mapping[str, float]) -> str:
        return f"{figures['loss']:.4f} nats a letter"

    def data_facts(self) -> dict[str, Any]:
        return {"letters": len(self.parts[0])}

    def data_fingerprint(self) -> str:
        return hashlib.sha256("\0".join(self.parts).encode()).hexdigest()

    def outline(self) -> list[tuple[str, str]]:
        return [("text", f"{len(self.parts[0]):,} letters")]

    def summary(self) -> str:
        return f"{len(self.vocabulary.letters)} different letters in {len(self.parts[0]):,}"
