"""The neural cache, against a plain implementation in float64, one token at a time."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from elman.errors import ConfigError
from elman.metrics.neural_cache import CacheHistory, NeuralCache

V, H, T = 7, 4, 40


def text(seed: int = 0) -> tuple[Tensor, Tensor, Tensor]:
    """States, the tokens that follow them, and log-probabilities of a model."""
    draw = torch.Generator().manual_seed(seed)
    states_TH = torch.randn(T, H, generator=draw)
    log_probs_TV = torch.log_softmax(torch.randn(T, V, generator=draw), dim=1)
    return states_TH, torch.randint(0, V, (T,), generator=draw), log_probs_TV


def plain(cache: NeuralCache, states_TH: Tensor, words_T: Tensor, log_probs_TV: Tensor) -> list[list[float]]:
    """The mixed probabilities by their definition."""
    rows = []
    states, words = states_TH.double().tolist(), words_T.tolist()
    for t in range(len(words)):
        model = [math.exp(value) for value in log_probs_TV[t].double().tolist()]
        known = range(max(0, t - cache.window), t)
        weights = [math.exp(cache.theta * sum(a * b for a, b in zip(states[t], states[i], strict=True))) for i in known]
        cached = [0.0] * V
        for i, weight in zip(known, weights, strict=True):
            cached[words[i]] += weight / sum(weights)
        share = cache.share if weights else 0.0
        rows.append([(1 - share) * one + share * other for one, other in zip(model, cached, strict=True)])
    return rows


@pytest.mark.parametrize("cache", [NeuralCache(5, 0.7, 0.3), NeuralCache(1000, 0.0, 0.9), NeuralCache(1, 2.0, 0.5)])
@pytest.mark.parametrize("sizes", [[T], [1] * T, [3, 1, 17, 19]])
def test_probabilities_are_those_of_the_definition(cache: NeuralCache, sizes: list[int]) -> None:
    states_TH, words_T, log_probs_TV = text()
    history = CacheHistory(cache.window)
    found = [
        cache.mixed(log_probs, history.extend(states, words))
        for states, words, log_probs in zip(
            states_TH.split(sizes), words_T.split(sizes), log_probs_TV.split(sizes), strict=True
        )
    ]
    found_TV = torch.cat(found).exp()
    expected_TV = torch.tensor(plain(cache, states_TH, words_T, log_probs_TV), dtype=torch.float64)
    torch.testing.assert_close(found_TV, expected_TV, rtol=1e-5, atol=1e-9)
    torch.testing.assert_close(found_TV.sum(dim=1), torch.ones(T, dtype=torch.float64), rtol=1e-6, atol=0.0)


def test_a_cache_of_everything_predicts_nothing_new_before_its_first_token() -> None:
    states_TH, words_T, log_probs_TV = text()
    mixed_TV = NeuralCache(9, 1.0, 1.0).mixed(log_probs_TV, CacheHistory(9).extend(states_TH, words_T))
    torch.testing.assert_close(mixed_TV[0], log_probs_TV[0].double(), rtol=1e-5, atol=1e-7)
    assert bool((mixed_TV[1] == -math.inf).any())


def test_large_products_do_not_overflow() -> None:
    states_TH, words_T, log_probs_TV = text()
    cache = NeuralCache(9, 1.0, 0.5)
    mixed_TV = cache.mixed(log_probs_TV, CacheHistory(9).extend(1e3 * states_TH, words_T))
    torch.testing.assert_close(mixed_TV.exp().sum(dim=1), torch.ones(T, dtype=torch.float64), rtol=1e-6, atol=0.0)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ((0, 0.1, 0.1), r"window of at least one token\. Received: 0"),
        ((9, -0.1, 0.1), r"theta of the cache to be a number from 0\. Received: -0\.1"),
        ((9, math.nan, 0.1), r"theta .* Received: nan"),
        ((9, 0.1, 1.1), r"lambda of the cache from 0 to 1\. Received: 1\.1"),
    ],
)
def test_values_out_of_range_are_refused(values: tuple[int, float, float], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        NeuralCache(*values)
