"""ForecastHead: base class of output layers that predict the distribution of each value, with its loss.

In shapes, `..` are any number of leading axes, Y the predicted values, P the parameters of the distribution of one
value, and K the quantile levels.

Every head computes its parameters and loss in at least float32, under autocast too. For a missing target the caller
passes any number and excludes its loss.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import ClassVar

import torch
from torch import Tensor, nn

from elman.decode.randomness import Randomness, drawn
from elman.errors import ConfigError, ShapeError

__all__ = ["ForecastHead", "alike", "check_levels", "levels_tensor", "mirrored", "noise"]


class ForecastHead(nn.Module, ABC):
    """Linear layer from H features to Y distributions with P parameters each.

    Args:
        features: H, the number of input features.
        outputs: Y, the number of predicted values.
        parameters: names of the parameters of a distribution.

    `domain` is the set of possible targets: "real" or "counts" (0, 1, 2 ...). `spread` is False for a head that
    predicts points without a distribution; its `sample` and `quantiles` raise ConfigError.

    Raises ConfigError for fewer than one feature or output.
    """

    name: ClassVar[str]
    domain: ClassVar[str] = "real"
    spread: ClassVar[bool] = True
    # Whether the mean is also the median.
    symmetric: ClassVar[bool] = False

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
        """Return the parameters `..YP` of every value's distribution, from features `y_..H`.

        Raises ShapeError for another number of features.
        """
        if y_H.shape[-1] != self.linear.in_features:
            raise ShapeError(
                f"expected y_H with {self.linear.in_features} features on its last axis. Received: {tuple(y_H.shape)}"
            )
        raw = self.linear(y_H)
        raw = raw.to(torch.promote_types(raw.dtype, torch.float32))
        return self.link(raw.unflatten(-1, (self.outputs, len(self.parameter_names))))

    @property
    def centre(self) -> int:
        """Index of the parameter that says where the distribution is; the others are relative to it."""
        return 0

    @abstractmethod
    def link(self, raw_YP: Tensor) -> Tensor:
        """Map unconstrained real numbers to parameters within their ranges."""

    @abstractmethod
    def loss(self, parameters_YP: Tensor, target_Y: Tensor) -> Tensor:
        """Return the loss of each target, `loss_..Y`: by default the negative log-likelihood in nats."""

    @abstractmethod
    def mean(self, parameters_YP: Tensor) -> Tensor:
        """Return the expected values `..Y`."""

    @abstractmethod
    def sample(self, parameters_YP: Tensor, generator: Randomness = None, *, paths: int = 1) -> Tensor:
        """Draw one random value from every distribution, `..Y`.

        With `paths`, the rows are paths of series, so many in succession for each. Half of the paths of a series then
        mirror the others: their noise has the opposite sign (antithetic variates, Hammersley and Morton 1956), so that
        the median of a few paths is close to that of many. Heads without symmetric noise draw all paths independently.
        """

    @abstractmethod
    def quantiles(self, parameters_YP: Tensor, levels: Sequence[float]) -> Tensor:
        """Return the quantiles `..YK` at the probabilities `levels`, each between 0 and 1.

        Raises ConfigError for other levels.
        """

    def shift(self, parameters_YP: Tensor, offset_Y: Tensor) -> Tensor:
        """Return the parameters of the distributions shifted by `offset_..Y`.

        Raises ConfigError for a head whose domain is not real.
        """
        raise ConfigError(f"expected a head over real numbers to shift. Received: {self.name}, over {self.domain}")


def alike(parameters: Tensor, target_Y: Tensor) -> tuple[Tensor, Tensor]:
    """Convert both to at least float32: under autocast they may have a smaller dtype."""
    dtype = torch.promote_types(parameters.dtype, torch.float32)
    return parameters.to(dtype), target_Y.to(dtype)


def noise(draw: Callable[..., Tensor], like: Tensor, generator: Randomness) -> Tensor:
    """Draw random numbers by `draw` (torch.rand or torch.randn) with the shape, dtype and device of `like`."""

    def of(block: Tensor, each: torch.Generator | None) -> Tensor:
        return draw(block.shape, generator=each, dtype=block.dtype, device=block.device)

    return drawn(of, like, generator)


def mirrored(noise_NY: Tensor, paths: int, sign: float = -1.0) -> Tensor:
    """Replace the noise of the second half of every `paths` rows by that of the first half, times `sign`."""
    if paths < 2:
        return noise_NY
    rows = noise_NY.unflatten(0, (-1, paths))
    half = paths // 2
    return torch.cat([rows[:, : paths - half], sign * rows[:, :half]], 1).flatten(0, 1)


def check_levels(levels: Sequence[float]) -> None:
    """Raise ConfigError unless all levels are between 0 and 1."""
    if not all(0 < level < 1 for level in levels):
        raise ConfigError(f"expected levels between 0 and 1. Received: {tuple(levels)}")


def levels_tensor(levels: Sequence[float], like: Tensor) -> Tensor:
    """Check the levels and return them as a float64 tensor on the device of `like`."""
    check_levels(levels)
    return torch.tensor(list(levels), dtype=torch.float64, device=like.device)
