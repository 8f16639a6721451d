"""Forecast heads by name: point, quantiles, normal, Student's t and negative binomial.

`ForecastHead` defines their methods and the shape letters.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor

from elman.decode.randomness import Randomness, drawn
from elman.errors import ConfigError
from elman.nn.forecast_head import ForecastHead, alike, levels_tensor, mirrored, noise
from elman.nn.quantile_functions import negative_binomial_quantile, normal_quantile, student_t_quantile
from elman.nn.quantile_head import QuantileHead

__all__ = ["HEADS", "GaussianHead", "NegativeBinomialHead", "PointHead", "StudentTHead", "make_head"]

# Lower bound of scales, so that likelihoods are bounded.
_MIN_SCALE = 1e-5
# Lower bound of dispersions: below it a negative binomial hardly differs from a Poisson distribution.
_MIN_DISPERSION = 1e-4


class PointHead(ForecastHead):
    """Point forecasts, without a distribution.

    Args:
        features, outputs: as for `ForecastHead`.
        loss: loss of an error e: "squared" (e**2, estimates the mean), "absolute" (|e|, estimates the median) or
            "huber" (e**2 / 2 up to `delta`, then delta * (|e| - delta / 2); Huber 1964).
        delta: where the Huber loss becomes linear, in the unit of the target.

    Raises ConfigError for another `loss`, or a `delta` that is not positive and finite.
    """

    name: ClassVar[str] = "point"
    spread: ClassVar[bool] = False
    _LOSSES: ClassVar[tuple[str, ...]] = ("squared", "absolute", "huber")

    def __init__(self, features: int, outputs: int, *, loss: str = "squared", delta: float = 1.0) -> None:
        super().__init__(features, outputs, ("value",))
        if loss not in self._LOSSES:
            raise ConfigError(f"expected loss to be one of {', '.join(self._LOSSES)}. Received: {loss}")
        if not 0 < delta < math.inf:
            raise ConfigError(f"expected a positive delta. Received: {delta}")
        self.kind, self.delta = loss, delta

    def link(self, raw_YP: Tensor) -> Tensor:
        """Return the values unchanged."""
        return raw_YP

    def loss(self, parameters_YP: Tensor, target_Y: Tensor) -> Tensor:
        """Return the chosen loss of each target."""
        value_Y, target_Y = alike(parameters_YP[..., 0], target_Y)
        if self.kind == "squared":
            return F.mse_loss(value_Y, target_Y, reduction="none")
        if self.kind == "absolute":
            return F.l1_loss(value_Y, target_Y, reduction="none")
        return F.huber_loss(value_Y, target_Y, reduction="none", delta=self.delta)

    def mean(self, parameters_YP: Tensor) -> Tensor:
        """Return the point forecasts."""
        return parameters_YP[..., 0]

    def sample(self, parameters_YP: Tensor, generator: Randomness = None, *, paths: int = 1) -> Tensor:
        """Raise ConfigError: there is no distribution to sample from."""
        raise self._no_distribution()

    def quantiles(self, parameters_YP: Tensor, levels: Sequence[float]) -> Tensor:
        """Raise ConfigError: there is no distribution."""
        raise self._no_distribution()

    def shift(self, parameters_YP: Tensor, offset_Y: Tensor) -> Tensor:
        """Add the offsets to the point forecasts."""
        return parameters_YP + offset_Y[..., None]

    def _no_distribution(self) -> ConfigError:
        others = ", ".join(name for name, head in HEADS.items() if head.spread)
        return ConfigError(f"expected a head with a distribution ({others}). Received: {self.name}")


class GaussianHead(ForecastHead):
    """Normal distribution with mean and standard deviation."""

    name: ClassVar[str] = "gaussian"
    symmetric: ClassVar[bool] = True

    def __init__(self, features: int, outputs: int) -> None:
        super().__init__(features, outputs, ("mean", "scale"))

    def link(self, raw_YP: Tensor) -> Tensor:
        """Leave the mean unchanged and make the scale positive."""
        return torch.stack([raw_YP[..., 0], F.softplus(raw_YP[..., 1]) + _MIN_SCALE], dim=-1)

    def loss(self, parameters_YP: Tensor, target_Y: Tensor) -> Tensor:
        """Return the negative log-likelihood of each target, in nats."""
        parameters_YP, target_Y = alike(parameters_YP, target_Y)
        mean_Y, scale_Y = parameters_YP.unbind(-1)
        return 0.5 * ((target_Y - mean_Y) / scale_Y) ** 2 + torch.log(scale_Y) + 0.5 * math.log(2 * math.pi)

    def mean(self, parameters_YP: Tensor) -> Tensor:
        """Return the means."""
        return parameters_YP[..., 0]

    def sample(self, parameters_YP: Tensor, generator: Randomness = None, *, paths: int = 1) -> Tensor:
        """Draw one value from each normal distribution."""
        mean_Y, scale_Y = parameters_YP.unbind(-1)
        return mean_Y + scale_Y * mirrored(noise(torch.randn, mean_Y, generator), paths)

    def quantiles(self, parameters_YP: Tensor, levels: Sequence[float]) -> Tensor:
        """Return the quantiles: mean plus scale times the standard normal quantiles."""
        z = normal_quantile(levels_tensor(levels, parameters_YP)).to(parameters_YP)
        return parameters_YP[..., :1] + parameters_YP[..., 1:2] * z

    def shift(self, parameters_YP: Tensor, offset_Y: Tensor) -> Tensor:
        """Add the offsets to the means."""
        return torch.cat([parameters_YP[..., :1] + offset_Y[..., None], parameters_YP[..., 1:]], dim=-1)


class StudentTHead(GaussianHead):
    """Student's t-distribution with location, scale and learnt degrees of freedom above 2, for series with outliers."""

    name: ClassVar[str] = "student-t"

    def __init__(self, features: int, outputs: int) -> None:
        ForecastHead.__init__(self, features, outputs, ("location", "scale", "df"))

    def link(self, raw_YP: Tensor) -> Tensor:
        """Make the scale positive, and the degrees of freedom more than 2, so that the variance is finite."""
        location, scale, df = raw_YP.unbind(-1)
        return torch.stack([location, F.softplus(scale) + _MIN_SCALE, 2 + 1e-3 + F.softplus(df)], dim=-1)

    def loss(self, parameters_YP: Tensor, target_Y: Tensor) -> Tensor:
        """Return the negative log-likelihood of each target, in nats."""
        parameters_YP, target_Y = alike(parameters_YP, target_Y)
        # In float64: with many degrees of freedom the two log-gammas are large and nearly equal.
        location, scale, df = parameters_YP.double().unbind(-1)
        z = (target_Y - location) / scale
        nats_Y = (
            torch.lgamma(df / 2) - torch.lgamma((df + 1) / 2)
            + 0.5 * torch.log(math.pi * df) + torch.log(scale) + 0.5 * (df + 1) * torch.log1p(z**2 / df)
        )  # fmt: skip
        return nats_Y.to(parameters_YP.dtype)

    def sample(self, parameters_YP: Tensor, generator: Randomness = None, *, paths: int = 1) -> Tensor:
        """Draw one value from each t-distribution, by the polar method (Bailey 1994)."""
        location, scale, df = parameters_YP.unbind(-1)
        u, v = (noise(torch.rand, location.double(), generator) for _ in range(2))
        u, direction = mirrored(u, paths, 1.0), mirrored(torch.cos(2 * math.pi * v), paths)
        # log1p(-u) is finite: u is in [0, 1), while log(u) of u = 0 is not.
        radius = torch.sqrt(df * torch.expm1(-2 / df * torch.log1p(-u)))
        return location + scale * (radius * direction).to(location.dtype)

    def quantiles(self, parameters_YP: Tensor, levels: Sequence[float]) -> Tensor:
        """Return the quantiles: location plus scale times the quantiles of the standard t-distribution."""
        t_YK = student_t_quantile(levels_tensor(levels, parameters_YP), parameters_YP[..., 2:3])
        return parameters_YP[..., :1] + parameters_YP[..., 1:2] * t_YK.to(parameters_YP)


class NegativeBinomialHead(ForecastHead):
    """Negative binomial distribution of counts (Salinas et al. 2020).

    With mean m and dispersion a the variance is m + a * m**2. Counts are neither shifted nor scaled; `rescale`
    multiplies the mean by the scale of a series.
    """

    name: ClassVar[str] = "negative-binomial"
    domain: ClassVar[str] = "counts"

    def __init__(self, features: int, outputs: int) -> None:
        super().__init__(features, outputs, ("mean", "dispersion"))

    def link(self, raw_YP: Tensor) -> Tensor:
        """Make both parameters positive."""
        mean, dispersion = F.softplus(raw_YP).unbind(-1)
        return torch.stack([mean + _MIN_SCALE, dispersion + _MIN_DISPERSION], dim=-1)

    def rescale(self, parameters_YP: Tensor, factor_Y: Tensor) -> Tensor:
        """Multiply the means by the positive factors `factor_..Y`; the dispersions stay the same."""
        return torch.cat([parameters_YP[..., :1] * factor_Y[..., None], parameters_YP[..., 1:]], dim=-1)

    def loss(self, parameters_YP: Tensor, target_Y: Tensor) -> Tensor:
        """Return the negative log-likelihood of each count, in nats. Counts must not be negative."""
        parameters_YP, target_Y = alike(parameters_YP, target_Y)
        # In float64: with little dispersion, 1 / dispersion is large, and large log-gammas cancel.
        mean, dispersion = parameters_YP.double().unbind(-1)
        count, size = target_Y.double(), 1 / dispersion
        odds = torch.log1p(dispersion * mean)
        nats_Y = (
            torch.lgamma(size) + torch.lgamma(count + 1) - torch.lgamma(count + size)
            + size * odds - count * (torch.log(dispersion * mean) - odds)
        )  # fmt: skip
        return nats_Y.to(parameters_YP.dtype)

    def mean(self, parameters_YP: Tensor) -> Tensor:
        """Return the means."""
        return parameters_YP[..., 0]

    def sample(self, parameters_YP: Tensor, generator: Randomness = None, *, paths: int = 1) -> Tensor:
        """Draw one count from each distribution: a Poisson count with a gamma-distributed rate."""
        mean, dispersion = parameters_YP.double().unbind(-1)
        rates_Y = drawn(torch._standard_gamma, 1 / dispersion, generator) * dispersion * mean
        return drawn(torch.poisson, rates_Y, generator).to(parameters_YP.dtype)

    def quantiles(self, parameters_YP: Tensor, levels: Sequence[float]) -> Tensor:
        """Return, for each level, the smallest count that is not exceeded with at least that probability."""
        mean, dispersion = parameters_YP[..., :1], parameters_YP[..., 1:2]
        return negative_binomial_quantile(levels_tensor(levels, parameters_YP), mean, dispersion).to(parameters_YP)


HEADS: dict[str, type[ForecastHead]] = {
    head.name: head for head in (PointHead, QuantileHead, GaussianHead, StudentTHead, NegativeBinomialHead)
}


def make_head(name: str, features: int, outputs: int, **options: Any) -> ForecastHead:
    """Build a forecast head by name.

    Names and their options: point (loss, delta), quantiles (levels), gaussian, student-t, negative-binomial. Raises
    ConfigError for an unknown name or option, and for an invalid value.
    """
    if name not in HEADS:
        raise ConfigError(f"expected the head to be one of {', '.join(HEADS)}. Received: {name}")
    make: Any = HEADS[name]
    known = make.__init__.__kwdefaults__ or {}
    if options.keys() - known.keys():
        raise ConfigError(
            f"expected only options of the head {name} ({', '.join(known) or 'it has none'}). "
            f"Received: {', '.join(sorted(options.keys() - known.keys()))}"
        )
    head: ForecastHead = make(features, outputs, **options)
    return head
