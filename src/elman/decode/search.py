"""What every search over a network's scores shares: the closure it calls, and the hypotheses it answers with.

A network that writes one token at a time, given a source, is known to the searches by one closure:

    advance(tokens_BK, state, memory) -> Scored(logits_BKV, state, weights_BKS)

B sentences have K hypotheses each, and S source steps that attention looks at. `state` is what a hypothesis carries:
B*K rows in every leaf, those of a sentence side by side. `memory` is what all hypotheses of a sentence read: B rows in
every leaf. A search reorders the rows of `state` as hypotheses fork and die, and drops rows of both when a sentence is
done. Knows nothing about networks or vocabularies.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from elman.decode.unwritten import Unwritten
from elman.errors import ConfigError, ShapeError
from elman.types import State, leaves, map_leaves, named_leaves

__all__ = [
    "Advance",
    "Hypothesis",
    "Scored",
    "check_batch",
    "check_rows",
    "check_scored",
    "check_tokens",
    "take_rows",
]


class Scored(NamedTuple):
    """What one step of a network gives.

    logits_BKV   the scores of the next token, before the softmax; -inf for a token that cannot come. They may be
                 `Unwritten`: most searches on a CPU are quicker then
    state        what each hypothesis carries now, B*K rows
    weights_BKS  the attention over the source in this step, which must stay as it is; None without attention
    """

    logits_BKV: Tensor | Unwritten
    state: State
    weights_BKS: Tensor | None = None


# (tokens_BK int64, state of B*K rows, memory of B rows) -> what comes next
Advance = Callable[[Tensor, State, State], Scored]


@dataclass(frozen=True, eq=False)
class Hypothesis:
    """One sequence that a search found.

    tokens           token numbers, without the start and the end
    score            what hypotheses are ordered by: the log-probability after the penalties
    log_probability  natural logarithm of what the network gives to the tokens and the end after them
    attention        float32, one line a token and one column a source step; None when it was not asked for, or the
                     network has none
    finished         False when the limit cut it: the end was put there, and the network would have gone on
    """

    tokens: tuple[int, ...]
    score: float
    log_probability: float
    attention: Tensor | None
    finished: bool


def take_rows(state: State, rows: Tensor) -> State:
    """The rows of every leaf that `rows` (int64) names, in its order."""
    return map_leaves(lambda leaf: leaf.index_select(0, rows), state)


def _device_of(state: State, memory: State) -> torch.device:
    """Where the leaves lie; the CPU when there are none."""
    found = [*leaves(state), *leaves(memory)]
    return found[0].device if found else torch.device("cpu")


def check_rows(name: str, state: State, rows: int) -> None:
    """Raise ShapeError unless every leaf of `state` has `rows` rows."""
    for leaf_name, leaf in named_leaves(state):
        if not leaf.dim() or leaf.shape[0] != rows:
            where = f"{name}.{leaf_name}" if leaf_name else name
            raise ShapeError(f"expected {rows} rows in {where}. Received: shape {tuple(leaf.shape)}")


def check_tokens(start: int, end: int, banned: Sequence[int]) -> None:
    """Raise ConfigError for a negative token number, or an end that is banned."""
    if start < 0 or end < 0 or any(token < 0 for token in banned):
        raise ConfigError(f"expected token numbers from 0. Received: start {start}, end {end}, banned {tuple(banned)}")
    if end in banned:
        raise ConfigError(f"expected an end that is not banned. Received: end {end}, banned {tuple(banned)}")


def _limits_on(limits_B: Sequence[int] | Tensor, rows: int, device: torch.device) -> Tensor:
    """The most tokens of each sentence, as int64; ShapeError or ConfigError unless they are `rows` numbers from 0."""
    limits = torch.as_tensor(limits_B, device=device)
    if limits.shape != (rows,):
        raise ShapeError(f"expected {rows} limits, one a sentence. Received: shape {tuple(limits.shape)}")
    if rows and (limits.is_floating_point() or int(limits.min()) < 0):
        raise ConfigError(f"expected limits that are whole numbers from 0. Received: {limits.tolist()}")
    return limits.long()


def _lengths_on(lengths_B: Tensor | None, rows: int, device: torch.device) -> Tensor | None:
    """The steps of each source on `device`; ShapeError unless they are None or one a sentence."""
    if lengths_B is None:
        return None
    if lengths_B.shape != (rows,):
        raise ShapeError(
            f"expected {rows} lengths in lengths_B, one a source. Received: shape {tuple(lengths_B.shape)}"
        )
    return lengths_B.to(device)


def check_batch(
    state: State, memory: State, rows: int, limits_B: Sequence[int] | Tensor, lengths_B: Tensor | None
) -> tuple[torch.device, Tensor, Tensor | None]:
    """Where a search of `rows` sentences runs, and its limits and lengths there. Raises ShapeError, ConfigError."""
    check_rows("state", state, rows)
    check_rows("memory", memory, rows)
    device = _device_of(state, memory)
    return device, _limits_on(limits_B, rows, device), _lengths_on(lengths_B, rows, device)


def check_scored(scored: Scored, tokens_BK: Tensor, end: int) -> None:
    """Raise ShapeError unless `scored` fits `tokens_BK` and has a column for `end`."""
    shape, weights = tuple(scored.logits_BKV.shape), scored.weights_BKS
    if len(shape) != 3 or shape[:2] != tuple(tokens_BK.shape) or not end < shape[2]:
        expected = f"logits_BKV of {tuple(tokens_BK.shape)} hypotheses with a column for the end, token {end}"
        raise ShapeError(f"expected {expected}. Received: shape {shape}")
    if weights is not None and (weights.dim() != 3 or weights.shape[:2] != tokens_BK.shape):
        expected = f"weights_BKS of {tuple(tokens_BK.shape)} hypotheses"
        raise ShapeError(f"expected {expected}. Received: shape {tuple(weights.shape)}")
    check_rows("the state after a step", scored.state, tokens_BK.numel())
