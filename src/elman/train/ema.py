"""Averages of the weights over the steps of a run: a base class, and the exponential moving average."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

__all__ = ["ExponentialMovingAverage", "WeightAverage"]


class WeightAverage:
    """Base class of averages of `parameters`, which are evaluated and kept in place of the weights themselves.

    Attributes:
        updates: number of steps in the average.
        tensors: the average of each parameter; empty while there is none.
    """

    def __init__(self, parameters: Sequence[nn.Parameter]) -> None:
        self.parameters = parameters
        self.updates = 0
        self.tensors: list[Tensor] = []

    def update(self) -> None:
        """Update the average after an optimiser step."""
        raise NotImplementedError

    def evaluated(self, value: float) -> None:
        """Record what the weights are selected by in a regular evaluation, lower where better."""

    def facts(self) -> dict[str, Any]:
        """Return the state other than `updates` and `tensors` as plain values, for a checkpoint."""
        return {}

    def prepare(self, facts: Mapping[str, Any]) -> list[Tensor]:
        """Return tensors with the shapes of those of a checkpoint with these facts. Raises ArtifactError."""
        del facts
        return self.tensors

    def restore(self, tensors: Sequence[Tensor], updates: int, facts: Mapping[str, Any]) -> None:
        """Restore the state of a checkpoint, which `prepare` has checked."""
        del facts
        self.updates = updates
        for own, tensor in zip(self.tensors, tensors, strict=True):
            own.copy_(tensor)

    @contextmanager
    def swapped_in(self) -> Iterator[None]:
        """Replace the parameters by their average inside the block, if there is one."""
        if not self.tensors:
            yield
            return
        own = [parameter.detach().clone() for parameter in self.parameters]
        self.put(self.tensors)
        try:
            yield
        finally:
            self.put(own)

    def put(self, values: Sequence[Tensor]) -> None:
        """Copy `values` into the parameters."""
        with torch.no_grad():
            for parameter, value in zip(self.parameters, values, strict=True):
                parameter.copy_(value)


class ExponentialMovingAverage(WeightAverage):
    """Exponential moving average of `parameters` (Polyak & Juditsky 1992).

    After n updates the decay is min(`decay`, (1 + n) / (10 + n)), so that the initial weights soon stop mattering.
    """

    def __init__(self, parameters: Sequence[nn.Parameter], decay: float) -> None:
        super().__init__(parameters)
        self.decay = decay
        self.tensors = [parameter.detach().clone() for parameter in parameters]

    def update(self) -> None:
        decay = min(self.decay, (1 + self.updates) / (10 + self.updates))
        self.updates += 1
        with torch.no_grad():
            torch._foreach_lerp_(self.tensors, [p.detach() for p in self.parameters], 1.0 - decay)
