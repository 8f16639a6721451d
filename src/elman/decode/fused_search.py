"""Shallow fusion in searches for output tokens: a step function that adds a language model's log-probabilities."""

from __future__ import annotations

import torch
from torch import Tensor

from elman.decode.ctc_beam import LanguageModelScorer, LanguageModelStep
from elman.decode.search import Advance, SearchStep
from elman.decode.search_config import SearchConfig
from elman.errors import ConfigError
from elman.state import State, map_leaves

__all__ = ["check_language", "fused"]

# Least log-probability of a language model's token: sums stay finite.
_LEAST = -1e4


def check_language(search: SearchConfig, language: LanguageModelScorer | None) -> None:
    """Raise ConfigError for a weight without a language model, and for a language model with sampling."""
    if language is None and search.lm_weight != SearchConfig().lm_weight:
        raise ConfigError(f"expected lm_weight with a language model (--lm) only. Received: {search.lm_weight:g}")
    if language is not None and search.sample:
        raise ConfigError("expected a language model without sample, which draws from one network. Received: both")


def fused(
    advance: Advance, state: State, language: LanguageModelScorer, weight: float, end: int
) -> tuple[Advance, State]:
    """Return a step function that adds `weight` times a language model's log-probabilities, and its initial state.

    language  its columns are the tokens of the search; the column of the end has the probability that the text ends
    """

    def fused_advance(tokens_BK: Tensor, both: State, memory: State) -> SearchStep:
        own, spoken = both
        output = advance(tokens_BK, own, memory)
        step = _first(language, len(tokens_BK)) if spoken == () else language.extend(tokens_BK.flatten(), spoken)
        added_NV = weight * _with_end(step, end).clamp(min=_LEAST)
        added_BKV = added_NV.view(*tokens_BK.shape, -1).to(tokens_BK.device)
        return output._replace(state=(output.state, step.state), added_BKV=added_BKV)

    return fused_advance, (state, ())


def _first(language: LanguageModelScorer, rows: int) -> LanguageModelStep:
    """Return the language model's output before the first token of so many texts."""
    first = language.first
    ends_1 = first.ends_N
    return LanguageModelStep(
        first.log_probabilities_NV.expand(rows, -1),
        map_leaves(lambda leaf: leaf.expand(rows, *leaf.shape[1:]).contiguous(), first.state),
        None if ends_1 is None else ends_1.expand(rows),
    )


def _with_end(step: LanguageModelStep, end: int) -> Tensor:
    """Return the log-probabilities with those of the end of the text in the column `end`; 0 without an end token."""
    log_probs_NV = step.log_probabilities_NV.clone()
    log_probs_NV[:, end] = 0.0 if step.ends_N is None else step.ends_N
    return torch.nan_to_num(log_probs_NV, nan=_LEAST)
