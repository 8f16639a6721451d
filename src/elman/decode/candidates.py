"""Exact top-k of next tokens over large vocabularies, with as few passes over the logits as possible.

On a CPU a search spends most of its own time here. Two measures keep it short. There is no top-k over all logits: the
n largest logits are in the n blocks with the largest maxima, and the maximum of a block costs one read of it. The
log-softmax is never materialised: its normaliser is one number per hypothesis. Logits that are not materialised either
(`LazyLogits`) need neither.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from elman.decode.lazy_logits import LazyLogits
from elman.errors import TrainingError

__all__ = ["Extensions", "as_scores", "best_extensions", "extend", "log_normaliser"]

# `LazyLogits` keep the best tokens of a hypothesis sorted, which is slow if they are many. Their logits are
# materialised for more than `_MAX_KEPT` tokens that are also more than 1 / `_SHARE` of the vocabulary.
_MAX_KEPT, _SHARE = 128, 64

# Columns of a block. Values from 32 to 128 make little difference.
_BLOCK = 64

# Rows whose probabilities are in memory at a time. Fewer rows use the cache better, but all threads synchronise after
# each block of rows, which is slow on a busy machine.
_ROWS = 256


class Extensions(NamedTuple):
    """The best extensions of each sentence, best first.

    scores_BN  log-probability of the extended hypothesis: the logit plus the hypothesis' offset
    slots_BN   index of the hypothesis that is extended, 0 to K-1
    tokens_BN  id of the token that is added
    """

    scores_BN: Tensor
    slots_BN: Tensor
    tokens_BN: Tensor


def as_scores(logits: Tensor | LazyLogits) -> Tensor:
    """Return logits, or other values, as a tensor in float32 or wider."""
    if isinstance(logits, LazyLogits):
        logits = logits.written()
    return logits.to(torch.promote_types(logits.dtype, torch.float32))


def log_normaliser(logits_NV: Tensor) -> Tensor:
    """Return log(sum(exp(logits))) of each row; 0 for a row of -inf only, so that its log-probabilities are -inf.

    Raises TrainingError when a logit is NaN or +inf.
    """
    most_N = logits_NV.amax(dim=1)
    _check_logits(most_N)
    rows = logits_NV.shape[0] if logits_NV.device.type != "cpu" else _ROWS
    probabilities = logits_NV.new_empty(min(rows, logits_NV.shape[0]), logits_NV.shape[1])
    largest_probabilities = []
    for part in logits_NV.split(rows):
        # The largest probability is exp(0) / sum(exp(logits - max)).
        largest_probabilities.append(torch.softmax(part, dim=1, out=probabilities[: len(part)]).amax(dim=1))
    return torch.where(most_N == -torch.inf, 0.0, most_N - torch.cat(largest_probabilities).log())


def extend(
    logits_BKV: Tensor | LazyLogits,
    totals_BK: Tensor,
    count: int,
    end: int,
    banned: int = 0,
    added_BKV: Tensor | None = None,
) -> tuple[Extensions, Tensor]:
    """Return the most likely extensions of each sentence, and the log-probability of each hypothesis with the end.

    totals_BK  log-probabilities of the hypotheses so far
    count      number of extensions that remain after any `banned` tokens of each hypothesis are removed
    added_BKV  added to the log-probabilities of the tokens

    Raises TrainingError when a logit is NaN or +inf.
    """
    few = count + banned <= max(_MAX_KEPT, logits_BKV.shape[2] // _SHARE)
    if isinstance(logits_BKV, LazyLogits) and few and added_BKV is None:
        return _extend_lazy(logits_BKV, totals_BK, count, end, banned)
    scores_BKV = as_scores(logits_BKV)
    B, K, _ = scores_BKV.shape
    offsets_BK = totals_BK.to(scores_BKV.dtype) - log_normaliser(scores_BKV.flatten(0, 1)).view(B, K)
    if added_BKV is not None:
        scores_BKV = scores_BKV + added_BKV.to(scores_BKV)
    return best_extensions(scores_BKV, offsets_BK, count + K * banned), scores_BKV[:, :, end] + offsets_BK


def _extend_lazy(logits: LazyLogits, totals_BK: Tensor, count: int, end: int, banned: int) -> tuple[Extensions, Tensor]:
    B, K, _ = logits.shape
    best = logits.best(count + banned, end)
    _check_logits(best.normaliser_N)
    # In a row of -inf only, every log-probability stays -inf.
    normaliser_N = best.normaliser_N.where(best.scores_NK[:, 0] > -torch.inf, 0.0)
    offsets_N = totals_BK.to(best.scores_NK.dtype).flatten() - normaliser_N
    scores_BN = (best.scores_NK + offsets_N[:, None]).view(B, -1)
    top = scores_BN.topk(min(count + K * banned, scores_BN.shape[1]), dim=1)
    tokens_BN = best.tokens_NK.view(B, -1).gather(1, top.indices)
    slots_BN = top.indices // best.tokens_NK.shape[1]
    return Extensions(top.values, slots_BN, tokens_BN), (best.wanted_N + offsets_N).view(B, K)


def _check_logits(most_N: Tensor) -> None:
    """Raise TrainingError if the largest logit or the normaliser of a row is NaN or +inf."""
    usable_N = most_N < torch.inf
    if not bool(usable_N.all()):
        worst = most_N[~usable_N][0].item()
        raise TrainingError(
            f"expected token logits that are finite or -inf; the network's weights are damaged. Received: {worst}"
        )


def best_extensions(logits_BKV: Tensor, offsets_BK: Tensor, count: int) -> Extensions:
    """Return the `count` largest `logits + offsets` of each sentence, over hypotheses and tokens, or all if fewer.

    Which of several equal values is chosen is not defined, as in `torch.topk`.
    """
    B, K, V = logits_BKV.shape
    blocks = V // _BLOCK
    count = min(count, K * V)
    if K * blocks <= 2 * count:
        top = (logits_BKV + offsets_BK[:, :, None]).flatten(1).topk(count, dim=1)
        return Extensions(top.values, top.indices // V, top.indices % V)
    whole = blocks * _BLOCK
    blocks_BKNC = logits_BKV[:, :, :whole].unflatten(2, (blocks, _BLOCK))
    # Rounding is monotonic: the maximum of a block stays the maximum after the offset is added.
    most_BKN = blocks_BKNC.amax(dim=3) + offsets_BK[:, :, None]
    chosen_BN = most_BKN.flatten(1).topk(count, dim=1).indices
    slots_BN, chosen_blocks_BN = chosen_BN // blocks, chosen_BN % blocks
    rows_B1 = torch.arange(B, device=chosen_BN.device)[:, None]
    scores_BNC = blocks_BKNC[rows_B1, slots_BN, chosen_blocks_BN] + offsets_BK.gather(1, slots_BN)[:, :, None]
    rest_BKC = logits_BKV[:, :, whole:] + offsets_BK[:, :, None]
    top = torch.cat([scores_BNC.flatten(1), rest_BKC.flatten(1)], dim=1).topk(count, dim=1)
    # Map the indices back: to a chosen block, or to the columns after the last whole block.
    block_BN, column_BN = top.indices // _BLOCK, top.indices % _BLOCK
    inside_BN, block_BN = block_BN < count, block_BN.clamp(max=count - 1)
    place_BN, width = top.indices - count * _BLOCK, max(V - whole, 1)
    return Extensions(
        top.values,
        torch.where(inside_BN, slots_BN.gather(1, block_BN), place_BN // width),
        torch.where(inside_BN, chosen_blocks_BN.gather(1, block_BN) * _BLOCK + column_BN, whole + place_BN % width),
    )
