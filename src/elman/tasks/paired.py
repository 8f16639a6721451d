"""Several models on the same data: their figures, and a paired test of each difference to the first model.

Every task has a function that counts the items of a data set for several of its models (`Task.paired`).
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np

from elman.data.bad_rows import bad_rows_of
from elman.data.sources import as_paths, is_path
from elman.display import Progress, with_article
from elman.errors import ConfigError, DataError
from elman.metrics.verdict import Figure, Verdict, verdict_of
from elman.tasks.comparison import Doubles
from elman.tasks.task import Task

__all__ = ["Difference", "PairedItems", "PairedResult", "Request", "check_same", "compare_on_data"]


@dataclass(frozen=True)
class Request:
    """What models are compared on.

    inputs    the first argument of the models' `evaluate`: paths, or inputs
    targets   its second argument, for inputs in memory; None for paths
    names     the names of the models, for messages
    limit     maximum number of items; None for all
    progress  called with the name of a stage and the completed fraction
    """

    inputs: Any
    targets: Any
    names: tuple[str, ...]
    limit: int | None = None
    progress: Progress | None = None

    @contextmanager
    def reading(self, model: Any) -> Iterator[None]:
        """Read data in this block as the model's `evaluate` does: bad rows are left out as in training."""
        with bad_rows_of(getattr(model.config, "data", None)):
            yield

    def without_targets(self) -> Any:
        """Return the inputs of a task whose data has no targets. Raises ConfigError if there are any."""
        if self.targets is not None:
            raise ConfigError(f"expected data without targets. Received: targets {str(self.targets)[:40]}")
        return self.inputs

    def limited(self, data: Any) -> Any:
        """Return the first `limit` items of `data`."""
        return data if self.limit is None else data.take(range(min(self.limit, len(data))))


@dataclass(frozen=True)
class PairedItems:
    """The counts of the same items for several models.

    figure  the figure
    noun    name of the items, in the plural
    counts  the counts of each model, `[N, K]`, of which the figure is computed
    """

    figure: Figure
    noun: str
    counts: Sequence[Doubles]


@dataclass(frozen=True)
class Difference:
    """The difference of a model to the first one.

    model, first  their names
    verdict       the paired tests, in which the first model has the place of the simple rule
    """

    model: str
    first: str
    verdict: Verdict

    @property
    def sentence(self) -> str:
        """One sentence: better, not better within the error, or worse."""
        found = self.verdict
        if found.too_few:
            return f"{self.model} and {self.first}: {found.values}. {found.too_few}"
        gain = found.figure.gain(found.difference)
        if found.outcome == "even":
            return f"{self.model} is not better than {self.first} within the error: {found.evidence}."
        return f"{self.model} is {found.outcome} than {self.first} by {gain}: {found.evidence}."

    def to_json(self) -> dict[str, Any]:
        """Return everything as plain values."""
        facts = self.verdict.to_json()
        kept = ("difference", "low", "high", "chance", "outcome")
        return {
            "model": self.model,
            "first": self.first,
            **{key: facts[key] for key in kept},
            "sentence": self.sentence,
        }


@dataclass(frozen=True)
class PairedResult:
    """The figures of several models on the same items, by name, and the difference of each to the first one."""

    figure: Figure
    noun: str
    items: int
    values: dict[str, float]
    differences: list[Difference]

    def to_text(self) -> str:
        """Return the sentences."""
        return "\n".join(each.sentence for each in self.differences)

    def to_json(self) -> dict[str, Any]:
        """Return everything as plain values."""
        return {
            "figure": self.figure.name,
            "items": self.items,
            "noun": self.noun,
            "values": self.values,
            "differences": [each.to_json() for each in self.differences],
        }


def compare_on_data(task: Task, models: Mapping[str, Any], data: Any, limit: int | None, progress: Any) -> PairedResult:
    """Evaluate models of one task on the same data.

    Raises ConfigError for a task whose models are not compared on data, and for an invalid limit; DataError for data
    that cannot be read, or that the models do not read as the same items.
    """
    if not task.paired:
        raise ConfigError(f"expected no data to compare models on, for {with_article(task.title)}. Received: {data}")
    if limit is not None and (not isinstance(limit, int) or isinstance(limit, bool) or limit < 1):
        raise ConfigError(f"expected a limit of at least 1. Received: {limit!r}")
    inputs, targets = data if isinstance(data, tuple) and len(data) == 2 and not is_path(data) else (data, None)
    if targets is None and is_path(inputs) and "-" in [os.fspath(path) for path in as_paths(inputs)]:
        raise ConfigError("expected files, which every model reads. Received: standard input")
    count: Callable[[Sequence[Any], Request], PairedItems] = task.load(task.paired)
    found = count(list(models.values()), Request(inputs, targets, tuple(models), limit, progress))
    if not len(found.counts[0]):
        raise DataError("expected items to compare models on. Received: none")
    for name, counts_NK in zip(models, found.counts, strict=True):
        if not np.isfinite(counts_NK).all():
            raise DataError(f"expected finite figures of every item. Received: NaN or infinity of {name}")
    first, *others = models
    counts = dict(zip(models, found.counts, strict=True))
    values = {name: float(found.figure.of(counts_NK.sum(0))) for name, counts_NK in counts.items()}
    differences = [
        Difference(
            name, first, verdict_of(found.figure, counts[name], {first: counts[first]}, part="", noun=found.noun)
        )
        for name in others
    ]
    return PairedResult(found.figure, found.noun, len(counts[first]), values, differences)


def check_same(request: Request, items: Sequence[Sequence[Any]], noun: str) -> None:
    """Raise DataError unless every model has read the same items: the same number, and equal targets."""
    first = items[0]
    for name, own in zip(request.names[1:], items[1:], strict=True):
        if len(own) != len(first):
            raise DataError(
                f"expected the same {noun} for all models, which read data by their own options. Received: "
                f"{len(first):,} for {request.names[0]}, {len(own):,} for {name}"
            )
        for row, (one, other) in enumerate(zip(first, own, strict=True)):
            if one != other:
                raise DataError(
                    f"expected the same {noun} for all models, which read data by their own options. Received: "
                    f"{str(one)[:60]!r} for {request.names[0]}, {str(other)[:60]!r} for {name}, number {row + 1}"
                )
