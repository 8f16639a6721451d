"""Greedy CTC decoding (Graves et al. 2006): of whole sequences, or as a stream of frames.

At every frame a network gives a logit to each token and to the blank. A path has one symbol per frame; its text is the
path with repeated symbols merged and then blanks removed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import NamedTuple

import torch
from torch import Tensor

from elman.decode.candidates import as_scores
from elman.errors import ConfigError, ShapeError, TrainingError

__all__ = ["CtcGreedyStream", "CtcLogits", "CtcPath", "check_blank", "ctc_greedy"]


class CtcLogits(NamedTuple):
    """Output of a CTC network: `logits_BTV` of tokens and blank, and the number of valid steps of each row."""

    logits_BTV: Tensor
    lengths_B: Tensor


@dataclass(frozen=True)
class CtcPath:
    """The most likely path.

    tokens           token ids of its text
    spans            for each token, the first frame of its run and the frame after the last
    log_probability  natural logarithm of the probability of this path alone, at most that of its text
    """

    tokens: tuple[int, ...]
    spans: tuple[tuple[int, int], ...]
    log_probability: float


def check_blank(blank: int, columns: int) -> None:
    """Raise ConfigError unless `blank` is the index of a column."""
    if not 0 <= blank < columns:
        raise ConfigError(f"expected a blank from 0 to {columns - 1}. Received: {blank}")


@torch.no_grad()
def ctc_greedy(
    logits_BTV: Tensor, lengths_B: Tensor | None = None, blank: int = 0, banned: Sequence[int] = ()
) -> list[CtcPath]:
    """Return the most likely path of each row, over its first `lengths_B` frames; later frames are ignored.

    The symbols `banned` are never chosen; the probabilities of the others are not renormalised.

    Raises ShapeError or ConfigError for invalid arguments, TrainingError for logits that are NaN or +inf.
    """
    if logits_BTV.dim() != 3 or not logits_BTV.shape[2]:
        raise ShapeError(f"expected logits_BTV of rows, frames and tokens. Received: shape {tuple(logits_BTV.shape)}")
    B, T, V = logits_BTV.shape
    check_blank(blank, V)
    _check_banned(banned, blank, V)
    lengths = [T] * B if lengths_B is None else lengths_B.tolist()
    if len(lengths) != B or any(not 0 <= length <= T for length in lengths):
        raise ShapeError(f"expected {B} lengths from 0 to {T} in lengths_B. Received: {lengths}")
    best_BT, chosen_BT = _most_likely(logits_BTV, banned)
    real_BT = torch.arange(T)[None] < torch.tensor(lengths, dtype=torch.int64)[:, None]
    _check_scores(best_BT[real_BT])
    sums = best_BT.double().masked_fill(~real_BT, 0.0).sum(dim=1).tolist()
    paths = []
    for symbols, length, total in zip(chosen_BT.tolist(), lengths, sums, strict=True):
        runs = _runs(symbols[:length])
        tokens = [(symbol, (first, after)) for symbol, first, after in runs if symbol != blank]
        paths.append(CtcPath(tuple(s for s, _ in tokens), tuple(span for _, span in tokens), total))
    return paths


def _most_likely(logits: Tensor, banned: Sequence[int]) -> tuple[Tensor, Tensor]:
    """Return the log-probability and the index of the most likely symbol of each frame, on the CPU."""
    scores = as_scores(logits)
    allowed = scores
    if banned:
        allowed = scores.index_fill(-1, torch.tensor(list(banned), device=scores.device), -torch.inf)
    most, chosen = allowed.max(dim=-1)
    return (most - scores.logsumexp(dim=-1)).cpu(), chosen.cpu()


def _check_banned(banned: Sequence[int], blank: int, columns: int) -> None:
    if any(not 0 <= symbol < columns or symbol == blank for symbol in banned):
        raise ConfigError(
            f"expected banned symbols from 0 to {columns - 1} without the blank, {blank}. Received: {tuple(banned)}"
        )


def _check_scores(log_probabilities: Tensor) -> None:
    if bool(log_probabilities.isnan().any()):
        raise TrainingError(
            "expected finite logits for every frame; the network's weights are damaged. Received: nan or inf"
        )


def _runs(symbols: list[int]) -> list[tuple[int, int, int]]:
    """Return the runs of equal symbols: the symbol, the first frame, and the frame after the last."""
    runs, first = [], 0
    for symbol, run in groupby(symbols):
        after = first + len(list(run))
        runs.append((symbol, first, after))
        first = after
    return runs


class CtcGreedyStream:
    """Greedy CTC decoding of a stream of frames: the tokens of all pushes together are those of `ctc_greedy`.

    The symbol of the last frame is kept, because a run may continue in the next push. A token is returned at the first
    frame of its run.
    """

    def __init__(self, blank: int = 0, banned: Sequence[int] = ()) -> None:
        self.blank = blank
        self.banned = tuple(banned)
        self.last: int | None = None
        self.frames = 0
        self.log_probability = 0.0

    @torch.no_grad()
    def push(self, logits_TV: Tensor) -> tuple[int, ...]:
        """Process frames and return the tokens that begin in them.

        Raises ShapeError or ConfigError for invalid arguments, TrainingError for logits that are NaN or +inf.
        """
        if logits_TV.dim() != 2 or not logits_TV.shape[1]:
            raise ShapeError(f"expected logits_TV of frames and tokens. Received: shape {tuple(logits_TV.shape)}")
        check_blank(self.blank, logits_TV.shape[1])
        _check_banned(self.banned, self.blank, logits_TV.shape[1])
        best_T, chosen_T = _most_likely(logits_TV, self.banned)
        _check_scores(best_T)
        tokens = []
        for symbol in chosen_T.tolist():
            if symbol not in (self.blank, self.last):
                tokens.append(symbol)
            self.last = symbol
        self.frames += len(best_T)
        self.log_probability += float(best_T.double().sum())
        return tuple(tokens)
