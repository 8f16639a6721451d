"""A layer in differentiable torch operations: for second derivatives and batches of gradients, which C++ lacks."""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from elman.kernels.native.layer import Input, Layer
from elman.kernels.native.program import interpret

__all__ = ["gradients", "run_in_torch"]


def run_in_torch(layer: Layer) -> tuple[Tensor, list[Tensor]]:
    """Return the outputs `y_BTH` and the leaves of the final state, as `Layer.forward` does."""
    weight_ih, bias_ih, weight_hh, bias_hh = layer.products
    program = layer.program
    p_BTG = layer.x if layer.tokens_BT is None else F.embedding(layer.tokens_BT, layer.x)
    if layer.kind is Input.PRODUCT and weight_ih is not None:
        p_BTG = _product(p_BTG, weight_ih, bias_ih, layer.half)
    T = p_BTG.shape[1]
    leaves, outputs = [*layer.start], [layer.x.new_zeros(0)] * T
    for t in reversed(range(T)) if layer.reverse else range(T):
        u_blocks: tuple[Tensor, ...] = ()
        if weight_hh is not None:
            h_BH = leaves[program.h_leaf]
            h_BH = h_BH if layer.mask_BH is None else h_BH * layer.mask_BH
            u_blocks = _product(h_BH, weight_hh, bias_hh, layer.half).chunk(program.u_blocks, -1)
        p_blocks = p_BTG[:, t].chunk(program.p_blocks, -1)
        y_BH, new = interpret(program, p_blocks, u_blocks, leaves, layer.parameters)
        if layer.lengths_B is not None:
            alive_B1 = (t < layer.lengths_B)[:, None]
            y_BH = torch.where(alive_B1, y_BH, torch.zeros_like(y_BH))
            new = tuple(torch.where(alive_B1, after, before) for after, before in zip(new, leaves, strict=True))
        outputs[t], leaves = y_BH, [*new]
    return torch.stack(outputs, 1), leaves


def _product(x: Tensor, weight: Tensor, bias: Tensor | None, half: bool) -> Tensor:
    """Return the product of `x` and a weight; with `half`, of both rounded to bfloat16, with float32 sums."""
    if half:
        x, weight = (factor.bfloat16().float() for factor in (x, weight))
    return F.linear(x, weight, bias)


def gradients(layer: Layer, needed: Sequence[bool], d_outputs: Sequence[Tensor | None]) -> list[Tensor | None]:
    """Return the gradients of `layer.tensors` that are `needed`, with a graph if gradients are on.

    d_outputs  the gradients of the outputs and of the final leaves; torch's vmap may have made them batches
    """
    differentiable = torch.is_grad_enabled()
    with torch.enable_grad():
        # A weight that occurs twice gets a gradient for each place.
        layer = layer.with_tensors([tensor.view_as(tensor) for tensor in layer.tensors])
        y_BTH, final = run_in_torch(layer)
    made = [
        (output, d)
        for output, d in zip([y_BTH, *final], d_outputs, strict=True)
        if d is not None and output.requires_grad
    ]
    wanted = [tensor for tensor, need in zip(layer.tensors, needed, strict=True) if need]
    outputs, grads = [output for output, _ in made], [d for _, d in made]
    found = iter(torch.autograd.grad(outputs, wanted, grads, create_graph=differentiable, allow_unused=True))
    return [next(found) if need else None for need in needed]
