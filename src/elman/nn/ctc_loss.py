"""The loss of connectionist temporal classification (Graves et al. 2006), by row."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor

from elman.data.transcripts.vocabulary import BLANK
from elman.decode.ctc import Scores
from elman.types import Batch

__all__ = ["batch_loss"]


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
