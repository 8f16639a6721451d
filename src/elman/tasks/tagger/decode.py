"""From a network's scores to the likeliest tags. Knows nothing about words."""

from __future__ import annotations

from typing import NamedTuple

import torch

from elman.tasks.tagger.network import Scores, TaggerNetwork
from elman.types import Batch

__all__ = ["Answer", "decode"]


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


def decode(model: TaggerNetwork, scores: Scores, batch: Batch) -> list[Answer]:
    """An Answer for every row of a batch."""
    logits_BTV = scores.logits_BTV.float()
    lengths_B = batch.lengths_B
    if lengths_B is None:
        lengths_B = torch.full(logits_BTV.shape[:1], logits_BTV.shape[1])
    if model.crf is None:
        probabilities_BTV = logits_BTV.softmax(dim=-1)
        tags_BT = logits_BTV.argmax(dim=-1)
    else:
        probabilities_BTV = model.crf.marginals(logits_BTV, lengths_B)
        tags_BT = model.crf.best_paths(logits_BTV, lengths_B)[0].clamp_min(0)
    chosen_BT = probabilities_BTV.gather(2, tags_BT[..., None])[..., 0]
    intents, certain = [0] * len(tags_BT), [1.0] * len(tags_BT)
    if scores.intents_BV is not None:
        best = scores.intents_BV.float().softmax(dim=-1).max(dim=-1)
        intents, certain = best.indices.tolist(), best.values.tolist()
    rows = zip(tags_BT.tolist(), chosen_BT.tolist(), lengths_B.tolist(), intents, certain, strict=True)
    return [Answer(tags[:length], given[:length], intent, sure) for tags, given, length, intent, sure in rows]
