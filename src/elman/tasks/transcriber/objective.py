"""What a transcriber is to get better at: the likelihood of texts over all alignments, and error rates held out."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from elman.data.batches import in_order
from elman.metrics.transcription import figures_of
from elman.tasks.transcriber.batches import Encoded, Ints
from elman.tasks.transcriber.decode import Find, greedy
from elman.tasks.transcriber.network import Scores, TranscriberNetwork
from elman.tasks.transcriber.vocabulary import BLANK, TranscriberVocabulary
from elman.types import Batch, State

__all__ = ["CTCLikelihood", "batch_loss", "measure", "scored"]

# Rows and, padding included, frames of a batch of an evaluation.
_ROWS, _FRAMES = 64, 1 << 15

# Of two networks with the same character error rate, the one with the lower loss is kept.
_TIE = 1e-6


class CTCLikelihood:
    """Connectionist temporal classification (Graves et al. 2006): the negative logarithm of the probability of a text,
    summed over all alignments of its tokens with the steps, by token.

    Args:
        model: the network.
        vocabulary: the tokens.
        held_out: the recordings of the evaluation; None when nothing is held out.
    """

    def __init__(
        self, model: TranscriberNetwork, vocabulary: TranscriberVocabulary, held_out: Encoded | None = None
    ) -> None:
        self.model = model
        self.vocabulary = vocabulary
        self.held_out = held_out

    def initial_state(self, batch_size: int) -> State:
        """None: every recording starts anew."""
        del batch_size
        return ()

    def loss(self, batch: Batch, state: State) -> tuple[Tensor, int, State]:
        """The sum of nats over the tokens, their number, and the empty state."""
        nats_B, counts_B = batch_loss(self.model(batch.inputs_BT.to(_device(self.model)), batch.lengths_B), batch)
        return nats_B.sum(), int(counts_B.sum()), state

    def evaluate(self, limit: int = 0) -> dict[str, float]:
        """Loss, word and character error rate, and the share of whole texts that are right; empty without data."""
        if self.held_out is None:
            return {}
        figures, _ = measure(self.model, self.vocabulary, self.held_out, limit)
        loss = figures["loss"] if math.isfinite(figures["loss"]) else 0.0
        return {**figures, "selection": figures["cer"] + _TIE * loss}


def batch_loss(scores: Scores, batch: Batch) -> tuple[Tensor, Tensor]:
    """The nats of every row, in float32, infinite where its text needs more steps than there are; and how many tokens
    each counts for: those of its text, and 1 for an empty one."""
    targets = batch.targets_BT
    log_probs_TBV = scores.logits_BTV.float().log_softmax(dim=-1).transpose(0, 1)
    nats_B = F.ctc_loss(
        log_probs_TBV,
        targets.tokens_N.to(log_probs_TBV.device),  # type: ignore[attr-defined]
        scores.lengths_B.cpu(),
        targets.lengths_B,  # type: ignore[attr-defined]
        blank=BLANK,
        reduction="none",
    )
    return nats_B, targets.lengths_B.clamp(min=1)  # type: ignore[attr-defined]


def measure(
    model: TranscriberNetwork, vocabulary: TranscriberVocabulary, data: Encoded, limit: int = 0, find: Find = greedy
) -> tuple[dict[str, float], list[str]]:
    """Figures on `data`, and the texts they are of; `find` says how these are found.

    Texts that need more steps than there are count in the error rates, and in `too_long`, but in no loss. With `limit`,
    recordings at even distances are taken, of at most about so many tokens in all (0: all).
    """
    tokens = sum(map(len, data.tokens or []))
    share = min(1.0, limit / max(tokens, 1)) if limit else 1.0
    count = max(1, int(share * len(data)))
    rows = np.arange(count) * len(data) // count
    nats, steps = 0.0, 0
    found: dict[int, str] = {}
    for part, scores, batch in scored(model, data, rows):
        nats_B, counts_B = batch_loss(scores, batch)
        fits_B = torch.from_numpy(data.fits[part])
        nats += float(nats_B.cpu()[fits_B].double().sum())
        steps += int(counts_B[fits_B].sum())
        for row, answers in zip(part.tolist(), find(scores), strict=True):
            found[row] = vocabulary.tokens.decode(answers[0].tokens)
    given = [found[row] for row in rows.tolist()]
    truth = [(data.data.texts or [])[row] for row in rows.tolist()]
    if vocabulary.lowercase:
        truth = [text.lower() for text in truth]
    loss = nats / steps if steps else math.inf
    return {"loss": loss, **figures_of(truth, given), "too_long": int((~data.fits[rows]).sum())}, given


def scored(model: TranscriberNetwork, data: Encoded, rows: Ints) -> Iterator[tuple[Ints, Scores, Batch]]:
    """Every batch of `rows`, with their numbers and the network's scores."""
    with torch.no_grad():
        for part, batch in in_order(data.lengths, data.batch, batch_size=_ROWS, steps=_FRAMES, rows=rows):
            yield part, model(batch.inputs_BT.to(_device(model)), batch.lengths_B), batch


def _device(model: TranscriberNetwork) -> torch.device:
    return model.head.weight.device
