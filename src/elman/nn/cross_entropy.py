"""Fused linear layer and cross-entropy loss.

With a large vocabulary most of the memory traffic of a training step is in the logits. They are computed once, in the
dtype of the product, and overwritten by their gradient a few rows at a time, while these rows are in the CPU cache. The
probabilities of all rows are never in memory together.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from elman.errors import ShapeError

__all__ = ["linear_cross_entropy"]

# Number of rows whose probabilities are in memory at a time.
_ROWS = 64


def linear_cross_entropy(
    x_NR: Tensor, weight_VR: Tensor, bias_V: Tensor, targets_N: Tensor, smoothing: float = 0.0
) -> Tensor:
    """Return the cross-entropy of softmax(W x + b), summed over rows, in nats: a scalar of at least float32.

    weight_VR  may have more than V rows, where V is the size of `bias_V`; the extra rows are unused, with gradient 0
    targets_N  int64, from 0 to V - 1
    smoothing  label smoothing: share of the probability that is spread evenly over all V (Szegedy et al. 2016)

    Under autocast the products use the autocast dtype. The result can be differentiated only once. Raises ShapeError
    for tensors whose shapes do not match.
    """
    rows, size = bias_V.shape[0], weight_VR.shape[-1]
    if x_NR.dim() != 2 or x_NR.shape[1] != size or weight_VR.shape[0] < rows or targets_N.shape != x_NR.shape[:1]:
        raise ShapeError(
            f"expected x_NR, weight_VR, bias_V and targets_N that fit. Received: {tuple(x_NR.shape)}, "
            f"{tuple(weight_VR.shape)}, {tuple(bias_V.shape)}, {tuple(targets_N.shape)}"
        )
    device = x_NR.device.type
    dtype = torch.get_autocast_dtype(device) if torch.is_autocast_enabled(device) else x_NR.dtype
    apply: Any = _LinearCrossEntropy.apply
    total: Tensor = apply(x_NR, weight_VR, bias_V, targets_N, smoothing, dtype)
    return total


class _LinearCrossEntropy(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,
        x_NR: Tensor,
        weight_VR: Tensor,
        bias_V: Tensor,
        targets_N: Tensor,
        smoothing: float,
        dtype: torch.dtype,
    ) -> Tensor:
        V = bias_V.shape[0]
        given_NR, used_VR = x_NR.to(dtype), weight_VR[:V].to(dtype)
        with torch.autocast(x_NR.device.type, enabled=False):
            scores_NV = torch.addmm(bias_V.to(dtype), given_NR, used_VR.mT)
        wanted = any(ctx.needs_input_grad[:3])
        exact = torch.promote_types(dtype, torch.float32)
        total = torch.zeros((), dtype=exact, device=x_NR.device)
        # Summed here while the rows are in the cache: a sum in the backward pass would read all of them again.
        d_bias_V = torch.zeros(V, dtype=exact, device=x_NR.device) if ctx.needs_input_grad[2] else None
        for part_MV, targets_M in zip(scores_NV.split(_ROWS), targets_N.split(_ROWS), strict=True):
            logits_MV = part_MV.to(exact)
            shares_MV = torch.softmax(logits_MV, dim=1)
            # logsumexp from the largest probability, which is exp(max - logsumexp).
            sums_M = logits_MV.amax(dim=1) - shares_MV.amax(dim=1).log()
            target_M = logits_MV.gather(1, targets_M[:, None])[:, 0]
            mixed_M = (1.0 - smoothing) * target_M
            if smoothing:
                mixed_M = mixed_M + smoothing * logits_MV.mean(dim=1)
            total += (sums_M - mixed_M).sum()
            if wanted:
                if smoothing:
                    shares_MV.sub_(smoothing / V)
                certain_M1 = shares_MV.new_full((len(targets_M), 1), smoothing - 1.0)
                shares_MV.scatter_add_(1, targets_M[:, None], certain_M1)
                part_MV.copy_(shares_MV)
                if d_bias_V is not None:
                    d_bias_V += shares_MV.sum(dim=0)
        if wanted:
            ctx.save_for_backward(scores_NV, given_NR, used_VR, d_bias_V)
            ctx.given, ctx.weight, ctx.bias = x_NR.dtype, (weight_VR.shape, weight_VR.dtype), bias_V.dtype
        return total

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, scale: Tensor) -> tuple[Tensor | None, ...]:
        gradient_NV, given_NR, used_VR, d_bias_V = ctx.saved_tensors
        scale = scale.to(given_NR.dtype)
        x_NR = weight_VR = bias_V = None
        with torch.autocast(given_NR.device.type, enabled=False):
            if ctx.needs_input_grad[0]:
                x_NR = (gradient_NV @ used_VR).to(ctx.given) * scale.to(ctx.given)
            if ctx.needs_input_grad[1]:
                shape, dtype = ctx.weight
                weight_VR = torch.empty(shape, dtype=dtype, device=given_NR.device)
                weight_VR[: len(used_VR)] = gradient_NV.mT @ (given_NR * scale)
                weight_VR[len(used_VR) :] = 0.0
            if d_bias_V is not None:
                bias_V = d_bias_V.to(ctx.bias) * scale.to(ctx.bias)
        return x_NR, weight_VR, bias_V, None, None, None
