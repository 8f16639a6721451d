"""Types shared by all searches: the step function they call and the hypotheses they return.

All searches call the decoder as one step function:

    advance(tokens_BK, state, memory) -> SearchStep(logits_BKV, state, weights_BKS)

B is the number of sentences, K the number of hypotheses per sentence, S the number of source steps for attention.
`state` is the recurrent state of the hypotheses: B*K rows in every leaf, those of a sentence next to each other.
`memory` is shared by the hypotheses of a sentence, such as the cross-attention memory: B rows in every leaf. A search
reorders the rows of `state` as hypotheses are extended and dropped, and removes rows of both when a sentence is done.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from elman.decode.lazy_logits import LazyLogits
from elman.errors import ConfigError, ShapeError
from elman.former import former_attributes
from elman.state import State, leaves, map_leaves, named_leaves

__all__ = [
    "Advance",
    "Hypothesis",
    "SearchStep",
    "check_batch",
    "check_rows",
    "check_search_step",
    "check_tokens",
    "take_rows",
]

__getattr__ = former_attributes(__name__, {"Scored": "SearchStep"})


class SearchStep(NamedTuple):
    """Output of one decoder step.

    logits_BKV   logits of the next token; -inf for a token that cannot follow. May be `LazyLogits`, which makes most
                 searches on a CPU faster
    state        state of each hypothesis after the step, B*K rows
    weights_BKS  attention weights over the source in this step, not to be modified later; None without attention
    added_BKV    added to the log-probabilities of the next token, such as those of a language model by their weight;
                 None for nothing
    """

    logits_BKV: Tensor | LazyLogits
    state: State
    weights_BKS: Tensor | None = None
    added_BKV: Tensor | None = None


# (tokens_BK int64, state of B*K rows, memory of B rows) -> output of the step
Advance = Callable[[Tensor, State, State], SearchStep]


@dataclass(frozen=True, eq=False)
class Hypothesis:
    """One sequence found by a search.

    tokens           token ids, without the start and the end
    score            value by which hypotheses are ranked: the log-probability with what is added, after the penalties
    log_probability  natural logarithm of the probability of the tokens and the end
    attention        float32, one row per token and one column per source step; None if it was not requested or the
                     network has no attention
    finished         False if the hypothesis was truncated at the length limit
    """

    tokens: tuple[int, ...]
    score: float
    log_probability: float
    attention: Tensor | None
    finished: bool


def take_rows(state: State, rows: Tensor) -> State:
    """Select `rows` (int64 indices) of every leaf, in this order."""
    return map_leaves(lambda leaf: leaf.index_select(0, rows), state)


def _device_of(state: State, memory: State) -> torch.device:
    """Return the device of the leaves; the CPU if there are none."""
    found = [*leaves(state), *leaves(memory)]
    return found[0].device if found else torch.device("cpu")


def check_rows(name: str, state: State, rows: int) -> None:
    """Raise ShapeError unless every leaf of `state` has `rows` rows."""
    for leaf_name, leaf in named_leaves(state):
        if not leaf.dim() or leaf.shape[0] != rows:
            where = f"{name}.{leaf_name}" if leaf_name else name
            raise ShapeError(f"expected {rows} rows in {where}. Received: shape {tuple(leaf.shape)}")


def check_tokens(start: int, end: int, banned: Sequence[int]) -> None:
    """Raise ConfigError for a negative token id, or if the end is banned."""
    if start < 0 or end < 0 or any(token < 0 for token in banned):
        raise ConfigError(f"expected token numbers from 0. Received: start {start}, end {end}, banned {tuple(banned)}")
    if end in banned:
        raise ConfigError(f"expected an end that is not banned. Received: end {end}, banned {tuple(banned)}")


def _limits_on(limits_B: Sequence[int] | Tensor, rows: int, device: torch.device, min_length: int) -> Tensor:
    """Return the limits as int64 on `device`; raise unless they are `rows` integers from `min_length`."""
    limits = torch.as_tensor(limits_B, device=device)
    if limits.shape != (rows,):
        raise ShapeError(f"expected {rows} limits, one per sentence. Received: shape {tuple(limits.shape)}")
    if rows and (limits.is_floating_point() or int(limits.min()) < 0):
        raise ConfigError(f"expected limits that are whole numbers from 0. Received: {limits.tolist()}")
    if min_length < 0:
        raise ConfigError(f"expected a min_length from 0. Received: {min_length}")
    if rows and int(limits.min()) < min_length:
        raise ConfigError(f"expected limits of at least min_length = {min_length}. Received: {limits.tolist()}")
    return limits.long()


def _lengths_on(lengths_B: Tensor | None, rows: int, device: torch.device) -> Tensor | None:
    """Return the source lengths on `device`; raise ShapeError unless they are None or one per sentence."""
    if lengths_B is None:
        return None
    if lengths_B.shape != (rows,):
        raise ShapeError(
            f"expected {rows} lengths in lengths_B, one per source. Received: shape {tuple(lengths_B.shape)}"
        )
    return lengths_B.to(device)


def check_batch(
    state: State,
    memory: State,
    rows: int,
    limits_B: Sequence[int] | Tensor,
    lengths_B: Tensor | None,
    min_length: int = 0,
) -> tuple[torch.device, Tensor, Tensor | None]:
    """Validate the inputs of a search over `rows` sentences; return its device, and limits and lengths on it."""
    check_rows("state", state, rows)
    check_rows("memory", memory, rows)
    device = _device_of(state, memory)
    return device, _limits_on(limits_B, rows, device, min_length), _lengths_on(lengths_B, rows, device)


def check_search_step(output: SearchStep, tokens_BK: Tensor, end: int) -> None:
    """Raise ShapeError unless `output` fits `tokens_BK` and has a column for `end`."""
    shape, weights = tuple(output.logits_BKV.shape), output.weights_BKS
    if len(shape) != 3 or shape[:2] != tuple(tokens_BK.shape) or not end < shape[2]:
        expected = f"logits_BKV of {tuple(tokens_BK.shape)} hypotheses with a column for the end, token {end}"
        raise ShapeError(f"expected {expected}. Received: shape {shape}")
    if weights is not None and (weights.dim() != 3 or weights.shape[:2] != tokens_BK.shape):
        expected = f"weights_BKS of {tuple(tokens_BK.shape)} hypotheses"
        raise ShapeError(f"expected {expected}. Received: shape {tuple(weights.shape)}")
    check_rows("the state after a step", output.state, tokens_BK.numel())
