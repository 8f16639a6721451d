"""Exponential moving average of the weights (Polyak & Juditsky 1992)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import torch
from torch import Tensor, nn

__all__ = ["ExponentialMovingAverage"]


class ExponentialMovingAverage:
    """Exponential moving average of `parameters`.

    After n updates the decay is min(`decay`, (1 + n) / (10 + n)), so that the initial weights soon stop mattering.
    """

    def __init__(self, parameters: Sequence[nn.Parameter], decay: float) -> None:
        self.parameters = parameters
        self.decay = decay
        self.updates = 0
        self.tensors: list[Tensor] = [parameter.detach().clone() for parameter in parameters]

    def update(self) -> None:
        """Update the average after an optimiser step."""
        decay = min(self.decay, (1 + self.updates) / (10 + self.updates))
        self.updates += 1
        with torch.no_grad():
            torch._foreach_lerp_(self.tensors, [p.detach() for p in self.parameters], 1.0 - decay)

    @contextmanager
    def swapped_in(self) -> Iterator[None]:
        """Replace the parameters by their average inside the block."""
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
