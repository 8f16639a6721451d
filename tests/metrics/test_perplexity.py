"""Perplexity of a mean loss."""

from __future__ import annotations

import math

import pytest

from elman.metrics.perplexity import perplexity


def test_perplexity_is_that_of_the_mean_loss_and_finite() -> None:
    assert perplexity(math.log(50)) == pytest.approx(50, rel=1e-12)
    assert perplexity(math.inf) == math.exp(700)
