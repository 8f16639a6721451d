"""The best next tokens out of large vocabularies, exactly and without a pass more than needed.

On a CPU most of a search's own time is spent here. Two things make it short. A full sort of candidates is avoided: the
best n numbers lie in the n blocks whose largest numbers are best, and finding the largest number of a block is as quick
as reading it. And the log-softmax is never written down: its normaliser is one number a hypothesis. Knows nothing
about searches.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from elman.errors import TrainingError

__all__ = ["Extensions", "as_scores", "best_extensions", "log_normaliser"]

# Columns of a block. From 32 to 128 make little difference.
_BLOCK = 64

# Rows whose probabilities are in memory at a time: they fit into a core's cache.
_ROWS = 64


class Extensions(NamedTuple):
    """The best extensions of each sentence, best first.

    scores_BN  the hypothesis' number plus the token's
    slots_BN   the hypothesis that is extended, 0 to K-1
    tokens_BN  the token that comes
    """

    scores_BN: Tensor
    slots_BN: Tensor
    tokens_BN: Tensor


def as_scores(logits: Tensor) -> Tensor:
    """The same numbers in at least float32."""
    return logits.to(torch.promote_types(logits.dtype, torch.float32))


def log_normaliser(logits_RV: Tensor) -> Tensor:
    """log(sum(exp(logits))) of each row; 0 in a row of nothing but -inf, so that log-probabilities there are -inf.

    Raises TrainingError when a logit is NaN or +inf.
    """
    most_R = logits_RV.amax(dim=1)
    usable_R = most_R < torch.inf
    if not bool(usable_R.all()):
        worst = most_R[~usable_R][0].item()
        raise TrainingError(
            f"expected the network to score tokens with numbers or -inf; its weights are damaged. Received: {worst}"
        )
    rows = logits_RV.shape[0] if logits_RV.device.type != "cpu" else _ROWS
    probabilities = logits_RV.new_empty(min(rows, logits_RV.shape[0]), logits_RV.shape[1])
    shares = []
    for part in logits_RV.split(rows):
        # The likeliest token has exp(0) over the sum.
        shares.append(torch.softmax(part, dim=1, out=probabilities[: len(part)]).amax(dim=1))
    return torch.where(most_R == -torch.inf, 0.0, most_R - torch.cat(shares).log())


def best_extensions(logits_BKV: Tensor, offsets_BK: Tensor, count: int) -> Extensions:
    """The `count` largest of `logits + offsets` in each sentence, over hypotheses and tokens; all when there are fewer.

    Numbers that tie at the edge are chosen among as torch's own topk does: without a rule.
    """
    B, K, V = logits_BKV.shape
    blocks = V // _BLOCK
    count = min(count, K * V)
    if K * blocks <= 2 * count:
        top = (logits_BKV + offsets_BK[:, :, None]).flatten(1).topk(count, dim=1)
        return Extensions(top.values, top.indices // V, top.indices % V)
    whole = blocks * _BLOCK
    # Rounding keeps order, so the largest number of a block is the largest after the offset is added, too.
    most_BKN = logits_BKV[:, :, :whole].unflatten(2, (blocks, _BLOCK)).amax(dim=3) + offsets_BK[:, :, None]
    chosen_BN = most_BKN.flatten(1).topk(count, dim=1).indices
    first_BN = (chosen_BN // blocks) * V + (chosen_BN % blocks) * _BLOCK
    places_BN = (first_BN[:, :, None] + torch.arange(_BLOCK, device=first_BN.device)).flatten(1)
    if whole < V:
        starts = torch.arange(0, K * V, V, device=first_BN.device)[:, None]
        rest = (starts + torch.arange(whole, V, device=first_BN.device)).flatten()
        places_BN = torch.cat([places_BN, rest.expand(B, -1)], dim=1)
    scores_BN = logits_BKV.flatten(1).gather(1, places_BN) + offsets_BK.gather(1, places_BN // V)
    top = scores_BN.topk(count, dim=1)
    places_BN = places_BN.gather(1, top.indices)
    return Extensions(top.values, places_BN // V, places_BN % V)
