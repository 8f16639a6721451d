"""Tags from scores: the likeliest ones, the likelihood of the true ones, and the paths that a notation allows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from elman.data.tagged.spans import allowed_ends, allowed_step
from elman.errors import ConfigError
from elman.nn.crf import CRF, Allowed
from elman.types import IGNORED, Batch

__all__ = ["Answer", "Scores", "batch_loss", "decode", "tag_crf"]

# A CRF has a weight for each pair of tags, and needs that many numbers a row at every step.
_MOST_CRF_TAGS = 2000


class Scores(NamedTuple):
    """What the network says: `logits_BTV` of every step's tag, and `intents_BV` of the sentence's label, if learnt."""

    logits_BTV: Tensor
    intents_BV: Tensor | None


class Answer(NamedTuple):
    """What is answered to one sequence, by numbers.

    tags                the likeliest tag of each step; with a CRF, those of the likeliest path
    probabilities       of each of them; with a CRF, over all paths
    intent              the likeliest label of the sentence; 0 where none is learnt
    intent_probability  of it; 1 where none is learnt
    """

    tags: list[int]
    probabilities: list[float]
    intent: int
    intent_probability: float


def tag_crf(tags: Sequence[str], scheme: str | None) -> CRF:
    """A CRF over these tags, with the paths that the notation of spans `scheme` allows; None for all.

    Raises ConfigError for too many tags.
    """
    if len(tags) > _MOST_CRF_TAGS:
        raise ConfigError(
            f"expected at most {_MOST_CRF_TAGS} tags for a CRF; head=softmax takes more. Received: {len(tags)}"
        )
    if scheme is None:
        return CRF(len(tags))
    steps = [[allowed_step(scheme, before, after) for after in tags] for before in tags]
    starts, stops = zip(*(allowed_ends(scheme, tag) for tag in tags), strict=True)
    # Under a device of "meta" this must hold booleans too, which have no values there.
    return CRF(len(tags), Allowed(torch.tensor(steps), torch.tensor(starts), torch.tensor(stops)))


def decode(scores: Scores, lengths_B: Tensor | None, crf: CRF | None) -> list[Answer]:
    """An Answer for every row of a batch."""
    logits_BTV = scores.logits_BTV.float()
    if lengths_B is None:
        lengths_B = torch.full(logits_BTV.shape[:1], logits_BTV.shape[1])
    if crf is None:
        probabilities_BTV = logits_BTV.softmax(dim=-1)
        tags_BT = logits_BTV.argmax(dim=-1)
    else:
        probabilities_BTV = crf.marginals(logits_BTV, lengths_B)
        tags_BT = crf.best_paths(logits_BTV, lengths_B)[0].clamp_min(0)
    chosen_BT = probabilities_BTV.gather(2, tags_BT[..., None])[..., 0]
    intents, certain = [0] * len(tags_BT), [1.0] * len(tags_BT)
    if scores.intents_BV is not None:
        best = scores.intents_BV.float().softmax(dim=-1).max(dim=-1)
        intents, certain = best.indices.tolist(), best.values.tolist()
    rows = zip(tags_BT.tolist(), chosen_BT.tolist(), lengths_B.tolist(), intents, certain, strict=True)
    return [Answer(tags[:length], given[:length], intent, sure) for tags, given, length, intent, sure in rows]


def batch_loss(scores: Scores, batch: Batch, crf: CRF | None, intent_weight: float) -> tuple[Tensor, int]:
    """The sum of nats over a batch, those of sentence labels times `intent_weight`, and how many steps are counted.

    A tag or label that is IGNORED counts in no loss; with a CRF neither does a sentence with such a tag, or with a path
    that is not allowed.
    """
    device = scores.logits_BTV.device
    tags_BT = batch.targets_BT.tags_BT.to(device)  # type: ignore[attr-defined]
    intents_B = batch.targets_BT.intents_B.to(device)  # type: ignore[attr-defined]
    logits_BTV = scores.logits_BTV.float() if scores.logits_BTV.dtype != torch.float64 else scores.logits_BTV
    if crf is None:
        total = F.cross_entropy(logits_BTV.flatten(0, 1), tags_BT.flatten(), ignore_index=IGNORED, reduction="sum")
        count = int((tags_BT != IGNORED).sum())
    else:
        lengths_B = batch.lengths_B.to(device)  # type: ignore[union-attr]
        real_BT = torch.arange(tags_BT.shape[1], device=device) < lengths_B[:, None]
        counted_B = ((tags_BT != IGNORED) | ~real_BT).all(dim=1) & crf.allows(tags_BT, lengths_B)
        nats_B = -crf.log_likelihood(logits_BTV, tags_BT.clamp_min(0), lengths_B)
        total = nats_B.masked_fill(~counted_B, 0.0).sum()
        count = int(lengths_B[counted_B].sum())
    if scores.intents_BV is not None:
        nats = F.cross_entropy(scores.intents_BV.float(), intents_B, ignore_index=IGNORED, reduction="sum")
        total = total + intent_weight * nats
    return total, count
