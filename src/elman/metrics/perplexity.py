"""Perplexity of a mean loss."""

from __future__ import annotations

import math

__all__ = ["perplexity"]

# The logarithm of about the largest float64.
_LARGEST = 700.0


def perplexity(nats: float) -> float:
    """Return the exponential of a mean loss in nats, which is finite for every loss."""
    return math.exp(min(nats, _LARGEST))
