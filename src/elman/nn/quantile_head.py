"""QuantileHead: a forecast head for quantile regression."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor

from elman.decode.randomness import Randomness
from elman.errors import ConfigError
from elman.nn.forecast_head import ForecastHead, alike, check_levels, levels_tensor, mirrored, noise
from elman.nn.quantile_functions import normal_quantile

__all__ = ["QuantileHead"]


class QuantileHead(ForecastHead):
    """Quantiles that never cross: the middle one is unconstrained, the others are positive steps above and below it.

    The loss is twice the mean of the pinball losses (Koenker & Bassett 1978). With more and more levels it approaches
    the continuous ranked probability score; with the level 0.5 alone it is the absolute error.

    Between the levels the quantiles are interpolated linearly in the standard normal quantile z, and the outer pieces
    are extended to the tails. Three levels thereby give a two-piece normal distribution. The mean and the samples are
    those of the interpolated distribution.

    Args:
        features, outputs: as for `ForecastHead`.
        levels: increasing probabilities between 0 and 1.

    Raises ConfigError for other levels.
    """

    name: ClassVar[str] = "quantiles"

    def __init__(self, features: int, outputs: int, *, levels: Sequence[float] = (0.025, 0.1, 0.5, 0.9, 0.975)) -> None:
        levels = tuple(float(level) for level in levels)
        check_levels(levels)
        if not levels or any(a >= b for a, b in pairwise(levels)):
            raise ConfigError(f"expected at least one level, in rising order. Received: {levels}")
        super().__init__(features, outputs, [f"quantile {level:g}" for level in levels])
        self.levels = levels

    @property
    def centre(self) -> int:
        """Index of the middle quantile."""
        return len(self.levels) // 2

    def link(self, raw_YP: Tensor) -> Tensor:
        """Map unconstrained numbers to increasing quantiles."""
        middle = self.centre
        centre = raw_YP[..., middle : middle + 1]
        above = centre + F.softplus(raw_YP[..., middle + 1 :]).cumsum(-1)
        below = centre - F.softplus(raw_YP[..., :middle]).flip(-1).cumsum(-1).flip(-1)
        return torch.cat([below, centre, above], dim=-1)

    def loss(self, parameters_YP: Tensor, target_Y: Tensor) -> Tensor:
        """Return twice the mean pinball loss of each target, in the unit of the target."""
        quantiles_YP, target_Y = alike(parameters_YP, target_Y)
        miss_YP = target_Y[..., None] - quantiles_YP
        levels = quantiles_YP.new_tensor(self.levels)
        return 2 * torch.maximum(levels * miss_YP, (levels - 1) * miss_YP).mean(-1)

    def mean(self, parameters_YP: Tensor) -> Tensor:
        """Return the mean of the interpolated distribution."""
        knots = self._knots(parameters_YP)
        if len(self.levels) == 1:
            return parameters_YP[..., 0]
        # The value is linear in z on each piece, so only the probability and the mean of z on each piece are needed.
        edges = [-math.inf, *knots[1:-1].tolist(), math.inf]
        mean = torch.zeros_like(parameters_YP[..., 0])
        for i, (a, b) in enumerate(pairwise(edges)):
            mass = _normal_cdf(b) - _normal_cdf(a)
            moment = _normal_density(a) - _normal_density(b)
            left, right = float(knots[i]), float(knots[i + 1])
            share = (moment - left * mass) / (right - left)
            mean = mean + parameters_YP[..., i] * (mass - share) + parameters_YP[..., i + 1] * share
        return mean

    def sample(self, parameters_YP: Tensor, generator: Randomness = None, *, paths: int = 1) -> Tensor:
        """Draw one value from each interpolated distribution."""
        z_Y = mirrored(noise(torch.randn, parameters_YP[..., 0], generator), paths)
        return self._at(parameters_YP, z_Y[..., None])[..., 0]

    def quantiles(self, parameters_YP: Tensor, levels: Sequence[float]) -> Tensor:
        """Return the quantiles of the interpolated distribution; at the head's own levels these are the parameters."""
        z = normal_quantile(levels_tensor(levels, parameters_YP)).to(parameters_YP)
        return self._at(parameters_YP, z.expand(*parameters_YP.shape[:-1], len(z)))

    def shift(self, parameters_YP: Tensor, offset_Y: Tensor) -> Tensor:
        """Add the offsets to all quantiles."""
        return parameters_YP + offset_Y[..., None]

    def _knots(self, parameters_YP: Tensor) -> Tensor:
        return normal_quantile(torch.tensor(self.levels, dtype=torch.float64)).to(parameters_YP)

    def _at(self, parameters_YP: Tensor, z_YK: Tensor) -> Tensor:
        if len(self.levels) == 1:
            return parameters_YP.expand(z_YK.shape)
        knots = self._knots(parameters_YP)
        piece = torch.bucketize(z_YK.contiguous(), knots[1:-1].contiguous(), right=True)
        low, high = parameters_YP.gather(-1, piece), parameters_YP.gather(-1, piece + 1)
        return low + (high - low) * (z_YK - knots[piece]) / (knots[piece + 1] - knots[piece])


def _normal_cdf(z: float) -> float:
    return 0.5 * (1 + math.erf(z / math.sqrt(2)))


def _normal_density(z: float) -> float:
    return math.exp(-(z**2) / 2) / math.sqrt(2 * math.pi)
