"""Bookkeeping of a search: the back pointers of its steps, and the hypotheses that have ended."""

from __future__ import annotations

from dataclasses import dataclass, field

import torch
from torch import Tensor

from elman.decode.search import Hypothesis

__all__ = ["FinishedHypotheses", "SearchHistory"]


@dataclass
class FinishedHypotheses:
    """The best K ended hypotheses of each of N sentences, best first.

    scores_NK             values by which they are ranked; -inf in empty places
    log_probabilities_NK  of the tokens and the end
    steps_NK              step at which the hypothesis ended, which is its number of tokens; -1 in empty places
    slots_NK              index of the hypothesis at that step
    natural_NK            whether the search chose the end, rather than the length limit
    """

    scores_NK: Tensor
    log_probabilities_NK: Tensor
    steps_NK: Tensor
    slots_NK: Tensor
    natural_NK: Tensor

    @staticmethod
    def none(rows: int, n_best: int, device: torch.device) -> FinishedHypotheses:
        """Return an object without hypotheses."""
        nothing = torch.full((rows, n_best), -torch.inf, device=device)
        numbers = torch.full((rows, n_best), -1, device=device)
        return FinishedHypotheses(nothing, nothing.clone(), numbers, numbers.clone(), numbers > 0)

    def add(
        self, live_B: Tensor, step: int, scores_BK: Tensor, totals_BK: Tensor, natural_BK: Tensor, ending_BK: Tensor
    ) -> None:
        """Add the hypotheses of sentences `live_B` selected by `ending_BK`, and keep the best `n_best`."""
        n_best = self.scores_NK.shape[1]
        # A hypothesis with probability 0 still ranks above an empty place.
        scores_BK = scores_BK.float().clamp(min=torch.finfo(torch.float32).min).masked_fill(~ending_BK, -torch.inf)
        slots_BK = torch.arange(scores_BK.shape[1], device=scores_BK.device).expand_as(scores_BK)
        best = torch.cat([self.scores_NK[live_B], scores_BK], dim=1).topk(n_best, dim=1)
        self.scores_NK[live_B] = best.values
        for known_NK, new_BK in (
            (self.log_probabilities_NK, totals_BK.float()),
            (self.steps_NK, torch.where(ending_BK, step, -1)),
            (self.slots_NK, slots_BK),
            (self.natural_NK, natural_BK),
        ):
            known_NK[live_B] = torch.cat([known_NK[live_B], new_BK], dim=1).gather(1, best.indices)


@dataclass
class SearchHistory:
    """The steps of a search over N sentences.

    Each step has the sentences that were unfinished and their attention and, for those that continue, the added tokens
    and the indices of the hypotheses that these extend.
    """

    rows: int
    _weights: list[tuple[Tensor, Tensor] | None] = field(default_factory=list)
    _extensions: list[tuple[Tensor, Tensor, Tensor]] = field(default_factory=list)

    @property
    def steps(self) -> int:
        """Number of steps so far."""
        return len(self._extensions)

    def add(
        self, live_B: Tensor, weights_BKS: Tensor | None, kept: Tensor, tokens_BK: Tensor, slots_BK: Tensor
    ) -> None:
        """Add a step; `kept` are the indices into `live_B` of the rows of `tokens_BK` and `slots_BK`."""
        self._weights.append(None if weights_BKS is None else (live_B, weights_BKS))
        self._extensions.append((live_B[kept], tokens_BK, slots_BK))

    def hypotheses(self, ended: FinishedHypotheses, lengths_N: Tensor | None) -> list[list[Hypothesis]]:
        """Build the ended hypotheses: tokens and, if it was recorded, attention up to the lengths `lengths_N`."""
        steps_NK, slots_NK = ended.steps_NK, ended.slots_NK
        most = max(int(steps_NK.max()), 0)
        tokens_NKT = steps_NK.new_zeros(*steps_NK.shape, most)
        attended: list[Tensor] = []
        for step in reversed(range(most)):
            live_B, tokens_BK, from_BK = self._extensions[step]
            place_N1 = _places(live_B, self.rows)[:, None]
            # Hypotheses without this step read a placeholder value that is not used.
            on_NK = steps_NK > step
            slot_NK = torch.where(on_NK, slots_NK, 0)
            tokens_NKT[:, :, step] = tokens_BK[place_N1, slot_NK]
            slots_NK = torch.where(on_NK, from_BK[place_N1, slot_NK], slots_NK)
            weights = self._weights[step]
            if weights is not None:
                seen_B, weights_BKS = weights
                slot_NK = torch.where(on_NK, slots_NK, 0)
                attended.append(weights_BKS[_places(seen_B, self.rows)[:, None], slot_NK].float().cpu())
        weights_NKTS = None
        if self._weights and self._weights[0] is not None:
            seen = self._weights[0][1]
            weights_NKTS = (
                torch.stack(attended[::-1], dim=2) if attended else torch.zeros(*steps_NK.shape, 0, seen.shape[2])
            )
        return _hypotheses(ended, tokens_NKT, weights_NKTS, lengths_N)


def _places(live_B: Tensor, rows: int) -> Tensor:
    """Return the index of each of `rows` sentences in `live_B`; 0 for those that are not in it."""
    place_N = live_B.new_zeros(rows)
    place_N[live_B] = torch.arange(len(live_B), device=live_B.device)
    return place_N


def _hypotheses(
    ended: FinishedHypotheses, tokens_NKT: Tensor, weights_NKTS: Tensor | None, lengths_N: Tensor | None
) -> list[list[Hypothesis]]:
    # Elements of lists are much faster to read than elements of tensors.
    steps, tokens = ended.steps_NK.tolist(), tokens_NKT.tolist()
    scores, totals = ended.scores_NK.tolist(), ended.log_probabilities_NK.tolist()
    natural = ended.natural_NK.tolist()
    lengths = None if lengths_N is None else lengths_N.tolist()
    least = torch.finfo(torch.float32).min
    results: list[list[Hypothesis]] = []
    for row, row_steps in enumerate(steps):
        found = []
        for k, count in enumerate(row_steps):
            if count < 0:
                continue
            attention = None
            if weights_NKTS is not None:
                until = weights_NKTS.shape[3] if lengths is None else lengths[row]
                attention = weights_NKTS[row, k, :count, :until].clone()
            score = scores[row][k] if scores[row][k] > least else float("-inf")
            found.append(Hypothesis(tuple(tokens[row][k][:count]), score, totals[row][k], attention, natural[row][k]))
        results.append(found)
    return results
