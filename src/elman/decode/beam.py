"""Beam search: the best hypotheses of each sentence, for a batch of sentences at once.

At every step each hypothesis of a sentence is extended by every token, and the `beams` most likely extensions that do
not end are continued. An extension by the end token is stored as ended if it is among the `beams` most likely of all
extensions, ended ones included. The results are the best of the ended hypotheses.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

import torch
from torch import Tensor

from elman.decode.candidates import as_scores, extend
from elman.decode.search import (
    Advance,
    Hypothesis,
    SearchStep,
    check_batch,
    check_search_step,
    check_tokens,
    take_rows,
)
from elman.decode.search_history import FinishedHypotheses, SearchHistory
from elman.errors import ConfigError
from elman.former import former_attributes
from elman.state import State

__all__ = ["BeamOptions", "beam_search", "length_divisor"]

__getattr__ = former_attributes(__name__, {"Beam": "BeamOptions"})


@dataclass(frozen=True)
class BeamOptions:
    """Options of a beam search; the penalties are those of Wu et al. 2016.

        score = (log_probability + added + bonus * (n - 1)) / ((5 + n) / 6) ** length_penalty
              + coverage_penalty * sum over source steps s of log(min(attention that s received, 1))

    where n is the number of tokens including the end, attention is summed over these n steps, and `added` is the sum of
    what the steps add (`SearchStep.added_BKV`), as for shallow fusion. The penalties apply to hypotheses that have
    ended; unfinished ones all have the same length and are compared by log-probability and what is added.

    beams             hypotheses of a sentence that are kept at each step
    n_best            hypotheses of a sentence that are returned, best first
    length_penalty    0 and above; higher values favour longer hypotheses
    coverage_penalty  0 and above; higher values favour hypotheses that attend to all of the source
    bonus             added for each token but the end
    stop              "exact": a sentence is done when no unfinished hypothesis can reach the score of its `n_best`;
                      "enough": it is also done when `beams` hypotheses have ended before the limit, which is faster
    """

    beams: int = 5
    n_best: int = 1
    length_penalty: float = 1.0
    coverage_penalty: float = 0.0
    bonus: float = 0.0
    stop: Literal["exact", "enough"] = "exact"

    def __post_init__(self) -> None:
        """Raise ConfigError for a value that cannot be used."""
        whole = all(isinstance(value, int) and not isinstance(value, bool) for value in (self.beams, self.n_best))
        checks = (
            (whole and self.beams >= 1, "beams to be a whole number from 1", self.beams),
            (whole and 1 <= self.n_best <= self.beams, f"n_best to be from 1 to beams, {self.beams}", self.n_best),
            (0.0 <= self.length_penalty < float("inf"), "length_penalty to be 0 or more", self.length_penalty),
            (0.0 <= self.coverage_penalty < float("inf"), "coverage_penalty to be 0 or more", self.coverage_penalty),
            (abs(self.bonus) < float("inf"), "bonus to be a number", self.bonus),
            (self.stop in ("exact", "enough"), 'stop to be "exact" or "enough"', self.stop),
        )
        for holds, expected, received in checks:
            if not holds:
                raise ConfigError(f"expected {expected}. Received: {received!r}")


def length_divisor(length: Tensor, penalty: float) -> Tensor:
    """Return the divisor of a log-probability, ((5 + n) / 6) ** penalty (Wu et al. 2016)."""
    return ((5.0 + length) / 6.0) ** penalty


@torch.no_grad()
def beam_search(
    advance: Advance,
    state: State,
    memory: State,
    *,
    rows: int,
    start: int,
    end: int,
    limits_B: Sequence[int] | Tensor,
    options: BeamOptions,
    banned: Sequence[int] = (),
    min_length: int = 0,
    lengths_B: Tensor | None = None,
    attention: bool = False,
) -> list[list[Hypothesis]]:
    """Return the `options.n_best` best hypotheses of each of `rows` sentences, best first.

    state, memory  of one hypothesis per sentence: `rows` rows in every leaf; () for an empty state or memory
    start          id of the token before the first one
    limits_B       maximum number of tokens of each sentence, excluding the end. A hypothesis of this length is ended
                   there, with the log-probability that the network gives to the end; `finished` is False unless
                   that end was among the most likely extensions
    banned         ids of tokens that are never chosen; the probabilities of the others are not renormalised
    min_length     number of tokens before which a hypothesis does not end; at most the limits
    lengths_B      steps of each source: attention to later steps is left out of the coverage and of `attention`
    attention      return the attention weights of every hypothesis

    A sentence has fewer hypotheses if no more exist, and none only if every continuation has probability 0. Finished
    sentences are removed from the batch. The result of a sentence does not depend on the others in the batch.

    Raises ShapeError or ConfigError for invalid arguments, TrainingError for logits that are NaN or +inf.
    """
    check_tokens(start, end, banned)
    device, limits_B, lengths_B = check_batch(state, memory, rows, limits_B, lengths_B, min_length)
    if not rows:
        return []
    search = _BeamState(options, end, tuple(banned), min_length, limits_B, lengths_B, attention)
    live_B = torch.arange(rows, device=device)
    tokens_BK = torch.full((rows, 1), start, device=device)
    totals_BK = torch.zeros(rows, 1, device=device)
    while len(live_B):
        output = advance(tokens_BK, state, memory)
        check_search_step(output, tokens_BK, end)
        chosen, kept = search.step(live_B, output, totals_BK)
        first_B1 = torch.arange(len(live_B), device=device)[:, None] * tokens_BK.shape[1]
        tokens_BK, totals_BK, live_B = chosen.tokens_BK, chosen.totals_BK, live_B[kept]
        state = take_rows(output.state, (first_B1[kept] + chosen.slots_BK).flatten())
        memory = take_rows(memory, kept) if len(kept) < len(first_B1) else memory
    return search.history.hypotheses(search.ended, lengths_B)


class _Continuations(NamedTuple):
    """The unfinished hypotheses of the unfinished sentences."""

    tokens_BK: Tensor
    slots_BK: Tensor
    totals_BK: Tensor


class _BeamState:
    """State of a running search.

    In shapes, B are the unfinished sentences, and N all sentences; in `scores_BN`, N are extensions of one sentence.
    """

    def __init__(
        self,
        options: BeamOptions,
        end: int,
        banned: tuple[int, ...],
        min_length: int,
        limits_N: Tensor,
        lengths_N: Tensor | None,
        attention: bool,
    ) -> None:
        self.options, self.end, self.attention = options, end, attention
        self.min_length, self.limits_N, self.lengths_N = min_length, limits_N, lengths_N
        self.banned = torch.tensor(sorted(set(banned)), dtype=torch.int64, device=limits_N.device)
        self.ended = FinishedHypotheses.none(len(limits_N), options.n_best, limits_N.device)
        self.counts_N = torch.zeros_like(limits_N)
        self.coverage_BKS: Tensor | None = None
        self.added_BK: Tensor | None = None
        self.history = SearchHistory(len(limits_N))

    def step(self, live_B: Tensor, output: SearchStep, totals_BK: Tensor) -> tuple[_Continuations, Tensor]:
        """Return the hypotheses to continue, and the indices into `live_B` of the sentences to continue."""
        beams, length = self.options.beams, self.history.steps + 1
        # `beams` of these remain after the end and banned tokens of each hypothesis are removed.
        best, ends_BK = extend(output.logits_BKV, totals_BK, 2 * beams, self.end, len(self.banned), output.added_BKV)
        scores_BN = best.scores_BN
        if self.options.bonus:
            scores_BN = scores_BN + self.options.bonus * (best.tokens_BN != self.end)
        if len(self.banned):
            scores_BN = scores_BN.masked_fill(torch.isin(best.tokens_BN, self.banned), -torch.inf)
        width = min(beams, scores_BN.shape[1])
        threshold_B1 = scores_BN.topk(width, dim=1).values[:, -1:]
        natural_BK = (ends_BK >= threshold_B1) & (ends_BK > -torch.inf)
        if length <= self.min_length:
            natural_BK = torch.zeros_like(natural_BK)
        at_limit_B1 = (self.limits_N[live_B] < length)[:, None]
        coverage_BKS = self._coverage(output)
        forced_BK = at_limit_B1 & (totals_BK > -torch.inf)
        self._add_finished(live_B, ends_BK, natural_BK, forced_BK, coverage_BKS, output.added_BKV)

        continued = scores_BN.masked_fill(best.tokens_BN == self.end, -torch.inf).topk(width, dim=1)
        totals_BK = continued.values
        if output.added_BKV is None and not self.options.bonus:
            totals_BK = totals_BK.clamp(max=0.0)
        kept = (~self._done(live_B, totals_BK, at_limit_B1[:, 0])).nonzero()[:, 0]
        slots_BK = best.slots_BN.gather(1, continued.indices)[kept]
        chosen = _Continuations(best.tokens_BN.gather(1, continued.indices)[kept], slots_BK, totals_BK[kept])
        self._follow_added(output.added_BKV, kept, chosen)
        if coverage_BKS is not None:
            self.coverage_BKS = coverage_BKS[kept[:, None], slots_BK]
        weights_BKS = output.weights_BKS if self.attention else None
        self.history.add(live_B, weights_BKS, kept, chosen.tokens_BK, chosen.slots_BK)
        return chosen, kept

    def _coverage(self, output: SearchStep) -> Tensor | None:
        """Return the attention that each source step has received so far; None without a coverage penalty."""
        if not self.options.coverage_penalty:
            return None
        if output.weights_BKS is None:
            penalty = self.options.coverage_penalty
            raise ConfigError(f"expected a network with attention for a coverage_penalty. Received: {penalty}")
        received_BKS = as_scores(output.weights_BKS)
        return received_BKS if self.coverage_BKS is None else self.coverage_BKS + received_BKS

    def _follow_added(self, added_BKV: Tensor | None, kept: Tensor, chosen: _Continuations) -> None:
        """Sum up what was added to the hypotheses that continue, so that it is no part of their log-probability."""
        if added_BKV is None and not self.options.bonus:
            return
        rows_B1 = kept[:, None]
        added_BK = torch.full_like(chosen.totals_BK, self.options.bonus)
        if self.added_BK is not None:
            added_BK = added_BK + self.added_BK[rows_B1, chosen.slots_BK]
        if added_BKV is not None:
            added_BK = added_BK + added_BKV[rows_B1, chosen.slots_BK, chosen.tokens_BK]
        self.added_BK = added_BK

    def _add_finished(
        self,
        live_B: Tensor,
        ends_BK: Tensor,
        natural_BK: Tensor,
        forced_BK: Tensor,
        coverage_BKS: Tensor | None,
        added_BKV: Tensor | None,
    ) -> None:
        """Add the hypotheses that end at this step to the `n_best` ended ones."""
        ending_BK = natural_BK | forced_BK
        if not bool(ending_BK.any()):
            return
        length = ends_BK.new_tensor(self.history.steps + 1)
        scores_BK = ends_BK / length_divisor(length, self.options.length_penalty)
        if coverage_BKS is not None:
            # Avoids log(0) for a source step without attention.
            missing_BKS = coverage_BKS.clamp(min=torch.finfo(coverage_BKS.dtype).tiny, max=1.0).log()
            if self.lengths_N is not None:
                steps = torch.arange(coverage_BKS.shape[2], device=coverage_BKS.device)
                beyond_BS = steps >= self.lengths_N[live_B][:, None]
                missing_BKS = missing_BKS.masked_fill(beyond_BS[:, None], 0.0)
            scores_BK = scores_BK + self.options.coverage_penalty * missing_BKS.sum(dim=2)
        self.counts_N[live_B] += natural_BK.sum(dim=1)
        if self.added_BK is not None:
            ends_BK = ends_BK - self.added_BK
        if added_BKV is not None:
            ends_BK = ends_BK - added_BKV[:, :, self.end]
        self.ended.add(live_B, self.history.steps, scores_BK, ends_BK, natural_BK, ending_BK)

    def _done(self, live_B: Tensor, totals_BK: Tensor, at_limit_B: Tensor) -> Tensor:
        """Return the mask of the sentences that are finished."""
        best_B = totals_BK.amax(dim=1)
        # Upper bound of the reachable score: the log-probability cannot rise, the divisor is largest at the limit, and
        # the coverage term is at most 0.
        longest_B = (self.limits_N[live_B] + 1).to(best_B)
        most_B = best_B
        if self.options.bonus > 0.0:
            most_B = best_B + self.options.bonus * (longest_B - 1 - self.history.steps).clamp(min=0.0)
        reachable_B = most_B / length_divisor(longest_B, self.options.length_penalty)
        if self.options.bonus > 0.0:
            # A sum above 0 is divided least where the hypothesis ends soon.
            reachable_B = torch.where(most_B > 0.0, most_B, reachable_B)
        done_B = at_limit_B | (best_B == -torch.inf) | (self.ended.scores_NK[live_B, -1] >= reachable_B)
        if self.options.stop == "enough":
            done_B = done_B | (self.counts_N[live_B] >= self.options.beams)
        return done_B
