"""Adaptive softmax: an output layer for large vocabularies whose rare tokens are in clusters of fewer features."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from elman.errors import ConfigError
from elman.nn.cross_entropy import linear_cross_entropy

__all__ = ["AdaptiveSoftmax", "frequency_cutoffs"]

# Each cluster has this many times fewer features than the one before it (`div_value` of torch).
_DIVISOR = 4
# Shares of the training text that the tokens before the first and before the second cutoff make up.
_COVERED = (0.8, 0.95)


class _Tail(nn.Module):
    """A cluster of rare tokens: a projection to fewer features, and a linear layer."""

    def __init__(self, input_size: int, features: int, tokens: int) -> None:
        super().__init__()
        self.projection = nn.Linear(input_size, features, bias=False)
        self.output = nn.Linear(features, tokens)

    def forward(self, r_NY: Tensor) -> Tensor:
        logits: Tensor = self.output(self.projection(r_NY))
        return logits

    def nats(self, r_NY: Tensor, targets_N: Tensor) -> Tensor:
        return linear_cross_entropy(self.projection(r_NY), self.output.weight, self.output.bias, targets_N)


class AdaptiveSoftmax(nn.Module):
    """Adaptive softmax (Grave et al. 2017), as in `torch.nn.AdaptiveLogSoftmaxWithLoss`, with biases in all clusters.

        p(w) = softmax(W y + b)_w                                      for the frequent tokens, and for each cluster
        p(w) = p(cluster of w) * softmax(U P y + c)_w                  for the tokens of a cluster

    Args:
        input_size: number of features of y.
        vocabulary_size: number of tokens V, which should be in order of their frequency.
        cutoffs: the first token of every cluster, in increasing order; none for a single softmax.

    Raises ConfigError for cutoffs that are not increasing numbers from 1 to V - 1.
    """

    def __init__(self, input_size: int, vocabulary_size: int, cutoffs: Sequence[int]) -> None:
        super().__init__()
        borders = [0, *cutoffs, vocabulary_size]
        if any(before >= after for before, after in pairwise(borders)):
            raise ConfigError(
                f"expected cutoffs that increase, from 1 to {vocabulary_size - 1}. Received: {list(cutoffs)}"
            )
        self.borders = borders[1:]
        first = self.borders[0] + len(cutoffs)
        linear = nn.Linear(input_size, first)
        self.weight, self.bias = linear.weight, linear.bias
        self.tails: Any = nn.ModuleList(
            _Tail(input_size, max(1, input_size // _DIVISOR**number), after - before)
            for number, (before, after) in enumerate(pairwise(self.borders), 1)
        )

    def forward(self, r_BTY: Tensor) -> Tensor:
        """Return the logarithms of the probabilities of all tokens, in float32 or wider: `B x T x V`."""
        first = self.borders[0]
        head = _log_softmax(nn.functional.linear(r_BTY, self.weight, self.bias))
        parts = [head[..., :first]]
        parts += [_log_softmax(tail(r_BTY)) + head[..., first + number, None] for number, tail in enumerate(self.tails)]
        return torch.cat(parts, dim=-1)

    def nats(self, r_NY: Tensor, targets_N: Tensor) -> Tensor:
        """Return the cross-entropy of the targets in nats, summed. Only the clusters of targets are computed."""
        first = self.borders[0]
        places_N = torch.bucketize(targets_N, torch.tensor(self.borders[:-1], device=targets_N.device), right=True)
        total: Tensor = linear_cross_entropy(
            r_NY, self.weight, self.bias, torch.where(places_N == 0, targets_N, first + places_N - 1)
        )
        for number, tail in enumerate(self.tails):
            rows_N = places_N == number + 1
            total = total + tail.nats(r_NY[rows_N], targets_N[rows_N] - self.borders[number])
        return total


def frequency_cutoffs(counts_V: npt.NDArray[np.int64]) -> tuple[int, ...]:
    """Return cutoffs by the counts of all tokens, such that the tokens before them are 80 % and 95 % of the text.

    A vocabulary that is too small for two clusters has one or none.
    """
    covered_V = np.cumsum(counts_V) / max(int(counts_V.sum()), 1)
    found = {int(np.searchsorted(covered_V, share)) + 1 for share in _COVERED}
    return tuple(sorted(cutoff for cutoff in found if 1 <= cutoff < len(counts_V)))


def _log_softmax(logits: Tensor) -> Tensor:
    return torch.log_softmax(logits.to(torch.promote_types(logits.dtype, torch.float32)), dim=-1)
