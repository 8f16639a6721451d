"""NgramBag: a linear model of the n-grams of a text, added to the logits of a recurrent classifier.

Every n-gram of tokens, or of characters within a word, has an integer hash as its key. The keys of the training texts
are stored in ascending order, so that one binary search finds all n-grams of a batch.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from elman.data.examples.word_characters import FACTOR, TextInputs
from elman.data.rows import SequenceRows
from elman.data.vocabulary import UNKNOWN_ID

__all__ = ["Grams", "LeaveOneOut", "NgramBag", "count_grams", "learn_bag"]


class NgramMatches(NamedTuple):
    """Known n-grams of a batch: the row of each, its index in the vocabulary, its first time step and its length."""

    rows: Tensor
    grams: Tensor
    steps: Tensor
    orders: Tensor


class Grams(NamedTuple):
    """The distinct n-grams of N texts, each counted once for a text.

    keys_K    their keys, in ascending order
    group_K   n - 1 for n-grams of tokens, `order` for those of characters
    texts_P   the text of each occurrence
    places_P  the index of its n-gram
    order     the most tokens of an n-gram
    """

    keys_K: npt.NDArray[np.int64]
    group_K: npt.NDArray[np.int64]
    texts_P: npt.NDArray[np.int64]
    places_P: npt.NDArray[np.int64]
    order: int


class LeaveOneOut(NamedTuple):
    """How the weights of n-grams change if one text of a class is not counted.

    shared_K  whether more than one text has the n-gram; others are unknown without their text
    own_KC    what is added to the weight of the class of the text
    """

    shared_K: npt.NDArray[np.bool_]
    own_KC: npt.NDArray[np.float64]


class NgramBag(nn.Module):
    """Sum of the weights of the known n-grams in a text; an n-gram that occurs several times counts once.

    Args:
        size: K, the number of known n-grams.
        outputs: C, the number of classes.
        order: the largest n; n-grams have 1 to `order` tokens. 0 for n-grams of characters only.

        fixed: whether the weights are those of naive Bayes and not trained, but for one factor of all.

    With `leave_out`, the weights of a text do not count the text itself in training. Otherwise its rare n-grams show
    its class, and nothing is left to learn.
    """

    keys_K: Tensor
    shared_K: Tensor
    own_KC: Tensor

    def __init__(self, size: int, outputs: int, order: int, *, fixed: bool = False) -> None:
        super().__init__()
        self.order = order
        self.weight = nn.Parameter(torch.zeros(size, outputs))
        self.register_buffer("keys_K", torch.zeros(size, dtype=torch.int64))
        self.gain = nn.Parameter(torch.ones(())) if fixed else None

    def find(self, inputs: Tensor | TextInputs, lengths_B: Tensor | None) -> NgramMatches:
        """Find every occurrence of a known n-gram. N-grams with an unknown token are never known."""
        tokens_BT = inputs if isinstance(inputs, Tensor) else inputs.tokens_BT
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
        if not isinstance(inputs, Tensor):
            places_G = torch.searchsorted(self.keys_K, inputs.keys_G).clamp(max=len(self.keys_K) - 1)
            known_G = self.keys_K[places_G] == inputs.keys_G
            columns = (inputs.rows_G, places_G, inputs.steps_G, inputs.widths_G)
            parts.append(NgramMatches(*(column[known_G] for column in columns)))
        return NgramMatches(*(torch.cat(columns) for columns in zip(*parts, strict=True)))

    def forward(self, inputs: Tensor | TextInputs, lengths_B: Tensor | None, own_B: Tensor | None = None) -> Tensor:
        """Return the sums of the weights, `logits_BC`; of training texts, `own_B` has the classes."""
        found = self.find(inputs, lengths_B)
        size, rows = len(self.keys_K), len(inputs if isinstance(inputs, Tensor) else inputs.tokens_BT)
        once = torch.unique(found.rows * size + found.grams)
        logits_BC = self.weight.new_zeros(rows, self.weight.shape[1])
        if self.gain is None:
            return logits_BC.index_add(0, once // size, F.embedding(once % size, self.weight))
        if own_B is not None:
            once = once[self.shared_K[once % size]]
        rows_P, grams_P = once // size, once % size
        logits_BC = logits_BC.index_add(0, rows_P, F.embedding(grams_P, self.weight.detach()))
        if own_B is not None:
            own_P = own_B[rows_P]
            logits_BC = logits_BC.index_put((rows_P, own_P), self.own_KC[grams_P, own_P], accumulate=True)
        return self.gain * logits_BC

    def shares(self, inputs: Tensor | TextInputs, lengths_B: Tensor | None) -> Tensor:
        """Return the contribution of each time step to the logits, `B x T x C`.

        The weights of an n-gram are split evenly over its occurrences, and over the time steps of each.
        """
        found = self.find(inputs, lengths_B)
        tokens_BT = inputs if isinstance(inputs, Tensor) else inputs.tokens_BT
        size, T = len(self.keys_K), tokens_BT.shape[1]
        _, place, count = torch.unique(found.rows * size + found.grams, return_inverse=True, return_counts=True)
        each = self.weight.detach()[found.grams] / (count[place] * found.orders)[:, None]
        if self.gain is not None:
            each = self.gain.detach() * each
        shares = each.new_zeros(len(tokens_BT) * T, self.weight.shape[1])
        for ahead in range(int(found.orders.max()) if len(found.orders) else 0):
            covers = found.orders > ahead
            shares.index_add_(0, (found.rows * T + found.steps + ahead)[covers], each[covers])
        return shares.view(len(tokens_BT), T, -1)

    def start(self, keys_K: npt.NDArray[np.int64], weights_KC: npt.NDArray[np.float64]) -> None:
        """Set the n-grams and their initial weights."""
        with torch.no_grad():
            self.keys_K.copy_(torch.from_numpy(keys_K))
            self.weight.copy_(torch.from_numpy(weights_KC))

    def leave_out(self, learnt: LeaveOneOut) -> None:
        """From now on, train with weights that do not count the text itself."""
        self.register_buffer("shared_K", torch.from_numpy(learnt.shared_K).to(self.weight.device), persistent=False)
        self.register_buffer("own_KC", torch.from_numpy(learnt.own_KC).to(self.weight), persistent=False)


def _keys(tokens_BT: Tensor, order: int) -> list[Tensor]:
    """Return, for n = 1 to `order`, the keys of the n-grams that begin at each time step; 0 if a token is unknown."""
    found = []
    keys_BT = tokens_BT
    for n in range(1, min(order, tokens_BT.shape[1]) + 1):
        if n > 1:
            ends_BT = tokens_BT[:, n - 1 :]
            before_BT = keys_BT[:, : ends_BT.shape[1]]
            joined_BT = before_BT * FACTOR + ends_BT
            known_BT = (before_BT != UNKNOWN_ID) & (ends_BT != UNKNOWN_ID)
            keys_BT = torch.where(known_BT, joined_BT, torch.zeros_like(joined_BT))
        found.append(keys_BT)
    return found


def count_grams(rows: SequenceRows, order: int) -> Grams:
    """Return the n-grams of all rows."""
    found = [(group, _distinct(pairs)) for group, pairs in _pairs(rows, order)]
    # Pairs are still unique: a row's n-grams of one length, or of characters, are all in the same element of the list.
    once = np.concatenate([np.zeros((0, 2), np.int64), *(pairs for _, pairs in found)])
    groups_P = np.repeat([group for group, _ in found], [len(pairs) for _, pairs in found])
    keys_K, firsts_K, places_P = np.unique(once[:, 1], return_index=True, return_inverse=True)
    return Grams(keys_K, groups_P[firsts_K].astype(np.int64), once[:, 0], places_P, order)


def _distinct(pairs: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Return each pair once. One number stands for both of a pair, since that is sorted many times faster."""
    _, firsts = np.unique(pairs[:, 1] * FACTOR + pairs[:, 0], return_index=True)
    return pairs[firsts]


def _pairs(rows: SequenceRows, order: int) -> Iterator[tuple[int, npt.NDArray[np.int64]]]:
    """Yield the group, and pairs of the row and the key of each n-gram: for every length, and for characters."""
    for numbers, batch in rows.in_order(rows.chosen()):
        inputs = batch.inputs_BT
        tokens_BT = inputs if isinstance(inputs, Tensor) else inputs.tokens_BT
        steps_T = torch.arange(tokens_BT.shape[1])
        lengths_B = torch.from_numpy(rows.lengths[numbers])
        for n, keys_BT in enumerate(_keys(tokens_BT, order), 1):
            real_BT = (steps_T[: keys_BT.shape[1]] + n <= lengths_B[:, None]) & (keys_BT != UNKNOWN_ID)
            where = real_BT.nonzero(as_tuple=True)[0].numpy()
            yield n - 1, np.stack([numbers[where], keys_BT[real_BT].numpy()], axis=1)
        if not isinstance(inputs, Tensor):
            yield order, np.stack([numbers[inputs.rows_G.numpy()], inputs.keys_G.numpy()], axis=1)


def learn_bag(grams: Grams, truth_N: npt.NDArray[np.int64] | None, classes: int) -> npt.NDArray[np.float64]:
    """Return the naive Bayes weights [K, C] of n-grams (Wang & Manning 2012).

    A weight is log p minus its mean over the classes. Here p is the number of a class's texts that contain the n-gram,
    plus one, divided by the sum of these counts over all n-grams of tokens, or of characters. Without `truth_N` all
    weights are zero.
    """
    weights_KC = np.zeros((len(grams.keys_K), classes))
    if truth_N is not None:
        counts_KC = np.ones((len(grams.keys_K), classes))
        np.add.at(counts_KC, (grams.places_P, truth_N[grams.texts_P]), 1)
        of_tokens = grams.group_K < grams.order
        for chosen in (of_tokens, ~of_tokens):
            weights_KC[chosen] = np.log(counts_KC[chosen] / counts_KC[chosen].sum(axis=0))
        weights_KC -= weights_KC.mean(axis=1, keepdims=True)
    return weights_KC
