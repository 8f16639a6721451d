"""Sampling the next token from logits: temperature, top-k, top-p, repetition penalty, and a sampling loop.

The loop calls a step function `step(tokens_B, state) -> (logits_BV, state)`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from itertools import count

import torch
from torch import Tensor

from elman.decode.sampling_config import SamplingConfig
from elman.errors import ConfigError
from elman.former import former_attributes
from elman.state import State

__all__ = ["SamplingOptions", "check_seed", "choose", "sample", "without_end"]

__getattr__ = former_attributes(__name__, {"Sampling": "SamplingOptions"})

# Small, but not 0 in float32.
_COLDEST = 1e-30

Step = Callable[[Tensor, State], tuple[Tensor, State]]


@dataclass(frozen=True)
class SamplingOptions(SamplingConfig):
    """Validated options of sampling.

    temperature         logits are divided by it; 0 always takes the most likely token
    top_k               sample from the k most likely tokens; 0 for all
    top_p               sample from the most likely tokens whose total probability reaches top_p (Holtzman et al. 2020)
    repetition_penalty  above 1 makes the last `repetition_window` tokens less likely (Keskar et al. 2019)
    repetition_window   number of last tokens that the repetition penalty applies to
    banned              ids of tokens that are never sampled
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


def without_end(sampling: SamplingOptions, end: int) -> SamplingOptions:
    """Return options by which the end is not sampled, for a text that has not reached its minimum length."""
    return replace(sampling, banned=(*sampling.banned, end))


def _is_whole(value: object, least: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= least


def check_seed(seed: int) -> None:
    """Raise ConfigError unless `seed` is from 0 to 2**63 - 1."""
    if not _is_whole(seed, 0) or seed >= 2**63:
        raise ConfigError(f"expected seed to be a whole number from 0 to 2**63 - 1. Received: {seed!r}")


def choose(
    logits_BV: Tensor, sampling: SamplingOptions, generator: torch.Generator, recent_BN: Tensor | None = None
) -> Tensor:
    """Sample one int64 token per row from `logits_BV`; the repetition penalty applies to the tokens `recent_BN`."""
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
    # With the largest logit shifted to 0, even the lowest temperature gives no infinity and no NaN.
    scores_BV = (scores_BV - scores_BV.amax(dim=-1, keepdim=True)) / max(sampling.temperature, _COLDEST)
    if sampling.top_k and sampling.top_k < scores_BV.shape[1]:
        least = scores_BV.topk(sampling.top_k, dim=-1).values[:, -1:]
        scores_BV = scores_BV.masked_fill(scores_BV < least, -torch.inf)
    probabilities_BV = torch.softmax(scores_BV, dim=-1)
    if sampling.top_p < 1.0:
        ordered, order = probabilities_BV.sort(dim=-1, descending=True)
        # A token is kept if the tokens before it have not reached top_p; so at least one is always kept.
        beyond = ordered.cumsum(dim=-1) - ordered >= sampling.top_p
        probabilities_BV = torch.zeros_like(ordered).scatter(1, order, ordered.masked_fill(beyond, 0.0))
    return torch.multinomial(probabilities_BV, 1, generator=generator)[:, 0]


def sample(
    step: Step,
    state: State,
    logits_BV: Tensor,
    sampling: SamplingOptions,
    *,
    seed: int,
    history_BN: Tensor,
    first: SamplingOptions | None = None,
    first_steps: int = 0,
) -> Iterator[Tensor]:
    """Sample tokens without end: yields one int64 token per row, then feeds it back through `step`.

    logits_BV    logits of the first token to sample
    history_BN   tokens before it, for the repetition penalty
    first        options of the first `first_steps` tokens; by default those of the others

    Raises ConfigError for a seed outside 0 .. 2**63 - 1.
    """
    check_seed(seed)
    generator = torch.Generator(device=logits_BV.device).manual_seed(seed)
    for number in count():
        options = first if first is not None and number < first_steps else sampling
        recent_BN = history_BN[:, -sampling.repetition_window :]
        tokens_B = choose(logits_BV, options, generator, recent_BN)
        yield tokens_B
        history_BN = torch.cat([recent_BN, tokens_B[:, None]], dim=1)
        logits_BV, state = step(tokens_B, state)
