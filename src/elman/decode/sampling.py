"""Choosing the next token from scores: temperature, top-k, top-p, repetition penalty, and a loop over them.

Works over a `step(tokens_B, state) -> (logits_BV, state)` closure; knows nothing about networks or vocabularies.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from elman.decode.sampling_config import SamplingConfig
from elman.errors import ConfigError
from elman.types import State

__all__ = ["Sampling", "check_seed", "choose", "sample"]

# As a 32-bit number this is not zero yet.
_COLDEST = 1e-30

Step = Callable[[Tensor, State], tuple[Tensor, State]]


@dataclass(frozen=True)
class Sampling(SamplingConfig):
    """How tokens are drawn: values that can be used.

    temperature         scores are divided by it; 0 always takes the likeliest token
    top_k               draw among the k likeliest tokens; 0 for all
    top_p               draw among the likeliest tokens that hold this much probability together (Holtzman et al. 2020)
    repetition_penalty  above 1 makes tokens of the last `repetition_window` less likely (Keskar et al. 2019)
    banned              token numbers that are never drawn
    """

    repetition_window: int = 64
    banned: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        """Raise ConfigError for a value that cannot be used."""
        checks = (
            (0.0 <= self.temperature < float("inf"), "temperature to be 0 or more", self.temperature),
            (_is_whole(self.top_k, 0), "top_k to be a whole number from 0", self.top_k),
            (0.0 < self.top_p <= 1.0, "top_p above 0 and at most 1", self.top_p),
            (0.0 < self.repetition_penalty < float("inf"), "repetition_penalty above 0", self.repetition_penalty),
            (_is_whole(self.repetition_window, 1), "repetition_window to be at least 1", self.repetition_window),
        )
        for holds, expected, received in checks:
            if not holds:
                raise ConfigError(f"expected {expected}. Received: {received}")


def _is_whole(value: object, least: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= least


def check_seed(seed: int) -> None:
    """Raise ConfigError unless `seed` is from 0 to 2**63 - 1."""
    if not _is_whole(seed, 0) or seed >= 2**63:
        raise ConfigError(f"expected seed to be a whole number from 0 to 2**63 - 1. Received: {seed!r}")


def choose(
    logits_BV: Tensor, sampling: Sampling, generator: torch.Generator, recent_BN: Tensor | None = None
) -> Tensor:
    """One token a row, int64, drawn from `logits_BV`; `recent_BN` are the tokens that the repetition penalty is for."""
    scores_BV = logits_BV.float()
    if sampling.banned:
        scores_BV = scores_BV.clone()
        scores_BV[:, list(sampling.banned)] = -torch.inf
    if sampling.repetition_penalty != 1.0 and recent_BN is not None and recent_BN.shape[1]:
        # Log-probabilities are never positive, so multiplying always makes a repeated token less likely.
        scores_BV = torch.log_softmax(scores_BV, dim=-1)
        repeated = scores_BV.gather(1, recent_BN) * sampling.repetition_penalty
        scores_BV = scores_BV.scatter(1, recent_BN, repeated)
    if sampling.temperature == 0.0:
        return scores_BV.argmax(dim=-1)
    # With the likeliest token at 0, no temperature is so low that a score becomes infinity, or 0 / 0.
    scores_BV = (scores_BV - scores_BV.amax(dim=-1, keepdim=True)) / max(sampling.temperature, _COLDEST)
    if sampling.top_k and sampling.top_k < scores_BV.shape[1]:
        least = scores_BV.topk(sampling.top_k, dim=-1).values[:, -1:]
        scores_BV = scores_BV.masked_fill(scores_BV < least, -torch.inf)
    probabilities_BV = torch.softmax(scores_BV, dim=-1)
    if sampling.top_p < 1.0:
        ordered, order = probabilities_BV.sort(dim=-1, descending=True)
        # A token stays when the ones before it have not reached top_p yet; so at least one always stays.
        beyond = ordered.cumsum(dim=-1) - ordered >= sampling.top_p
        probabilities_BV = torch.zeros_like(ordered).scatter(1, order, ordered.masked_fill(beyond, 0.0))
    return torch.multinomial(probabilities_BV, 1, generator=generator)[:, 0]


def sample(
    step: Step, state: State, logits_BV: Tensor, sampling: Sampling, *, seed: int, history_BN: Tensor
) -> Iterator[Tensor]:
    """Draw tokens for ever: yields one int64 token a row, then feeds it back through `step`.

    logits_BV   the scores of the first token to draw
    history_BN  the tokens before it, for the repetition penalty

    Raises ConfigError for a seed outside 0 .. 2**63 - 1.
    """
    check_seed(seed)
    generator = torch.Generator(device=logits_BV.device).manual_seed(seed)
    while True:
        recent_BN = history_BN[:, -sampling.repetition_window :]
        tokens_B = choose(logits_BV, sampling, generator, recent_BN)
        yield tokens_B
        history_BN = torch.cat([recent_BN, tokens_B[:, None]], dim=1)
        logits_BV, state = step(tokens_B, state)
