"""Greedy search and sampling: one hypothesis per row. A row is removed from the batch when it ends."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from elman.decode.candidates import as_scores, extend, log_normaliser
from elman.decode.sampling import SamplingOptions, check_seed, choose, without_end
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
from elman.state import State

__all__ = ["draw", "greedy"]


class TokenChoice(NamedTuple):
    """The chosen token of each row.

    tokens_B  token ids; the end if every token has probability 0
    totals_B  log-probability of the row with this token
    ends_B    log-probability of the row with the end token instead
    """

    tokens_B: Tensor
    totals_B: Tensor
    ends_B: Tensor


# (network output for one hypothesis per row, log-probabilities so far, tokens so far) -> next token of each row
ChooseTokens = Callable[[SearchStep, Tensor, Tensor], TokenChoice]


@torch.no_grad()
def greedy(
    advance: Advance,
    state: State,
    memory: State,
    *,
    rows: int,
    start: int,
    end: int,
    limits_B: Sequence[int] | Tensor,
    banned: Sequence[int] = (),
    min_length: int = 0,
    lengths_B: Tensor | None = None,
    attention: bool = False,
) -> list[Hypothesis]:
    """Return one hypothesis per sentence: at every step the most likely token that is not banned.

    Arguments, limits and errors are those of `beam_search`; the result is that of one beam without penalties. The
    score is the log-probability. If every continuation has probability 0, the hypothesis ends there, with probability
    0.
    """
    check_tokens(start, end, banned)
    banned_later = torch.tensor(sorted(set(banned)), dtype=torch.int64)
    banned_early = torch.tensor(sorted({*banned, end}), dtype=torch.int64)

    def choose_tokens(output: SearchStep, totals_B: Tensor, history_BN: Tensor) -> TokenChoice:
        may_end = history_BN.shape[1] >= min_length
        banned_ids = banned_later if may_end else banned_early
        best, ends_B1 = extend(output.logits_BKV, totals_B[:, None], 1, end, len(banned_ids))
        banned_BN = torch.isin(best.tokens_BN, banned_ids.to(best.tokens_BN.device))
        most = best.scores_BN.masked_fill(banned_BN, -torch.inf).max(dim=1, keepdim=True)
        tokens_B1 = best.tokens_BN.gather(1, most.indices).where(most.values > -torch.inf, end)
        return _choice(tokens_B1[:, 0], most.values[:, 0], ends_B1[:, 0], may_end)

    return _run_search(
        advance, state, memory, choose_tokens, rows, start, end, limits_B, min_length, lengths_B, attention
    )


def _choice(tokens_B: Tensor, totals_B: Tensor, ends_B: Tensor, may_end: bool) -> TokenChoice:
    """Return the chosen tokens; a row that may not end yet has an end of probability 0."""
    return TokenChoice(tokens_B, totals_B, ends_B if may_end else torch.full_like(ends_B, -torch.inf))


@torch.no_grad()
def draw(
    advance: Advance,
    state: State,
    memory: State,
    *,
    rows: int,
    start: int,
    end: int,
    limits_B: Sequence[int] | Tensor,
    sampling: SamplingOptions,
    seed: int,
    samples: int = 1,
    min_length: int = 0,
    lengths_B: Tensor | None = None,
    attention: bool = False,
) -> list[list[Hypothesis]]:
    """Sample `samples` hypotheses per sentence.

    Arguments, limits, errors and ends are those of `greedy`. The score is the log-probability under the network, before
    temperature, top-k, top-p and penalties are applied. The same seed and batch give the same samples.
    """
    check_seed(seed)
    check_tokens(start, end, sampling.banned)
    if isinstance(samples, bool) or not isinstance(samples, int) or samples < 1:
        raise ConfigError(f"expected samples to be a whole number from 1. Received: {samples!r}")
    device, limits_B, lengths_B = check_batch(state, memory, rows, limits_B, lengths_B)
    generator = torch.Generator(device=device).manual_seed(seed)
    sampling_early = without_end(sampling, end)

    def choose_tokens(output: SearchStep, totals_B: Tensor, history_BN: Tensor) -> TokenChoice:
        may_end = history_BN.shape[1] >= min_length
        options = sampling if may_end else sampling_early
        banned_ids = torch.tensor(sorted(set(options.banned)), dtype=torch.int64, device=device)
        logits_BV = as_scores(output.logits_BKV)[:, 0]
        offsets_B = totals_B.to(logits_BV.dtype) - log_normaliser(logits_BV)
        free_BV = logits_BV.index_fill(1, banned_ids, -torch.inf) if len(banned_ids) else logits_BV
        no_token_B = free_BV.amax(dim=1) == -torch.inf
        recent_BN = history_BN[:, -sampling.repetition_window :]
        tokens_B = choose(logits_BV.masked_fill(no_token_B[:, None], 0.0), options, generator, recent_BN)
        tokens_B = torch.where(no_token_B, end, tokens_B)
        chosen_logits_B = logits_BV.gather(1, tokens_B[:, None])[:, 0]
        return _choice(tokens_B, offsets_B + chosen_logits_B, offsets_B + logits_BV[:, end], may_end)

    if samples > 1:
        # One row per sample.
        each = torch.arange(rows, device=device).repeat_interleave(samples)
        state, memory, limits_B = take_rows(state, each), take_rows(memory, each), limits_B[each]
        lengths_B = None if lengths_B is None else lengths_B[each]
    drawn = _run_search(
        advance, state, memory, choose_tokens, rows * samples, start, end, limits_B, min_length, lengths_B, attention
    )
    return [drawn[first : first + samples] for first in range(0, len(drawn), samples)]


def _run_search(
    advance: Advance,
    state: State,
    memory: State,
    choose_tokens: ChooseTokens,
    rows: int,
    start: int,
    end: int,
    limits_B: Sequence[int] | Tensor,
    min_length: int,
    lengths_N: Tensor | None,
    attention: bool,
) -> list[Hypothesis]:
    """Extend each row by the tokens that `choose_tokens` returns until it ends."""
    device, limits_N, lengths_N = check_batch(state, memory, rows, limits_B, lengths_N, min_length)
    if not rows:
        return []
    history, ended = SearchHistory(rows), FinishedHypotheses.none(rows, 1, device)
    live_B = torch.arange(rows, device=device)
    tokens_B1 = torch.full((rows, 1), start, device=device)
    totals_B = torch.zeros(rows, device=device)
    history_BN = tokens_B1[:, :0]
    while len(live_B):
        output = advance(tokens_B1, state, memory)
        check_search_step(output, tokens_B1, end)
        choice = choose_tokens(output, totals_B, history_BN)
        natural_B = (choice.tokens_B == end) & (choice.ends_B > -torch.inf)
        ending_B = (choice.tokens_B == end) | (limits_N[live_B] <= history.steps)
        tokens_B = torch.where(ending_B, end, choice.tokens_B)
        totals_B = torch.where(ending_B, choice.ends_B, choice.totals_B)
        columns = (totals_B, totals_B, natural_B, ending_B)
        ended.add(live_B, history.steps, *(column[:, None] for column in columns))
        kept = (~ending_B).nonzero()[:, 0]
        tokens_B1, slots_B1 = tokens_B[kept, None], torch.zeros_like(kept)[:, None]
        history.add(live_B, output.weights_BKS if attention else None, kept, tokens_B1, slots_B1)
        history_BN = torch.cat([history_BN[kept], tokens_B1], dim=1)
        live_B, totals_B, some_ended = live_B[kept], totals_B[kept], len(kept) < len(live_B)
        state = take_rows(output.state, kept) if some_ended else output.state
        memory = take_rows(memory, kept) if some_ended else memory
    return [row[0] for row in history.hypotheses(ended, lengths_N)]
