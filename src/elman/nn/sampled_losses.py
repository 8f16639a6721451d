"""Losses of an output layer that compute the logits of a sample of the vocabulary: sampled softmax and NCE.

They train the weights of a linear output layer, whose probabilities are computed over all tokens afterwards.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from torch import Tensor

__all__ = ["NOISES", "Noise", "nce_loss", "sampled_softmax_loss"]

NOISES = ("unigram", "log-uniform")


class _Sample(NamedTuple):
    """Drawn tokens: each once, with the number of times that it was drawn."""

    tokens_S: Tensor
    counts_S: Tensor


class Noise:
    """The distribution that tokens are sampled from, with replacement.

    Args:
        probabilities_V: the probability q of every token, all above 0.
        samples: number K of tokens in a sample.
    """

    def __init__(self, probabilities_V: Tensor, samples: int) -> None:
        self.samples = samples
        self.probabilities_V = probabilities_V / probabilities_V.sum()
        # log(K q), the logarithm of the expected count in a sample.
        self.log_expected_V = (math.log(samples) + self.probabilities_V.double().log()).float()

    @staticmethod
    def of(kind: str, counts_V: npt.NDArray[np.int64], samples: int, power: float) -> Noise:
        """Return noise by the counts of the tokens to this power, or log-uniform over their ids (their ranks)."""
        if kind == "log-uniform":
            return Noise(torch.from_numpy(np.diff(np.log(np.arange(1.0, len(counts_V) + 2.0)))), samples)
        # Tokens that are not in the training text count as one, since they must have a probability.
        return Noise(torch.from_numpy(np.maximum(counts_V, 1).astype(np.float64) ** power), samples)

    def to(self, device: torch.device | str) -> Noise:
        """Return this noise on a device."""
        return Noise(self.probabilities_V.to(device), self.samples)

    def draw(self) -> _Sample:
        """Draw a sample."""
        drawn = torch.multinomial(self.probabilities_V, self.samples, replacement=True)
        return _Sample(*torch.unique(drawn, return_counts=True))


class _Scores(NamedTuple):
    """Logits of the targets and of a sample for every row, with the logarithm of their expected counts, log(K q)."""

    targets_N: Tensor
    expected_N: Tensor
    sample_NS: Tensor
    expected_S: Tensor
    sample: _Sample


def sampled_softmax_loss(r_NY: Tensor, weight_VY: Tensor, bias_V: Tensor, targets_N: Tensor, noise: Noise) -> Tensor:
    """Return the sampled softmax loss in nats, summed (Bengio & Senecal 2008), with one sample for all rows.

        loss = log(exp(s_target) + sum over the sample of exp(s_w) / (K q_w)) - s_target

    Samples that are equal to the target are left out, so that the sum estimates that of all other tokens without bias,
    and the loss approaches the cross-entropy over all tokens as K grows.
    """
    scores = _scores(r_NY, weight_VY, bias_V, targets_N, noise)
    hits_NS = scores.sample.tokens_S == targets_N[:, None]
    sample_NS = scores.sample_NS + (scores.sample.counts_S.log() - scores.expected_S)
    every = torch.cat([scores.targets_N[:, None], sample_NS.masked_fill(hits_NS, -math.inf)], dim=1)
    return (torch.logsumexp(every, dim=1) - scores.targets_N).sum()


def nce_loss(r_NY: Tensor, weight_VY: Tensor, bias_V: Tensor, targets_N: Tensor, noise: Noise) -> Tensor:
    """Return the loss of noise-contrastive estimation, summed, with one sample for all rows (Mnih & Teh 2012).

    It is that of a classifier between the target and K samples of noise. The logits are taken for logarithms of
    probabilities, without a normaliser, and so learn to be nearly normalised.
    """
    scores = _scores(r_NY, weight_VY, bias_V, targets_N, noise)
    noise_S = F.softplus(scores.sample_NS - scores.expected_S).sum(dim=0)
    return F.softplus(scores.expected_N - scores.targets_N).sum() + (noise_S * scores.sample.counts_S).sum()


def _scores(r_NY: Tensor, weight_VY: Tensor, bias_V: Tensor, targets_N: Tensor, noise: Noise) -> _Scores:
    sample, N = noise.draw(), len(targets_N)
    tokens = torch.cat([targets_N, sample.tokens_S])
    # One lookup, since each has a gradient of the size of the whole table.
    rows, biases = F.embedding(tokens, weight_VY), F.embedding(tokens, bias_V[:, None])[:, 0].float()
    expected = noise.log_expected_V[tokens]
    targets_N = (r_NY.float() * rows[:N].float()).sum(dim=1) + biases[:N]
    sample_NS = F.linear(r_NY, rows[N:]).float() + biases[N:]
    return _Scores(targets_N, expected[:N], sample_NS, expected[N:], sample)
