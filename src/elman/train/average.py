"""An exponential moving average of the weights (Polyak & Juditsky 1992). Knows nothing about models."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import torch
from torch import Tensor, nn

__all__ = ["WeightAverage"]


class WeightAverage:
    """A slow copy of `parameters`: after each step it moves towards them by 1 - `decay`, at the start by more.

    After n updates the decay is at most (1 + n) / (10 + n), so that the first weights are soon forgotten.
    """

    def __init__(self, parameters: Sequence[nn.Parameter], decay: float) -> None:
        self.parameters = parameters
        self.decay = decay
        self.updates = 0
        self.tensors: list[Tensor] = [parameter.detach().clone() for parameter in parameters]

    def update(self) -> None:
        """Take note of the weights after a step."""
        decay = min(self.decay, (1 + self.updates) / (10 + self.updates))
        self.updates += 1
        with torch.no_grad():
            torch._foreach_lerp_(self.tensors, [p.detach() for p in self.parameters], 1.0 - decay)

    @contextmanager
    def swapped_in(self) -> Iterator[None]:
        """For a while, the parameters hold the average."""
        own = [parameter.detach().clone() for parameter in self.parameters]
        self.put(self.tensors)
        try:
            yield
        finally:
            self.put(own)

    def put(self, values: Sequence[Tensor]) -> None:
        """Give the parameters these values."""
        with torch.no_grad():
            for parameter, value in zip(self.parameters, values, strict=True):
                parameter.copy_(value)
