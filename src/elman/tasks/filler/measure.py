"""How well a filler predicts the words of a text: sums over words, and the loss of each word."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from elman.data.segments import TokenSegments
from elman.data.vocabulary import UNKNOWN_ID
from elman.kernels import threads_for
from elman.metrics.perplexity import perplexity
from elman.state import IGNORE_INDEX
from elman.tasks.filler.network import FillerNetwork

__all__ = ["WordCounts", "batch_steps", "measure", "word_nats"]

# Segments of a batch, its time steps with padding, and about how many logits are in memory at a time.
_ROWS, _STEPS, _MAX_LOGITS = 128, 8192, 1 << 26
# Rows whose probabilities are computed together, while they are in the processor's cache.
_BLOCK = 64
# The rank among all words up to which an answer counts in the second accuracy.
_TOP = 5


class WordCounts(NamedTuple):
    """Sums over predicted words; a word that is not in the vocabulary counts as the unknown word."""

    nats: float = 0.0
    words: int = 0
    right: int = 0
    among_top: int = 0
    unknown: int = 0
    unknown_nats: float = 0.0

    def metrics(self) -> dict[str, float]:
        """Return loss, perplexity, both accuracies, and the perplexity without unknown words."""
        words, known = max(self.words, 1), max(self.words - self.unknown, 1)
        loss = self.nats / words
        return {
            "loss": loss,
            "perplexity": perplexity(loss),
            "accuracy": self.right / words,
            f"top{_TOP}_accuracy": self.among_top / words,
            "unknown_share": self.unknown / words,
            "perplexity_known": perplexity((self.nats - self.unknown_nats) / known),
            "words": self.words,
        }


def batch_steps(vocabulary_size: int) -> int:
    """Return the time steps of a batch, of which not too many logits are in memory together."""
    return max(1, min(_STEPS, _MAX_LOGITS // vocabulary_size))


def measure(
    model: FillerNetwork, text: TokenSegments, limit: int = 0, progress: Callable[[float], None] | None = None
) -> WordCounts:
    """Return the sums over the first `limit` words of a text (0: all)."""
    sums = np.zeros(len(WordCounts._fields))
    for _, logits_NV, targets_N in _predictions(model, text, limit):
        nats_N, ranks_N = _nats_and_ranks(logits_NV, targets_N)
        unknown_N = targets_N == UNKNOWN_ID
        found = (
            nats_N.sum(),
            len(targets_N),
            (ranks_N == 0).sum(),
            (ranks_N < _TOP).sum(),
            unknown_N.sum(),
            nats_N[unknown_N].sum(),
        )
        sums += np.array([float(each) for each in found])
        if progress is not None:
            progress(min(1.0, sums[1] / max(text.limit, 1)))
    nats, words, right, among_top, unknown, unknown_nats = sums.tolist()
    return WordCounts(nats, int(words), int(right), int(among_top), int(unknown), unknown_nats)


def word_nats(model: FillerNetwork, text: TokenSegments, limit: int = 0) -> npt.NDArray[np.float64]:
    """Return the loss of each of the first `limit` words of a text (0: all), in order."""
    places, nats = [np.zeros(0, np.int64)], [np.zeros(0)]
    for places_N, logits_NV, targets_N in _predictions(model, text, limit):
        places.append(places_N)
        nats.append(_nats_and_ranks(logits_NV, targets_N)[0].cpu().numpy())
    return np.concatenate(nats)[np.argsort(np.concatenate(places))]


def _nats_and_ranks(logits_NV: Tensor, targets_N: Tensor) -> tuple[Tensor, Tensor]:
    """Return the loss of each target in float64, and how many words have a larger logit, a few rows at a time."""
    nats, ranks = [], []
    for block_NV, block_N in zip(logits_NV.split(_BLOCK), targets_N.split(_BLOCK), strict=True):
        right_N1 = block_NV.gather(1, block_N[:, None])
        nats.append((block_NV.logsumexp(dim=1) - right_N1[:, 0]).double())
        ranks.append((block_NV > right_N1).sum(dim=1))
    return torch.cat(nats), torch.cat(ranks)


def _predictions(
    model: FillerNetwork, text: TokenSegments, limit: int
) -> Iterator[tuple[npt.NDArray[np.int64], Tensor, Tensor]]:
    """Yield for each batch the places of its targets in the text, their logits, and the targets."""
    device = model.head.weight.device
    with torch.no_grad():
        for places_N, batch in text.batches(limit, rows=_ROWS, steps=batch_steps(model.head.out_features)):
            targets_BT = batch.targets_BT.to(device)
            asked_BT = targets_BT != IGNORE_INDEX
            with threads_for(batch.rows, model):
                logits_NV = model(batch.inputs_BT.to(device), batch.lengths_B, asked_BT)
            yield places_N, logits_NV if logits_NV.dtype == torch.float64 else logits_NV.float(), targets_BT[asked_BT]
