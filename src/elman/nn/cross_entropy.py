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
from elman.former import former_keywords

__all__ = ["linear_cross_entropy"]

# Number of rows whose probabilities are in memory at a time.
_ROWS = 64


@former_keywords({"x_NR": "x_NY", "weight_VR": "weight_VY"})
def linear_cross_entropy(
    x_NY: Tensor,
    weight_VY: Tensor,
    bias_V: Tensor,
    targets_N: Tensor,
    smoothing: float = 0.0,
    right: list[Tensor] | None = None,
) -> Tensor:
    """Return the cross-entropy of softmax(W x + b), summed over rows, in nats: a scalar of at least float32.

    weight_VY  may have more than V rows, where V is the size of `bias_V`; the extra rows are unused, with gradient 0
    targets_N  int64, from 0 to V - 1
    smoothing  label smoothing: share of the probability that is spread evenly over all V (Szegedy et al. 2016)
    right      a list to which a tensor is added: the number of targets with the largest logit. In 16 bits logits can be
               equal: targets that share the largest one count

    Under autocast the products use the autocast dtype. The result can be differentiated only once. Raises ShapeError
    for tensors whose shapes do not match.
    """
    rows, size = bias_V.shape[0], weight_VY.shape[-1]
    if x_NY.dim() != 2 or x_NY.shape[1] != size or weight_VY.shape[0] < rows or targets_N.shape != x_NY.shape[:1]:
        raise ShapeError(
            f"expected x_NY, weight_VY, bias_V and targets_N that fit. Received: {tuple(x_NY.shape)}, "
            f"{tuple(weight_VY.shape)}, {tuple(bias_V.shape)}, {tuple(targets_N.shape)}"
        )
    device = x_NY.device.type
    dtype = torch.get_autocast_dtype(device) if torch.is_autocast_enabled(device) else x_NY.dtype
    apply: Any = _LinearCrossEntropy.apply
    total: Tensor = apply(x_NY, weight_VY, bias_V, targets_N, smoothing, dtype, right)
    return total


class _LinearCrossEntropy(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,
        x_NY: Tensor,
        weight_VY: Tensor,
        bias_V: Tensor,
        targets_N: Tensor,
        smoothing: float,
        dtype: torch.dtype,
        right: list[Tensor] | None,
    ) -> Tensor:
        V = bias_V.shape[0]
        input_NY, used_weight_VY = x_NY.to(dtype), weight_VY[:V].to(dtype)
        with torch.autocast(x_NY.device.type, enabled=False):
            logits_NV = torch.addmm(bias_V.to(dtype), input_NY, used_weight_VY.mT)
        needs_gradient = any(ctx.needs_input_grad[:3])
        exact = torch.promote_types(dtype, torch.float32)
        total = torch.zeros((), dtype=exact, device=x_NY.device)
        # Summed here while the rows are in the cache: a sum in the backward pass would read all of them again.
        hits: list[Tensor] = []
        d_bias_V = torch.zeros(V, dtype=exact, device=x_NY.device) if ctx.needs_input_grad[2] else None
        for block_NV, block_targets_N in zip(logits_NV.split(_ROWS), targets_N.split(_ROWS), strict=True):
            exact_NV = block_NV.to(exact)
            probabilities_NV = torch.softmax(exact_NV, dim=1)
            # logsumexp from the largest probability, which is exp(max - logsumexp).
            largest_N = exact_NV.amax(dim=1)
            sums_N = largest_N - probabilities_NV.amax(dim=1).log()
            target_logits_N = exact_NV.gather(1, block_targets_N[:, None])[:, 0]
            if right is not None:
                hits.append(target_logits_N == largest_N)
            smoothed_N = (1.0 - smoothing) * target_logits_N
            if smoothing:
                smoothed_N = smoothed_N + smoothing * exact_NV.mean(dim=1)
            total += (sums_N - smoothed_N).sum()
            if needs_gradient:
                gradient_NV = probabilities_NV  # changed in place
                if smoothing:
                    gradient_NV.sub_(smoothing / V)
                correction_N1 = gradient_NV.new_full((len(block_targets_N), 1), smoothing - 1.0)
                gradient_NV.scatter_add_(1, block_targets_N[:, None], correction_N1)
                block_NV.copy_(gradient_NV)
                if d_bias_V is not None:
                    d_bias_V += gradient_NV.sum(dim=0)
        if right is not None:
            right.append(torch.cat(hits).sum())
        if needs_gradient:
            ctx.save_for_backward(logits_NV, input_NY, used_weight_VY, d_bias_V)
            ctx.input_dtype, ctx.weight, ctx.bias = x_NY.dtype, (weight_VY.shape, weight_VY.dtype), bias_V.dtype
        return total

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, scale: Tensor) -> tuple[Tensor | None, ...]:
        gradient_NV, input_NY, used_weight_VY, d_bias_V = ctx.saved_tensors
        scale = scale.to(input_NY.dtype)
        d_x_NY = d_weight_VY = None
        with torch.autocast(input_NY.device.type, enabled=False):
            if ctx.needs_input_grad[0]:
                d_x_NY = (gradient_NV @ used_weight_VY).to(ctx.input_dtype) * scale.to(ctx.input_dtype)
            if ctx.needs_input_grad[1]:
                shape, dtype = ctx.weight
                d_weight_VY = torch.empty(shape, dtype=dtype, device=input_NY.device)
                d_weight_VY[: len(used_weight_VY)] = gradient_NV.mT @ (input_NY * scale)
                d_weight_VY[len(used_weight_VY) :] = 0.0
            if d_bias_V is not None:
                d_bias_V = d_bias_V.to(ctx.bias) * scale.to(ctx.bias)
        return d_x_NY, d_weight_VY, d_bias_V, None, None, None, None
