"""Log-probabilities of tokens in float64, and the check that they are numbers."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from elman.errors import DataError

__all__ = ["Doubles", "check_finite", "log_probabilities"]

Doubles: TypeAlias = npt.NDArray[np.float64]


def log_probabilities(logits: Tensor) -> Doubles:
    """Return the natural logarithms of the probabilities that belong to logits, over the last axis."""
    log_probs: Doubles = torch.log_softmax(logits.double(), dim=-1).cpu().numpy()
    return log_probs


def check_finite(logits: Tensor, what: str = "the next token") -> None:
    """Raise DataError unless all logits are finite; `what` says what they are of."""
    if not bool(torch.isfinite(logits).all()):
        raise DataError(f"expected finite logits of {what}. Received: NaN or infinity")
