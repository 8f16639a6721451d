"""Sums over the training batches since the last evaluation, from which metrics of the training data are made."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol, runtime_checkable

from torch import Tensor

from elman.train.stored import broken

__all__ = ["BatchSums", "MeasuredObjective"]


class BatchSums:
    """Sums by name, each with the number of its terms.

    The sums are tensors on the device of the network. They are read only when means are asked for, so that a step does
    not wait for the device.
    """

    def __init__(self) -> None:
        self._sums: dict[str, Tensor | float] = {}
        self._counts: dict[str, int] = {}

    def add(self, name: str, total: Tensor | float, count: int) -> None:
        """Add the sum of `count` terms. Sums of floating point numbers are kept in float64."""
        if isinstance(total, Tensor):
            total = total.detach()
            total = total.double() if total.is_floating_point() else total
        self._sums[name] = total + self._sums.get(name, 0)
        self._counts[name] = self._counts.get(name, 0) + count

    def means(self) -> dict[str, float]:
        """Return the mean of every sum that has terms."""
        return {name: float(self._sums[name]) / count for name, count in self._counts.items() if count}

    def clear(self) -> None:
        """Forget all sums."""
        self._sums, self._counts = {}, {}

    def facts(self) -> dict[str, list[float]]:
        """Return the sums and counts as plain values for a checkpoint."""
        return {name: [float(self._sums[name]), count] for name, count in self._counts.items()}

    def restore(self, facts: Mapping[str, Any]) -> None:
        """Replace the sums by those that `facts` described. Raises ArtifactError for anything else."""
        for name, entry in facts.items():
            if (
                not isinstance(entry, list)
                or len(entry) != 2
                or isinstance(entry[0], bool)
                or not isinstance(entry[0], int | float)
                or type(entry[1]) is not int
            ):
                raise broken(facts, f"a sum and a count of {name}", entry)
        self._sums = {name: float(entry[0]) for name, entry in facts.items()}
        self._counts = {name: entry[1] for name, entry in facts.items()}


@runtime_checkable
class MeasuredObjective(Protocol):
    """Protocol of an objective whose `loss` also adds to sums, from which metrics of the training batches are made."""

    @property
    def batch_sums(self) -> BatchSums:
        """The sums since the last evaluation; `loss` adds to them."""

    def training_metrics(self, means: Mapping[str, float]) -> dict[str, float]:
        """Return metrics from the means since the last evaluation: `loss`, and those of `batch_sums`."""
