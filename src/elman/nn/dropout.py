"""Dropout for sequences, with a new mask at every time step or one mask for all time steps (variational)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from elman.errors import ConfigError

__all__ = [
    "SequenceDropout",
    "SharedMasks",
    "check_rate",
    "dropout_mask",
    "sequence_dropout",
    "weight_dropout",
    "word_dropout",
]

# Draws a mask, or returns one that was drawn before; None where every mask is drawn.
_sharing: ContextVar[Callable[[Callable[[], Tensor]], Tensor] | None] = ContextVar("sharing", default=None)


class SharedMasks:
    """The masks that one pass over sequences draws for all time steps, for a pass that is made in several calls."""

    def __init__(self) -> None:
        self._masks: list[Tensor] = []

    def __len__(self) -> int:
        return len(self._masks)

    @contextmanager
    def shared(self, known: int) -> Iterator[None]:
        """Context manager of a call: its first `known` masks are those of the calls before, and others are drawn."""
        drawn = 0

        def next_mask(draw: Callable[[], Tensor]) -> Tensor:
            nonlocal drawn
            mask = self._masks[drawn] if drawn < known else draw()
            if drawn == len(self._masks):
                self._masks.append(mask)
            drawn += 1
            return mask

        token = _sharing.set(next_mask)
        try:
            yield
        finally:
            _sharing.reset(token)


def check_rate(name: str, rate: float) -> float:
    """Return `rate` as a float. Raises ConfigError unless 0 <= rate < 1."""
    if not 0.0 <= rate < 1.0:
        raise ConfigError(f"expected {name} from 0 up to, but not including, 1. Received: {rate}")
    return float(rate)


def dropout_mask(rate: float, batch_size: int, features: int, like: Tensor) -> Tensor:
    """Draw a dropout mask of shape B x F: zero with probability `rate`, 1 / (1 - rate) otherwise."""
    keep = 1.0 - rate

    def draw() -> Tensor:
        return torch.empty(batch_size, features, device=like.device, dtype=like.dtype).bernoulli_(keep).div_(keep)

    next_mask = _sharing.get()
    return draw() if next_mask is None else next_mask(draw)


def word_dropout(x_BTE: Tensor, tokens_BT: Tensor, rate: float, vocabulary_size: int) -> Tensor:
    """Apply dropout to whole words of an embedding: one mask over the vocabulary (Gal & Ghahramani 2016)."""
    mask_V1 = dropout_mask(rate, vocabulary_size, 1, x_BTE)
    return x_BTE * mask_V1[tokens_BT]


def weight_dropout(weight: Tensor, rate: float) -> Tensor:
    """Apply dropout to recurrent weights, with one mask for all time steps (Merity et al. 2018)."""
    next_mask = _sharing.get()
    if next_mask is None:
        return F.dropout(weight, rate)
    return weight * next_mask(lambda: F.dropout(torch.ones_like(weight), rate))


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
