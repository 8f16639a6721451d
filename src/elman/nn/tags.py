"""Decoding and loss of tags, with a softmax or a CRF, and the tag sequences that a tagging scheme allows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from elman.data.tagged.spans import allowed_ends, allowed_step
from elman.errors import ConfigError
from elman.nn.crf import CRF, TransitionMask
from elman.state import IGNORE_INDEX, Batch

__all__ = ["TagLogits", "TagPredictions", "batch_loss", "count_right", "decode", "tag_crf"]

# A CRF has a weight for each pair of tags, and needs as much memory per row at every time step.
_MAX_CRF_TAGS = 2000


class TagLogits(NamedTuple):
    """Logits of a tagger: `logits_BTV` of the tags, and `intents_BC` of the sentence labels, None if there are none."""

    logits_BTV: Tensor
    intents_BC: Tensor | None


class TagPredictions(NamedTuple):
    """Prediction for one sequence, as ids.

    tags                the most likely tag of each time step; with a CRF, the tags of the most likely path
    probabilities       of each of these tags; with a CRF, the marginals
    intent              the most likely label of the sentence; 0 if the network predicts none
    intent_probability  of this label; 1 if the network predicts none
    """

    tags: list[int]
    probabilities: list[float]
    intent: int
    intent_probability: float


def tag_crf(tags: Sequence[str], scheme: str | None) -> CRF:
    """Build a CRF over these tags that allows the paths that are valid in the tagging scheme; None allows all paths.

    Raises ConfigError for too many tags.
    """
    if len(tags) > _MAX_CRF_TAGS:
        raise ConfigError(
            f"expected at most {_MAX_CRF_TAGS} tags for a CRF; head=softmax takes more. Received: {len(tags)}"
        )
    if scheme is None:
        return CRF(len(tags))
    steps = [[allowed_step(scheme, before, after) for after in tags] for before in tags]
    starts, stops = zip(*(allowed_ends(scheme, tag) for tag in tags), strict=True)
    # `torch.tensor` of lists gives boolean tensors on the device "meta" too, where they have no values.
    return CRF(len(tags), TransitionMask(torch.tensor(steps), torch.tensor(starts), torch.tensor(stops)))


def decode(output: TagLogits, lengths_B: Tensor | None, crf: CRF | None) -> list[TagPredictions]:
    """Return the most likely tags of every row of a batch, with their probabilities."""
    logits_BTV = output.logits_BTV.float()
    if lengths_B is None:
        lengths_B = torch.full(logits_BTV.shape[:1], logits_BTV.shape[1])
    if crf is None:
        probabilities_BTV = logits_BTV.softmax(dim=-1)
        tags_BT = logits_BTV.argmax(dim=-1)
    else:
        probabilities_BTV = crf.marginals(logits_BTV, lengths_B)
        tags_BT = crf.best_paths(logits_BTV, lengths_B)[0].clamp_min(0)
    chosen_BT = probabilities_BTV.gather(2, tags_BT[..., None])[..., 0]
    intents, intent_probabilities = [0] * len(tags_BT), [1.0] * len(tags_BT)
    if output.intents_BC is not None:
        best = output.intents_BC.float().softmax(dim=-1).max(dim=-1)
        intents, intent_probabilities = best.indices.tolist(), best.values.tolist()
    rows = zip(tags_BT.tolist(), chosen_BT.tolist(), lengths_B.tolist(), intents, intent_probabilities, strict=True)
    return [
        TagPredictions(tags[:length], probabilities[:length], intent, intent_probability)
        for tags, probabilities, length, intent, intent_probability in rows
    ]


def batch_loss(output: TagLogits, batch: Batch, crf: CRF | None, intent_weight: float) -> tuple[Tensor, int]:
    """Return the sum of the losses of a batch in nats, and the number of time steps that have a tag loss.

    The loss of sentence labels is multiplied by `intent_weight`. Tags and labels that are IGNORE_INDEX have no loss.
    With a CRF, a sentence with such a tag or with a forbidden path has no tag loss.
    """
    device = output.logits_BTV.device
    tags_BT = batch.targets_BT.tags_BT.to(device)  # type: ignore[attr-defined]
    intents_B = batch.targets_BT.intents_B.to(device)  # type: ignore[attr-defined]
    logits_BTV = output.logits_BTV.float() if output.logits_BTV.dtype != torch.float64 else output.logits_BTV
    if crf is None:
        total = F.cross_entropy(logits_BTV.flatten(0, 1), tags_BT.flatten(), ignore_index=IGNORE_INDEX, reduction="sum")
        count = int((tags_BT != IGNORE_INDEX).sum())
    else:
        lengths_B = batch.lengths_B.to(device)  # type: ignore[union-attr]
        real_BT = torch.arange(tags_BT.shape[1], device=device) < lengths_B[:, None]
        counted_B = ((tags_BT != IGNORE_INDEX) | ~real_BT).all(dim=1) & crf.allows(tags_BT, lengths_B)
        nats_B = -crf.log_likelihood(logits_BTV, tags_BT.clamp_min(0), lengths_B)
        total = nats_B.masked_fill(~counted_B, 0.0).sum()
        count = int(lengths_B[counted_B].sum())
    if output.intents_BC is not None:
        nats = F.cross_entropy(output.intents_BC.float(), intents_B, ignore_index=IGNORE_INDEX, reduction="sum")
        total = total + intent_weight * nats
    return total, count


def count_right(logits_NV: Tensor, targets_N: Tensor) -> tuple[Tensor, int]:
    """Return how many targets have the largest logit, on the logits' device, and how many are not IGNORE_INDEX."""
    right = (logits_NV.detach().argmax(dim=-1) == targets_N.to(logits_NV.device)).sum()
    return right, int((targets_N != IGNORE_INDEX).sum())
