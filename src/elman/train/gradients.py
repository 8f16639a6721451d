"""Gradients of a step: clipping, and when a run stops because they explode.

A gradient that explodes in a single step is usual where the loss has a cliff (Pascanu et al. 2013): clipping keeps its
direction and bounds the step, so the run goes on. Gradients that explode in every step are those of a run that has
diverged. A gradient that is not finite has no direction, so its step cannot be made.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

import torch
from torch import Tensor, nn

from elman.errors import DivergenceError
from elman.train.config import TrainConfig

__all__ = ["Explosions", "clip_gradients"]

# A run with clipped gradients stops after so many steps in a row with a norm above the bound.
_STEPS = 10


def clip_gradients(parameters: Iterable[nn.Parameter], config: TrainConfig) -> float:
    """Clip the gradients by norm and by value as `config` says; return their norm before."""
    with_gradient = [parameter for parameter in parameters if parameter.grad is not None]
    gradients = [parameter.grad for parameter in with_gradient if parameter.grad is not None]
    bound = config.clip_norm or math.inf
    norm = nn.utils.get_total_norm(gradients)
    if torch.isinf(norm):
        # Squares of finite numbers may be too large for float32.
        norm = nn.utils.get_total_norm([gradient.double() for gradient in gradients])
        if torch.isfinite(norm):
            _scale(gradients, min(1.0, bound / float(norm)))
    else:
        nn.utils.clip_grads_with_norm_(with_gradient, bound, norm)
    if config.clip_value:
        nn.utils.clip_grad_value_(with_gradient, config.clip_value)
    return float(norm)


def _scale(gradients: Sequence[Tensor], factor: float) -> None:
    for gradient in gradients:
        gradient.mul_(factor)


class Explosions:
    """Counts the steps in a row whose gradient norm before clipping was above `explosion`."""

    def __init__(self, config: TrainConfig) -> None:
        self.bound = config.explosion
        self.most = _STEPS if config.clip_norm else 1
        self.count = 0

    def check(self, loss: float, norm: float, step: int) -> None:
        """Count a step. Raises DivergenceError where it must not be made."""
        if not math.isfinite(loss):
            raise DivergenceError(f"expected a finite loss at step {step}. Received: {loss}", step)
        if not math.isfinite(norm):
            raise DivergenceError(
                f"the gradient exploded at step {step}: expected a finite norm. Received: {norm:g}",
                step,
            )
        self.count = self.count + 1 if self.bound and norm > self.bound else 0
        if self.count >= self.most:
            often = f" in one of {self.most} steps in a row" if self.most > 1 else ""
            raise DivergenceError(
                f"the gradient exploded at step {step}: expected a norm of at most {self.bound:g}{often} "
                f"(explosion). Received: {norm:g}",
                step,
            )
