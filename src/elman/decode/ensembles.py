"""Ensembles: step functions whose probabilities are averaged."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from elman.decode.candidates import as_scores
from elman.decode.lazy_logits import LazyLogits
from elman.decode.search import Advance, SearchStep
from elman.errors import ConfigError, ShapeError
from elman.state import State

__all__ = ["ensemble", "log_mean_probabilities"]


def ensemble(advances: Sequence[Advance]) -> Advance:
    """Return a step function with the mean of the members' probabilities of the next token.

    State and memory are tuples with one entry per member. The logits are the logarithms of the mean probabilities. The
    attention is the mean of the members' attention if all have it over the same number of source steps, else None.

    Raises ConfigError without members, ShapeError if the members' vocabularies differ in size.
    """
    members = tuple(advances)
    if not members:
        raise ConfigError("expected at least one member of an ensemble. Received: none")

    def advance(tokens_BK: Tensor, state: State, memory: State) -> SearchStep:
        outputs = [
            member(tokens_BK, member_state, member_memory)
            for member, member_state, member_memory in zip(members, state, memory, strict=True)
        ]
        sizes = [output.logits_BKV.shape[-1] for output in outputs]
        if len(set(sizes)) > 1:
            raise ShapeError(f"expected members of an ensemble to score equally many tokens. Received: {sizes}")
        mean_BKV = log_mean_probabilities([output.logits_BKV for output in outputs])
        return SearchStep(mean_BKV, tuple(output.state for output in outputs), _mean_weights(outputs))

    return advance


def log_mean_probabilities(logits: Sequence[Tensor | LazyLogits]) -> Tensor:
    """Return the logarithm of the mean over networks of the probabilities of the last dimension, from their logits."""
    total = torch.log_softmax(as_scores(logits[0]), dim=-1)
    for more in logits[1:]:
        total = torch.logaddexp(total, torch.log_softmax(as_scores(more), dim=-1))
    return total - math.log(len(logits))


def _mean_weights(outputs: list[SearchStep]) -> Tensor | None:
    weights = [output.weights_BKS for output in outputs if output.weights_BKS is not None]
    if len(weights) < len(outputs) or len({each.shape for each in weights}) > 1:
        return None
    return torch.stack([as_scores(each) for each in weights]).mean(dim=0)
