"""Quantile functions of the normal, Student's t and negative binomial distributions.

All are computed in float64 and have no gradient.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

__all__ = ["negative_binomial_cdf", "negative_binomial_quantile", "normal_quantile", "student_t_quantile"]

_NODES = 48
_NEWTON_STEPS = 60
_FRACTION_STEPS = 10_000
_TINY = 1e-300


def normal_quantile(p: Tensor) -> Tensor:
    """Return the quantiles of the standard normal distribution at the probabilities `p`."""
    return torch.special.ndtri(p.double())


def student_t_quantile(p: Tensor, df: Tensor) -> Tensor:
    """Return the quantiles of Student's t with `df` degrees of freedom (at least 2) at the probabilities `p`.

    With t = sqrt(df) tan(a), the probability between 0 and t is the integral of C cos(b)^(df - 1) over b from 0 to a.
    It is computed by Gauss-Legendre quadrature and inverted by Newton's method. The integral is concave in a, and the
    normal quantile, where the iteration starts, is below that of t. Newton's method therefore converges from the left
    and never passes the solution.
    """
    p, df = torch.broadcast_tensors(p.double(), df.double())
    points, weights = (torch.from_numpy(array).to(p.device) for array in np.polynomial.legendre.leggauss(_NODES))
    half = (p - 0.5).abs()
    log_c = torch.lgamma((df + 1) / 2) - torch.lgamma(df / 2) - 0.5 * np.log(np.pi)
    angle = torch.atan(normal_quantile(0.5 + half) / df.sqrt())
    for _ in range(_NEWTON_STEPS):
        at = angle[..., None] * (points + 1) / 2
        inside = torch.exp(log_c[..., None] + (df[..., None] - 1) * torch.log(torch.cos(at)))
        area = (inside * weights).sum(-1) * angle / 2
        step = (half - area) / torch.exp(log_c + (df - 1) * torch.log(torch.cos(angle)))
        angle = angle + step
        if not bool((step.abs() > 1e-14 * angle.abs().clamp_min(1e-300)).any()):
            break
    return torch.where(p < 0.5, -1.0, 1.0) * df.sqrt() * torch.tan(angle)


def _regularised_beta(a: Tensor, b: Tensor, x: Tensor) -> Tensor:
    """Return I_x(a, b) by its continued fraction (Abramowitz & Stegun 26.5.8), evaluated by Lentz's method."""
    # The fraction converges fast below the mean; above it, use I_x(a, b) = 1 - I_{1-x}(b, a).
    mirror = x > (a + 1) / (a + b + 2)
    a, b, x = torch.where(mirror, b, a), torch.where(mirror, a, b), torch.where(mirror, 1 - x, x)
    front = torch.exp(torch.lgamma(a + b) - torch.lgamma(a) - torch.lgamma(b) + torch.xlogy(a, x) + b * torch.log1p(-x))
    c, d = torch.ones_like(x), 1 / _not_zero(1 - (a + b) * x / (a + 1))
    value = d
    for m in range(1, _FRACTION_STEPS):
        even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m))
        d, c = 1 / _not_zero(1 + even * d), _not_zero(1 + even / c)
        value = value * d * c
        odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1))
        d, c = 1 / _not_zero(1 + odd * d), _not_zero(1 + odd / c)
        value = value * d * c
        if not bool(((d * c - 1).abs() > 1e-13).any()):
            break
    area = front * value / a
    return torch.where(mirror, 1 - area, area)


def _not_zero(x: Tensor) -> Tensor:
    return torch.where(x.abs() < _TINY, _TINY, x)


def negative_binomial_cdf(k: Tensor, mean: Tensor, dispersion: Tensor) -> Tensor:
    """Return the probability of a count of at most `k`; the variance is mean + dispersion * mean**2."""
    k, mean, dispersion = torch.broadcast_tensors(k.double(), mean.double(), dispersion.double())
    size = 1 / dispersion
    below = _regularised_beta(size, torch.floor(k).clamp_min(0) + 1, size / (size + mean))
    return torch.where(k < 0, 0.0, below)


def negative_binomial_quantile(p: Tensor, mean: Tensor, dispersion: Tensor) -> Tensor:
    """Return the smallest count whose cumulative probability is at least `p`, by bisection."""
    p, mean, dispersion = torch.broadcast_tensors(p.double(), mean.double(), dispersion.double())
    deviation = torch.sqrt(mean + dispersion * mean**2)
    # Cantelli's inequality bounds the quantile: `low` is below the solution, `high` is equal to it or above.
    low = torch.floor(mean - deviation * torch.sqrt((1 - p) / p)).clamp_min(0) - 1
    high = torch.ceil(mean + deviation * torch.sqrt(p / (1 - p))) + 1
    while bool((high - low > 1).any()):
        middle = torch.floor((low + high) / 2)
        enough = negative_binomial_cdf(middle, mean, dispersion) >= p
        low, high = torch.where(enough, low, middle), torch.where(enough, middle, high)
    return high
