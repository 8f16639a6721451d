"""The neural cache: a language model's probabilities mixed with those of the words that followed similar states."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from elman.errors import ConfigError

__all__ = ["CacheHistory", "CacheScores", "NeuralCache"]


@dataclass(frozen=True)
class NeuralCache:
    """Options of a neural cache (Grave et al. 2016).

        p_cache(w | t) = sum over i < t with x_{i+1} = w of exp(theta * h_t . h_i), normalised over all i
        p(w | t) = (1 - lambda) * p_model(w | t) + lambda * p_cache(w | t)

    window  number of the last tokens in the cache
    theta   flatness of the cache's distribution; 0 makes all tokens of the cache equally likely
    share   lambda, the share of the cache; before the first token of the cache it is 0

    Raises ConfigError for a value out of range.
    """

    window: int = 2000
    theta: float = 0.3
    share: float = 0.1

    def __post_init__(self) -> None:
        if self.window < 1:
            raise ConfigError(f"expected a cache window of at least one token. Received: {self.window}")
        if not (self.theta >= 0.0 and math.isfinite(self.theta)):
            raise ConfigError(f"expected theta of the cache to be a number from 0. Received: {self.theta}")
        if not 0.0 <= self.share <= 1.0:
            raise ConfigError(f"expected lambda of the cache from 0 to 1. Received: {self.share}")

    def mixed(self, log_probs_TV: Tensor, scores: CacheScores) -> Tensor:
        """Return the logarithms of the mixed probabilities of all tokens, in float64."""
        weights_TN = scores.weights(self.theta)
        cached_TV = torch.zeros_like(log_probs_TV, dtype=torch.float64)
        cached_TV.scatter_add_(1, scores.words_N.expand_as(weights_TN), weights_TN)
        share_T1 = self.share * scores.filled_T[:, None].double()
        return ((1.0 - share_T1) * log_probs_TV.double().exp() + share_T1 * cached_TV).log()


class CacheScores(NamedTuple):
    """Products of states with those of the cache, of T time steps with N tokens.

    dots_TN   h_t . h_i; minus infinity where token i is not in the cache of time step t
    words_N   the token that followed state i
    filled_T  whether the cache of a time step has a token
    """

    dots_TN: Tensor
    words_N: Tensor
    filled_T: Tensor

    def weights(self, theta: float) -> Tensor:
        """Return the probability of each token of the cache, in float64; 0 where the cache is empty."""
        outside_TN = self.dots_TN == -math.inf
        scaled_TN = (theta * self.dots_TN.double()).masked_fill(outside_TN, -math.inf)
        scaled_TN = scaled_TN.masked_fill(~self.filled_T[:, None], 0.0)
        return torch.softmax(scaled_TN, dim=1).masked_fill(outside_TN, 0.0)


class CacheHistory:
    """The last states of a text, each with the token that followed it.

    Args:
        window: number of tokens.
    """

    def __init__(self, window: int) -> None:
        self.window = window
        self._states_NH: Tensor | None = None
        self._words_N = torch.zeros(0, dtype=torch.int64)

    def extend(self, states_TH: Tensor, words_T: Tensor) -> CacheScores:
        """Add consecutive states with the tokens that follow them; return the scores of these states.

        The cache of a time step has the `window` tokens up to the last one that has been read then.
        """
        before = 0 if self._states_NH is None else len(self._states_NH)
        keys_NH = states_TH if self._states_NH is None else torch.cat([self._states_NH, states_TH])
        words_N = torch.cat([self._words_N.to(words_T.device), words_T])
        age_TN = (before + torch.arange(len(states_TH)))[:, None] - torch.arange(len(keys_NH))
        inside_TN = ((age_TN >= 1) & (age_TN <= self.window)).to(states_TH.device)
        dots_TN = (states_TH @ keys_NH.mT).masked_fill(~inside_TN, -math.inf)
        self._states_NH, self._words_N = keys_NH[-self.window :], words_N[-self.window :]
        return CacheScores(dots_TN, words_N, inside_TN.any(dim=1))
