"""What a tagger is to get better at: the likelihood of the tags, and of the sentence labels where they are learnt."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from elman.data.batches import in_order
from elman.data.tagged.encoded import Encoded, Ints, Sentences
from elman.data.tagged.vocabulary import TaggerVocabulary
from elman.metrics.tagging import figures_of
from elman.tasks.tagger.decode import Answer, decode
from elman.tasks.tagger.network import Scores, TaggerNetwork
from elman.types import IGNORED, Batch, State, map_leaves

__all__ = ["TagLikelihood", "answers", "batch_loss", "measure"]

# Rows and, padding included, steps of a batch of an evaluation.
_ROWS, _STEPS = 64, 8192


class TagLikelihood:
    """Negative log-likelihood of the tags, and of the sentence labels times their weight, by step.

    A tag or label that is not known from training counts in no loss; with a CRF neither does a sentence with such a
    tag, or with a path that is not allowed.

    Args:
        model: the network.
        vocabulary: the names of the answers.
        held_out: the sequences of the evaluation; None when nothing is held out.
    """

    def __init__(self, model: TaggerNetwork, vocabulary: TaggerVocabulary, held_out: Encoded | None = None) -> None:
        self.model = model
        self.vocabulary = vocabulary
        self.held_out = held_out

    def initial_state(self, batch_size: int) -> State:
        """None: every sequence starts anew."""
        del batch_size
        return ()

    def loss(self, batch: Batch, state: State) -> tuple[Tensor, int, State]:
        """The sum of nats over the counted steps, their number, and the empty state."""
        scores = self.model(_moved(batch.inputs_BT, self.model), batch.lengths_B)
        total, count = batch_loss(self.model, scores, batch)
        return total, count, state

    def evaluate(self, limit: int = 0) -> dict[str, float]:
        """Loss, accuracy, span F1 where the tags tell of spans, and those of sentence labels; empty without data."""
        if self.held_out is None:
            return {}
        figures, _ = measure(self.model, self.vocabulary, self.held_out, limit)
        judged = [figures[name] for name in ("f1", "intent_accuracy") if name in figures]
        if "f1" not in figures:
            judged.append(figures["accuracy"])
        return {**figures, "selection": 1.0 - sum(judged) / len(judged)}


def batch_loss(model: TaggerNetwork, scores: Scores, batch: Batch) -> tuple[Tensor, int]:
    """The sum of nats over a batch, and how many steps are counted."""
    device = scores.logits_BTV.device
    tags_BT = batch.targets_BT.tags_BT.to(device)  # type: ignore[attr-defined]
    intents_B = batch.targets_BT.intents_B.to(device)  # type: ignore[attr-defined]
    logits_BTV = scores.logits_BTV.float() if scores.logits_BTV.dtype != torch.float64 else scores.logits_BTV
    if model.crf is None:
        total = F.cross_entropy(logits_BTV.flatten(0, 1), tags_BT.flatten(), ignore_index=IGNORED, reduction="sum")
        count = int((tags_BT != IGNORED).sum())
    else:
        lengths_B = batch.lengths_B.to(device)  # type: ignore[union-attr]
        real_BT = torch.arange(tags_BT.shape[1], device=device) < lengths_B[:, None]
        counted_B = ((tags_BT != IGNORED) | ~real_BT).all(dim=1) & model.crf.allows(tags_BT, lengths_B)
        nats_B = -model.crf.log_likelihood(logits_BTV, tags_BT.clamp_min(0), lengths_B)
        total = nats_B.masked_fill(~counted_B, 0.0).sum()
        count = int(lengths_B[counted_B].sum())
    if scores.intents_BV is not None:
        nats = F.cross_entropy(scores.intents_BV.float(), intents_B, ignore_index=IGNORED, reduction="sum")
        total = total + model.config.intent_weight * nats
    return total, count


def measure(
    model: TaggerNetwork, vocabulary: TaggerVocabulary, data: Encoded, limit: int = 0
) -> tuple[dict[str, float], list[Answer]]:
    """Figures on `data`, and the answers they are of; with `limit`, of sequences at even distances, of at most about
    so many steps in all (0: all)."""
    share = min(1.0, limit / max(int(np.sum(data.lengths)), 1)) if limit else 1.0
    count = max(1, int(share * len(data)))
    rows = np.arange(count) * len(data) // count
    nats, steps = 0.0, 0
    found: dict[int, Answer] = {}
    for part, scores, batch in _scored(model, data, rows):
        total, counted = batch_loss(model, scores, batch)
        nats, steps = nats + float(total), steps + counted
        found.update(zip(part.tolist(), decode(model, scores, batch), strict=True))
    given = [found[row] for row in rows.tolist()]
    figures = figures_of(
        data.data.take(rows.tolist()),
        [[vocabulary.tags[tag] for tag in answer.tags] for answer in given],
        [vocabulary.intents[answer.intent] for answer in given] if vocabulary.intents else None,
        spans=vocabulary.scheme is not None,
    )
    return {"loss": nats / max(steps, 1), **figures}, given


def answers(model: TaggerNetwork, data: Encoded) -> list[Answer]:
    """The likeliest tags of every sequence, in order."""
    found: dict[int, Answer] = {}
    for part, scores, batch in _scored(model, data, np.arange(len(data))):
        found.update(zip(part.tolist(), decode(model, scores, batch), strict=True))
    return [found[row] for row in range(len(data))]


def _scored(model: TaggerNetwork, data: Encoded, rows: Ints) -> Iterator[tuple[Ints, Scores, Batch]]:
    """Every batch of `rows`, with their numbers and the network's scores."""
    with torch.no_grad():
        for part, batch in in_order(data.lengths, data.batch, batch_size=_ROWS, steps=_STEPS, rows=rows):
            yield part, model(_moved(batch.inputs_BT, model), batch.lengths_B), batch


def _moved(inputs: Sentences | Tensor, model: TaggerNetwork) -> Sentences | Tensor:
    """The inputs on the network's device."""
    device = model.head.weight.device
    moved: Sentences | Tensor = map_leaves(lambda leaf: leaf.to(device), inputs)
    return moved
