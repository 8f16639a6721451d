"""Dropout for sequences, with a new mask at every time step or one mask for all time steps (variational)."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from elman.errors import ConfigError

__all__ = ["SequenceDropout", "check_rate", "dropout_mask", "sequence_dropout"]


def check_rate(name: str, rate: float) -> float:
    """Return `rate` as a float. Raises ConfigError unless 0 <= rate < 1."""
    if not 0.0 <= rate < 1.0:
        raise ConfigError(f"expected {name} from 0 up to, but not including, 1. Received: {rate}")
    return float(rate)


def dropout_mask(rate: float, batch_size: int, features: int, like: Tensor) -> Tensor:
    """Draw a dropout mask of shape B x F: zero with probability `rate`, 1 / (1 - rate) otherwise."""
    keep = 1.0 - rate
    return torch.empty(batch_size, features, device=like.device, dtype=like.dtype).bernoulli_(keep).div_(keep)


def sequence_dropout(x_BTF: Tensor, rate: float, *, variational: bool, training: bool) -> Tensor:
    """Apply dropout to a batch of sequences; `variational`: one mask for all time steps (Gal & Ghahramani 2016)."""
    if not training or rate == 0.0:
        return x_BTF
    if not variational:
        return F.dropout(x_BTF, rate)
    return x_BTF * dropout_mask(rate, x_BTF.shape[0], x_BTF.shape[2], x_BTF)[:, None]


class SequenceDropout(nn.Module):
    """`sequence_dropout` as a module: active in training mode only."""

    def __init__(self, variational: bool) -> None:
        super().__init__()
        self.variational = variational

    def forward(self, x_BTF: Tensor, rate: float) -> Tensor:
        """Apply dropout at `rate`."""
        return sequence_dropout(x_BTF, rate, variational=self.variational, training=self.training)
