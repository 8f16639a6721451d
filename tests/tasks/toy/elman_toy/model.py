"""`Counter`: a model that counts letters."""

from __future__ import annotations

import os
from typing import Any

from elman.artifact import Artifact
from elman.data.sources import Sources, as_paths
from elman.tasks.model import TaskModel

from .config import CounterConfig
from .setup import CounterNetwork, CounterSetup, Letters

__all__ = ["Counter", "info_facts"]


class Counter(TaskModel[CounterConfig, CounterNetwork, Letters]):
    """Counts letters."""

    setup_class = CounterSetup

    def fit(
        self,
        text: Any,
        *,
        test: Any = None,
        folder: str | os.PathLike[str] | None = None,
        progress: bool = True,
        tune: bool = True,
    ) -> Counter:
        """Count the letters of files."""
        return self._fit_files(
            Sources(as_paths(text), test=as_paths(test)), folder=folder, progress=progress, tune=tune
        )

    def fit_text(self, text: str, *, folder: str | None = None) -> Counter:
        """Count the letters of a text."""
        return self._fit_memory([text, ""], folder=folder, progress=False, tune=False)

    def guess(self, count: int = 1) -> list[str]:
        """The letters that are likeliest."""
        return [self.vocabulary.letters[number] for number in self.network.counts_V.topk(count).indices.tolist()]

    def evaluate(self, text: Any) -> dict[str, float]:
        """Nats a letter."""
        setup_class, letters = self.setup_class, self.vocabulary.letters
        (read, _) = setup_class.read(self.config, Sources(as_paths(text)))
        return {"loss": self.network.nats([letters.index(letter) for letter in read if letter in letters])}


def info_facts(described: Artifact) -> dict[str, Any]:
    """What `elman info` adds."""
    return {"letters": len((described.vocabulary or {})["letters"])}
