"""Figures from sums over tokens."""

from __future__ import annotations

import math

from elman.metrics.likelihood import TokenCounts


def test_the_figures_of_a_tally() -> None:
    figures = TokenCounts(nats=8.0, tokens=4, correct=1).metrics(characters=16)
    assert figures == {
        "loss": 2.0,
        "nats_per_token": 2.0,
        "bits_per_token": 2.0 / math.log(2),
        "perplexity": math.exp(2.0),
        "accuracy": 0.25,
        "tokens": 4,
        "unknown_share": 0.0,
        "perplexity_known": math.exp(2.0),
        "nats_per_char": 0.5,
        "bits_per_char": 0.5 / math.log(2),
    }
    assert "nats_per_char" not in TokenCounts(1.0, 1, 0).metrics()
    assert TokenCounts(1e9, 1, 0).metrics()["perplexity"] == math.exp(700.0), "no overflow"
    assert TokenCounts(0.0, 0, 0).metrics()["loss"] == 0.0


def test_the_figures_without_unknown_tokens() -> None:
    figures = TokenCounts(nats=8.0, tokens=5, correct=1, unknown=2, unknown_nats=1.0).metrics()
    assert figures["unknown_share"] == 0.4
    assert figures["perplexity_known"] == math.exp(7.0 / 3)
    assert figures["perplexity"] == math.exp(1.6)
    assert TokenCounts(2.0, 2, 0, 2, 2.0).metrics()["perplexity_known"] == 1.0, "nothing is known"
