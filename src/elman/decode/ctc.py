"""The likeliest path of CTC outputs (Graves et al. 2006): whole, or piece by piece as frames come in.

At every frame a network gives a score to each token and to the blank. A path has one of them a frame; its text is what
is left when runs of the same are made one and blanks are taken out. Knows nothing about networks or vocabularies.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import groupby
from typing import NamedTuple

import torch
from torch import Tensor

from elman.decode.candidates import as_scores
from elman.errors import ConfigError, ShapeError, TrainingError

__all__ = ["CtcGreedyStream", "CtcPath", "Scores", "check_blank", "ctc_greedy"]


class Scores(NamedTuple):
    """What a network says: `logits_BTV` of every step's token or blank, and the steps that are real in each row."""

    logits_BTV: Tensor
    lengths_B: Tensor


@dataclass(frozen=True)
class CtcPath:
    """The likeliest path.

    tokens           its text
    spans            of every token the first frame of its run and the frame after the last
    log_probability  natural logarithm of the probability of this one path, which is less than that of its text
    """

    tokens: tuple[int, ...]
    spans: tuple[tuple[int, int], ...]
    log_probability: float


def check_blank(blank: int, columns: int) -> None:
    """Raise ConfigError unless `blank` is one of the columns."""
    if not 0 <= blank < columns:
        raise ConfigError(f"expected a blank from 0 to {columns - 1}. Received: {blank}")


@torch.no_grad()
def ctc_greedy(logits_BTV: Tensor, lengths_B: Tensor | None = None, blank: int = 0) -> list[CtcPath]:
    """The likeliest path of each row, over its first `lengths_B` frames; what stands beyond does not matter.

    Raises ShapeError or ConfigError for arguments that do not fit, TrainingError for scores that are NaN or +inf.
    """
    if logits_BTV.dim() != 3 or not logits_BTV.shape[2]:
        raise ShapeError(f"expected logits_BTV of rows, frames and tokens. Received: shape {tuple(logits_BTV.shape)}")
    B, T, V = logits_BTV.shape
    check_blank(blank, V)
    lengths = [T] * B if lengths_B is None else lengths_B.tolist()
    if len(lengths) != B or any(not 0 <= length <= T for length in lengths):
        raise ShapeError(f"expected {B} lengths from 0 to {T} in lengths_B. Received: {lengths}")
    best_BT, chosen_BT = _best(logits_BTV)
    counts_BT = torch.arange(T)[None] < torch.tensor(lengths, dtype=torch.int64)[:, None]
    _check_scores(best_BT[counts_BT])
    sums = best_BT.double().masked_fill(~counts_BT, 0.0).sum(dim=1).tolist()
    answers = []
    for symbols, length, total in zip(chosen_BT.tolist(), lengths, sums, strict=True):
        runs = _runs(symbols[:length])
        texts = [(symbol, (first, after)) for symbol, first, after in runs if symbol != blank]
        answers.append(CtcPath(tuple(s for s, _ in texts), tuple(span for _, span in texts), total))
    return answers


def _best(logits: Tensor) -> tuple[Tensor, Tensor]:
    """The log-probability and the number of the likeliest symbol of each frame, on the CPU."""
    most, chosen = as_scores(logits).max(dim=-1)
    return (most - as_scores(logits).logsumexp(dim=-1)).cpu(), chosen.cpu()


def _check_scores(log_probabilities: Tensor) -> None:
    if bool(log_probabilities.isnan().any()):
        raise TrainingError(
            "expected the network to score every frame with numbers; its weights are damaged. Received: nan or inf"
        )


def _runs(symbols: list[int]) -> list[tuple[int, int, int]]:
    """Each run of the same symbol: the symbol, its first frame, and the frame after its last."""
    runs, first = [], 0
    for symbol, run in groupby(symbols):
        after = first + len(list(run))
        runs.append((symbol, first, after))
        first = after
    return runs


class CtcGreedyStream:
    """The likeliest path while frames come in: the tokens of all pushes together are those of `ctc_greedy`.

    It carries the symbol of the last frame, since a run may go on in the next piece. A token is certain at the first
    frame of its run.
    """

    def __init__(self, blank: int = 0) -> None:
        self.blank = blank
        self.last: int | None = None
        self.frames = 0
        self.log_probability = 0.0

    @torch.no_grad()
    def push(self, logits_TV: Tensor) -> tuple[int, ...]:
        """Take in frames, and give the tokens that begin in them.

        Raises ShapeError or ConfigError for arguments that do not fit, TrainingError for scores that are NaN or +inf.
        """
        if logits_TV.dim() != 2 or not logits_TV.shape[1]:
            raise ShapeError(f"expected logits_TV of frames and tokens. Received: shape {tuple(logits_TV.shape)}")
        check_blank(self.blank, logits_TV.shape[1])
        best_T, chosen_T = _best(logits_TV)
        _check_scores(best_T)
        tokens = []
        for symbol in chosen_T.tolist():
            if symbol not in (self.blank, self.last):
                tokens.append(symbol)
            self.last = symbol
        self.frames += len(best_T)
        self.log_probability += float(best_T.double().sum())
        return tuple(tokens)
