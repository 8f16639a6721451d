"""Connectionist temporal classification loss (Graves et al. 2006) of every row."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor

from elman.data.transcripts.vocabulary import BLANK
from elman.decode.ctc import CtcLogits
from elman.state import Batch

__all__ = ["batch_loss"]


def batch_loss(output: CtcLogits, batch: Batch) -> tuple[Tensor, Tensor]:
    """Return the loss of every row in nats, float32, and the number of tokens of its text, at least 1.

    The loss is infinite where a text needs more time steps than its row has.
    """
    targets = batch.targets_BT
    log_probs_TBV = output.logits_BTV.float().log_softmax(dim=-1).transpose(0, 1)
    nats_B = F.ctc_loss(
        log_probs_TBV,
        targets.tokens_N.to(log_probs_TBV.device),  # type: ignore[attr-defined]
        output.lengths_B.cpu(),
        targets.lengths_B,  # type: ignore[attr-defined]
        blank=BLANK,
        reduction="none",
    )
    return nats_B, targets.lengths_B.clamp(min=1)  # type: ignore[attr-defined]
