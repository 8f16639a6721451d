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

from elman.errors import ConfigError
from elman.nn.forecast_head import ForecastHead, alike, levels_tensor, noise
from elman.nn.quantile_functions import negative_binomial_quantile, normal_quantile, student_t_quantile
from elman.nn.quantile_head import QuantileHead

__all__ = ["HEADS", "GaussianHead", "NegativeBinomialHead", "PointHead", "StudentTHead", "make_head"]

# Lower bound of scales, so that likelihoods are bounded.
_LEAST_SCALE = 1e-5
# Lower bound of dispersions: below it a negative binomial hardly differs from a Poisson distribution.
_LEAST_DISPERSION = 1e-4


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

    def link(self, raw_OP: Tensor) -> Tensor:
        """Return the values unchanged."""
        return raw_OP

    def loss(self, parameters_OP: Tensor, target_O: Tensor) -> Tensor:
        """Return the chosen loss of each target."""
        value_O, target_O = alike(parameters_OP[..., 0], target_O)
        if self.kind == "squared":
            return F.mse_loss(value_O, target_O, reduction="none")
        if self.kind == "absolute":
            return F.l1_loss(value_O, target_O, reduction="none")
        return F.huber_loss(value_O, target_O, reduction="none", delta=self.delta)

    def mean(self, parameters_OP: Tensor) -> Tensor:
        """Return the point forecasts."""
        return parameters_OP[..., 0]

    def sample(self, parameters_OP: Tensor, generator: torch.Generator | None = None) -> Tensor:
        """Raise ConfigError: there is no distribution to sample from."""
        raise self._no_distribution()

    def quantiles(self, parameters_OP: Tensor, levels: Sequence[float]) -> Tensor:
        """Raise ConfigError: there is no distribution."""
        raise self._no_distribution()

    def shift(self, parameters_OP: Tensor, offset_O: Tensor) -> Tensor:
        """Add the offsets to the point forecasts."""
        return parameters_OP + offset_O[..., None]

    def _no_distribution(self) -> ConfigError:
        others = ", ".join(name for name, head in HEADS.items() if head.spread)
        return ConfigError(f"expected a head with a distribution ({others}). Received: {self.name}")


class GaussianHead(ForecastHead):
    """Normal distribution with mean and standard deviation."""

    name: ClassVar[str] = "gaussian"

    def __init__(self, features: int, outputs: int) -> None:
        super().__init__(features, outputs, ("mean", "scale"))

    def link(self, raw_OP: Tensor) -> Tensor:
        """Leave the mean unchanged and make the scale positive."""
        return torch.stack([raw_OP[..., 0], F.softplus(raw_OP[..., 1]) + _LEAST_SCALE], dim=-1)

    def loss(self, parameters_OP: Tensor, target_O: Tensor) -> Tensor:
        """Return the negative log-likelihood of each target, in nats."""
        parameters_OP, target_O = alike(parameters_OP, target_O)
        mean_O, scale_O = parameters_OP.unbind(-1)
        return 0.5 * ((target_O - mean_O) / scale_O) ** 2 + torch.log(scale_O) + 0.5 * math.log(2 * math.pi)

    def mean(self, parameters_OP: Tensor) -> Tensor:
        """Return the means."""
        return parameters_OP[..., 0]

    def sample(self, parameters_OP: Tensor, generator: torch.Generator | None = None) -> Tensor:
        """Draw one value from each normal distribution."""
        mean_O, scale_O = parameters_OP.unbind(-1)
        return mean_O + scale_O * noise(torch.randn, mean_O, generator)

    def quantiles(self, parameters_OP: Tensor, levels: Sequence[float]) -> Tensor:
        """Return the quantiles: mean plus scale times the standard normal quantiles."""
        z = normal_quantile(levels_tensor(levels, parameters_OP)).to(parameters_OP)
        return parameters_OP[..., :1] + parameters_OP[..., 1:2] * z

    def shift(self, parameters_OP: Tensor, offset_O: Tensor) -> Tensor:
        """Add the offsets to the means."""
        return torch.cat([parameters_OP[..., :1] + offset_O[..., None], parameters_OP[..., 1:]], dim=-1)


class StudentTHead(GaussianHead):
    """Student's t-distribution with location, scale and learnt degrees of freedom above 2, for series with outliers."""

    name: ClassVar[str] = "student-t"

    def __init__(self, features: int, outputs: int) -> None:
        ForecastHead.__init__(self, features, outputs, ("location", "scale", "df"))

    def link(self, raw_OP: Tensor) -> Tensor:
        """Make the scale positive, and the degrees of freedom more than 2, so that the variance is finite."""
        location, scale, df = raw_OP.unbind(-1)
        return torch.stack([location, F.softplus(scale) + _LEAST_SCALE, 2 + 1e-3 + F.softplus(df)], dim=-1)

    def loss(self, parameters_OP: Tensor, target_O: Tensor) -> Tensor:
        """Return the negative log-likelihood of each target, in nats."""
        parameters_OP, target_O = alike(parameters_OP, target_O)
        # In float64: with many degrees of freedom the two log-gammas are large and nearly equal.
        location, scale, df = parameters_OP.double().unbind(-1)
        z = (target_O - location) / scale
        nats_O = (
            torch.lgamma(df / 2) - torch.lgamma((df + 1) / 2)
            + 0.5 * torch.log(math.pi * df) + torch.log(scale) + 0.5 * (df + 1) * torch.log1p(z**2 / df)
        )  # fmt: skip
        return nats_O.to(parameters_OP.dtype)

    def sample(self, parameters_OP: Tensor, generator: torch.Generator | None = None) -> Tensor:
        """Draw one value from each t-distribution, by the polar method (Bailey 1994)."""
        location, scale, df = parameters_OP.unbind(-1)
        u, v = (noise(torch.rand, location.double(), generator) for _ in range(2))
        # log1p(-u) is finite: u is in [0, 1), while log(u) of u = 0 is not.
        radius = torch.sqrt(df * torch.expm1(-2 / df * torch.log1p(-u)))
        return location + scale * (radius * torch.cos(2 * math.pi * v)).to(location.dtype)

    def quantiles(self, parameters_OP: Tensor, levels: Sequence[float]) -> Tensor:
        """Return the quantiles: location plus scale times the quantiles of the standard t-distribution."""
        t_OQ = student_t_quantile(levels_tensor(levels, parameters_OP), parameters_OP[..., 2:3])
        return parameters_OP[..., :1] + parameters_OP[..., 1:2] * t_OQ.to(parameters_OP)


class NegativeBinomialHead(ForecastHead):
    """Negative binomial distribution of counts (Salinas et al. 2020).

    With mean m and dispersion a the variance is m + a * m**2. Counts are neither shifted nor scaled; `rescale`
    multiplies the mean by the scale of a series.
    """

    name: ClassVar[str] = "negative-binomial"
    domain: ClassVar[str] = "counts"

    def __init__(self, features: int, outputs: int) -> None:
        super().__init__(features, outputs, ("mean", "dispersion"))

    def link(self, raw_OP: Tensor) -> Tensor:
        """Make both parameters positive."""
        mean, dispersion = F.softplus(raw_OP).unbind(-1)
        return torch.stack([mean + _LEAST_SCALE, dispersion + _LEAST_DISPERSION], dim=-1)

    def rescale(self, parameters_OP: Tensor, factor_O: Tensor) -> Tensor:
        """Multiply the means by the positive factors `factor_..O`; the dispersions stay the same."""
        return torch.cat([parameters_OP[..., :1] * factor_O[..., None], parameters_OP[..., 1:]], dim=-1)

    def loss(self, parameters_OP: Tensor, target_O: Tensor) -> Tensor:
        """Return the negative log-likelihood of each count, in nats. Counts must not be negative."""
        parameters_OP, target_O = alike(parameters_OP, target_O)
        # In float64: with little dispersion, 1 / dispersion is large, and large log-gammas cancel.
        mean, dispersion = parameters_OP.double().unbind(-1)
        count, size = target_O.double(), 1 / dispersion
        odds = torch.log1p(dispersion * mean)
        nats_O = (
            torch.lgamma(size) + torch.lgamma(count + 1) - torch.lgamma(count + size)
            + size * odds - count * (torch.log(dispersion * mean) - odds)
        )  # fmt: skip
        return nats_O.to(parameters_OP.dtype)

    def mean(self, parameters_OP: Tensor) -> Tensor:
        """Return the means."""
        return parameters_OP[..., 0]

    def sample(self, parameters_OP: Tensor, generator: torch.Generator | None = None) -> Tensor:
        """Draw one count from each distribution: a Poisson count with a gamma-distributed rate."""
        mean, dispersion = parameters_OP.double().unbind(-1)
        rates_O = torch._standard_gamma(1 / dispersion, generator) * dispersion * mean
        return torch.poisson(rates_O, generator).to(parameters_OP.dtype)

    def quantiles(self, parameters_OP: Tensor, levels: Sequence[float]) -> Tensor:
        """Return, for each level, the smallest count that is not exceeded with at least that probability."""
        mean, dispersion = parameters_OP[..., :1], parameters_OP[..., 1:2]
        return negative_binomial_quantile(levels_tensor(levels, parameters_OP), mean, dispersion).to(parameters_OP)


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
