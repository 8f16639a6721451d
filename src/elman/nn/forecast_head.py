"""ForecastHead: from a network's outputs to the distribution of each next value, and its loss.

Shapes, beside the legend in `elman/types.py`: `..` is any number of leading axes, O the values that are predicted, P
the parameters of one value's distribution, Q levels. Knows nothing about series, scaling or training.

Every head computes its parameters and loss in float32 at least, under autocast too. A missing target is the caller's
business: put in any number and leave its loss out.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import ClassVar

import torch
from torch import Tensor, nn

from elman.errors import ConfigError, ShapeError

__all__ = ["ForecastHead", "alike", "check_levels", "levels_tensor", "noise"]


class ForecastHead(nn.Module, ABC):
    """One linear product from H features to O distributions of P parameters each.

    Args:
        features: H.
        outputs: O.

    `domain` says which values a target may have: "real" or "counts" (0, 1, 2 ...). `spread` is False for a head that
    gives one number and no distribution; its `sample` and `quantiles` raise ConfigError.
    """

    name: ClassVar[str]
    domain: ClassVar[str] = "real"
    spread: ClassVar[bool] = True

    def __init__(self, features: int, outputs: int, parameters: Sequence[str]) -> None:
        super().__init__()
        if features < 1 or outputs < 1:
            raise ConfigError(
                f"expected at least one feature and one output. Received: features={features}, outputs={outputs}"
            )
        self.outputs = outputs
        self.parameter_names = tuple(parameters)
        self.linear = nn.Linear(features, outputs * len(self.parameter_names))

    def forward(self, y_H: Tensor) -> Tensor:
        """The parameters `..OP` of every value's distribution, from features `y_..H`."""
        if y_H.shape[-1] != self.linear.in_features:
            raise ShapeError(
                f"expected y_H with {self.linear.in_features} features on its last axis. Received: {tuple(y_H.shape)}"
            )
        raw = self.linear(y_H)
        raw = raw.to(torch.promote_types(raw.dtype, torch.float32))
        return self.link(raw.unflatten(-1, (self.outputs, len(self.parameter_names))))

    @abstractmethod
    def link(self, raw_OP: Tensor) -> Tensor:
        """Parameters in their own ranges, from any real numbers."""

    @abstractmethod
    def loss(self, parameters_OP: Tensor, target_O: Tensor) -> Tensor:
        """What each target costs, `loss_..O`: a negative log-likelihood in nats unless the head says otherwise."""

    @abstractmethod
    def mean(self, parameters_OP: Tensor) -> Tensor:
        """The expected values `..O`."""

    @abstractmethod
    def sample(self, parameters_OP: Tensor, generator: torch.Generator | None = None) -> Tensor:
        """One random draw `..O` from every distribution."""

    @abstractmethod
    def quantiles(self, parameters_OP: Tensor, levels: Sequence[float]) -> Tensor:
        """The values `..OQ` that are not exceeded with the probabilities `levels`, each between 0 and 1."""

    def shift(self, parameters_OP: Tensor, offset_O: Tensor) -> Tensor:
        """The parameters of the same distributions moved by `offset_..O`. Only where the domain is real."""
        raise ConfigError(f"expected a head over real numbers to shift. Received: {self.name}, over {self.domain}")


def alike(parameters: Tensor, target_O: Tensor) -> tuple[Tensor, Tensor]:
    """Both in float32 at least, whatever autocast made of them."""
    dtype = torch.promote_types(parameters.dtype, torch.float32)
    return parameters.to(dtype), target_O.to(dtype)


def noise(draw: Callable[..., Tensor], like: Tensor, generator: torch.Generator | None) -> Tensor:
    """What `draw` (torch.rand, torch.randn) gives in the shape, type and place of `like`."""
    return draw(like.shape, generator=generator, dtype=like.dtype, device=like.device)


def check_levels(levels: Sequence[float]) -> None:
    """Raises ConfigError unless all levels lie between 0 and 1."""
    if not all(0 < level < 1 for level in levels):
        raise ConfigError(f"expected levels between 0 and 1. Received: {tuple(levels)}")


def levels_tensor(levels: Sequence[float], like: Tensor) -> Tensor:
    """Checked levels in float64, where `like` is."""
    check_levels(levels)
    return torch.tensor(list(levels), dtype=torch.float64, device=like.device)
