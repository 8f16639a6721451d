"""NgramBag: a linear model of the n-grams of a text, added to the logits of a recurrent classifier.

Every n-gram of tokens has an integer hash as its key. The keys of the training texts are stored in ascending order, so
that one binary search finds all n-grams of a batch.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from elman.data.rows import SequenceRows
from elman.data.vocabulary import UNKNOWN_ID

__all__ = ["NgramBag", "learn_bag"]

# Odd, so that multiplication modulo 2^64 is invertible; collisions are about as rare as with a good hash function.
_FACTOR = 0x9E3779B97F4A7C15 - 2**64


class NgramMatches(NamedTuple):
    """Known n-grams of a batch: the row of each, its index in the vocabulary, its first time step and its length."""

    rows: Tensor
    grams: Tensor
    steps: Tensor
    orders: Tensor


class NgramBag(nn.Module):
    """Sum of the weights of the known n-grams in a text; an n-gram that occurs several times counts once.

    Args:
        size: K, the number of known n-grams.
        outputs: C, the number of classes.
        order: the largest n; n-grams have 1 to `order` tokens.
    """

    keys_K: Tensor

    def __init__(self, size: int, outputs: int, order: int) -> None:
        super().__init__()
        self.order = order
        self.weight = nn.Parameter(torch.zeros(size, outputs))
        self.register_buffer("keys_K", torch.zeros(size, dtype=torch.int64))

    def find(self, tokens_BT: Tensor, lengths_B: Tensor | None) -> NgramMatches:
        """Find every occurrence of a known n-gram. N-grams with an unknown token are never known."""
        B, T = tokens_BT.shape
        device = tokens_BT.device
        lengths_B = torch.full((B,), T, device=device) if lengths_B is None else lengths_B.to(device)
        parts: list[NgramMatches] = []
        for order, keys_BT in enumerate(_keys(tokens_BT, self.order), 1):
            steps_T = torch.arange(keys_BT.shape[1], device=device)
            places_BT = torch.searchsorted(self.keys_K, keys_BT).clamp(max=len(self.keys_K) - 1)
            known_BT = (self.keys_K[places_BT] == keys_BT) & (steps_T + order <= lengths_B[:, None])
            rows, steps = known_BT.nonzero(as_tuple=True)
            parts.append(NgramMatches(rows, places_BT[known_BT], steps, torch.full_like(rows, order)))
        return NgramMatches(*(torch.cat(columns) for columns in zip(*parts, strict=True)))

    def forward(self, tokens_BT: Tensor, lengths_B: Tensor | None) -> Tensor:
        """Return the sums of the weights, `logits_BC`."""
        found = self.find(tokens_BT, lengths_B)
        size = len(self.keys_K)
        once = torch.unique(found.rows * size + found.grams)
        logits_BC = self.weight.new_zeros(len(tokens_BT), self.weight.shape[1])
        return logits_BC.index_add(0, once // size, F.embedding(once % size, self.weight))

    def shares(self, tokens_BT: Tensor, lengths_B: Tensor | None) -> Tensor:
        """Return the contribution of each time step to the logits, `B x T x C`.

        The weights of an n-gram are split evenly over its occurrences, and over the time steps of each.
        """
        found = self.find(tokens_BT, lengths_B)
        size, T = len(self.keys_K), tokens_BT.shape[1]
        _, place, count = torch.unique(found.rows * size + found.grams, return_inverse=True, return_counts=True)
        each = self.weight.detach()[found.grams] / (count[place] * found.orders)[:, None]
        shares = each.new_zeros(len(tokens_BT) * T, self.weight.shape[1])
        for ahead in range(self.order):
            covers = found.orders > ahead
            shares.index_add_(0, (found.rows * T + found.steps + ahead)[covers], each[covers])
        return shares.view(len(tokens_BT), T, -1)

    def start(self, keys_K: npt.NDArray[np.int64], weights_KC: npt.NDArray[np.float64]) -> None:
        """Set the n-grams and their initial weights."""
        with torch.no_grad():
            self.keys_K.copy_(torch.from_numpy(keys_K))
            self.weight.copy_(torch.from_numpy(weights_KC))


def _keys(tokens_BT: Tensor, order: int) -> list[Tensor]:
    """Return, for n = 1 to `order`, the keys of the n-grams that begin at each time step; 0 if a token is unknown."""
    found = []
    keys_BT = tokens_BT
    for n in range(1, min(order, tokens_BT.shape[1]) + 1):
        if n > 1:
            ends_BT = tokens_BT[:, n - 1 :]
            before_BT = keys_BT[:, : ends_BT.shape[1]]
            joined_BT = before_BT * _FACTOR + ends_BT
            known_BT = (before_BT != UNKNOWN_ID) & (ends_BT != UNKNOWN_ID)
            keys_BT = torch.where(known_BT, joined_BT, torch.zeros_like(joined_BT))
        found.append(keys_BT)
    return found


def learn_bag(
    rows: SequenceRows, truth_N: npt.NDArray[np.int64] | None, classes: int, order: int
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float64]]:
    """Return the keys of the n-grams of all rows, and their naive Bayes weights [K, C] (Wang & Manning 2012).

    A weight is log p minus its mean over the classes. Here p is the number of a class's texts that contain the n-gram,
    plus one, divided by the sum of these counts over all n-grams. Without `truth_N` all weights are zero.
    """
    pairs: list[npt.NDArray[np.int64]] = []
    for numbers, batch in rows.in_order(rows.chosen()):
        steps_T = torch.arange(batch.inputs_BT.shape[1])
        lengths_B = torch.from_numpy(rows.lengths[numbers])
        for n, keys_BT in enumerate(_keys(batch.inputs_BT, order), 1):
            real_BT = (steps_T[: keys_BT.shape[1]] + n <= lengths_B[:, None]) & (keys_BT != UNKNOWN_ID)
            where = real_BT.nonzero(as_tuple=True)[0].numpy()
            pairs.append(np.unique(np.stack([numbers[where], keys_BT[real_BT].numpy()], axis=1), axis=0))
    once = np.concatenate(pairs)  # still unique: a row's n-grams of one length are all in the same element of `pairs`
    keys_K, places = np.unique(once[:, 1], return_inverse=True)
    weights_KC = np.zeros((len(keys_K), classes))
    if truth_N is not None:
        counts_KC = np.ones((len(keys_K), classes))
        np.add.at(counts_KC, (places, truth_N[once[:, 0]]), 1)
        weights_KC = np.log(counts_KC / counts_KC.sum(axis=0))
        weights_KC -= weights_KC.mean(axis=1, keepdims=True)
    return keys_K, weights_KC
