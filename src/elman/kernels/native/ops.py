"""One layer in one direction for autograd, and as operators `elman::layer` and `elman::layer_backward`.

The operators, which torch.compile uses, take a program by the digest of its equations. See `layer.py` for the
arguments.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import cache
from typing import Any

import torch
from torch import Tensor, nn

from elman.errors import KernelUnavailableError
from elman.kernels.native.differentiable import gradients
from elman.kernels.native.layer import PRODUCTS, GradientMask, Gradients, Input, Layer, Tape, tape_sizes
from elman.kernels.native.program import Program
from elman.kernels.recording import is_recorded

__all__ = ["remember", "run_layer"]

_SCHEMAS = {
    "layer": (
        "(Tensor x, Tensor? tokens_BT, Tensor? lengths_B, Tensor[] start, Tensor[] weights, Tensor? mask_BH, "
        "str program, int kind, int present, bool reverse, bool half, bool keep) -> Tensor[]"
    ),
    "layer_backward": (
        "(Tensor x, Tensor? tokens_BT, Tensor? lengths_B, Tensor[] start, Tensor[] weights, Tensor? mask_BH, "
        "Tensor records, Tensor states, Tensor? dy_BTH, Tensor?[] d_final, "
        "str program, int kind, int present, bool reverse, bool half, bool[] wanted) -> Tensor[]"
    ),
}
_programs: dict[str, Program] = {}
# Placeholder in a saved `Layer` for tensors that autograd saves.
_NONE = torch.empty(0, dtype=torch.float32, device="cpu")


def remember(program: Program) -> str:
    """Register `program` for the operators, and return its name."""
    _programs.setdefault(program.digest, program)
    return program.digest


def _layer(
    x: Tensor,
    tokens_BT: Tensor | None,
    lengths_B: Tensor | None,
    start: Sequence[Tensor],
    weights: Sequence[Tensor],
    mask_BH: Tensor | None,
    program: str,
    kind: int,
    present: int,
    reverse: bool,
    half: bool,
) -> Layer:
    if program not in _programs:
        raise KernelUnavailableError(
            f"expected a cell that has run in this process, whose equations a recorded layer needs. Received: the "
            f"equations {program}"
        )
    remaining = iter(weights)
    products = [next(remaining) if present >> place & 1 else None for place in range(len(PRODUCTS))]
    return Layer(
        _programs[program],
        Input(kind),
        x,
        tokens_BT,
        lengths_B,
        list(start),
        products,
        list(remaining),
        mask_BH,
        reverse,
        half,
    )


def _forward(*arguments: Any) -> list[Tensor]:
    """Return outputs, the leaves of the final state, and the tape: two tensors, empty when it is not kept."""
    *described, keep = arguments
    layer = _layer(*described)
    # A recorded layer may get other numbers than those that it was recorded with.
    layer.check_tokens()
    layer.check_lengths()
    y_BTH, final, tape = layer.forward(keep)
    if tape is None:
        return [y_BTH, *final, layer.x.new_empty(0), layer.x.new_empty(0)]
    return [y_BTH, *final, tape.records, tape.states]


def _forward_fake(*arguments: Any) -> list[Tensor]:
    *described, keep = arguments
    layer = _layer(*described)
    B, H = layer.start[0].shape
    T = (layer.x if layer.tokens_BT is None else layer.tokens_BT).shape[1]
    sizes = tape_sizes(layer.program, B, T, H, layer.x.element_size()) if keep else (0, 0)
    final = [leaf.new_empty(leaf.shape) for leaf in layer.start]
    return [layer.x.new_empty(B, T, H), *final, *(layer.x.new_empty(size) for size in sizes)]


def _present(gradients: Gradients) -> list[Tensor]:
    every = [gradients.x, *gradients.start, *gradients.products, *gradients.parameters]
    return [gradient for gradient in every if gradient is not None]


def _split(arguments: Sequence[Any]) -> tuple[Layer, Tape, Tensor | None, list[Tensor | None], GradientMask]:
    inputs, (records, states, dy_BTH, d_final), options, wanted = (
        arguments[:6],
        arguments[6:10],
        arguments[10:15],
        list(arguments[15]),
    )
    layer = _layer(*inputs, *options)
    first = 1 + len(layer.start)
    mask = GradientMask(
        wanted[0], wanted[1:first], wanted[first : first + len(PRODUCTS)], wanted[first + len(PRODUCTS) :]
    )
    return layer, Tape(records, states), dy_BTH, list(d_final), mask


def _backward(*arguments: Any) -> list[Tensor]:
    """Return the requested gradients: of x, the leaves of the initial state, the weights and the parameters."""
    layer, tape, dy_BTH, d_final, wanted = _split(arguments)
    layer.check_tokens()
    layer.check_lengths()
    # An operator must not change its arguments, but the driver overwrites the records with gradients.
    return _present(layer.backward(replace(tape, records=tape.records.clone()), dy_BTH, d_final, wanted))


def _backward_fake(*arguments: Any) -> list[Tensor]:
    layer, _, _, _, wanted = _split(arguments)
    return _present(layer.make_gradients(wanted))


def _setup_context(ctx: Any, inputs: tuple[Any, ...], output: list[Tensor]) -> None:
    x, tokens_BT, lengths_B, start, weights, mask_BH, *options, keep = inputs
    if not keep:
        raise KernelUnavailableError("expected keep=True where a gradient is required. Received: keep=False")
    ctx.set_materialize_grads(False)
    ctx.options = options
    ctx.leaves = len(start)
    ctx.save_for_backward(x, tokens_BT, lengths_B, mask_BH, *output[-2:], *start, *weights)
    ctx.requested = x.requires_grad, [leaf.requires_grad for leaf in start], [one.requires_grad for one in weights]


def _autograd(ctx: Any, grads: list[Tensor | None]) -> tuple[Any, ...]:
    x, tokens_BT, lengths_B, mask_BH, records, states, *others = ctx.saved_tensors
    leaves = ctx.leaves
    start, weights = others[:leaves], others[leaves:]
    request_x, request_start, request_weights = ctx.requested
    if torch.is_grad_enabled() or any(map(_is_batch, grads)):
        layer = _layer(x, tokens_BT, lengths_B, start, weights, mask_BH, *ctx.options)
        dx, *others = gradients(layer, [request_x, *request_start, *request_weights], grads[:-2])
        return dx, None, None, others[:leaves], others[leaves:], None, *[None] * 6
    present = ctx.options[2]
    remaining = iter(request_weights)
    request_products = [bool(present >> place & 1) and next(remaining) for place in range(len(PRODUCTS))]
    wanted = [request_x, *request_start, *request_products, *remaining]
    dy_BTH, *d_final = grads[:-2]
    found = iter(
        torch.ops.elman.layer_backward(
            x, tokens_BT, lengths_B, start, weights, mask_BH, records, states, dy_BTH, d_final, *ctx.options, wanted
        )
    )
    dx = next(found) if request_x else None
    d_start = [next(found) if request else None for request in request_start]
    d_weights = [next(found) if request else None for request in request_weights]
    return dx, None, None, d_start, d_weights, None, *[None] * 6


@cache
def _define() -> torch.library.Library:
    """Register the operators, once per process, at first use."""
    library = torch.library.Library("elman", "DEF")
    for name, schema in _SCHEMAS.items():
        library.define(name + schema)
    library.impl("layer", _forward, "CPU")
    library.impl("layer_backward", _backward, "CPU")
    torch.library.register_fake("elman::layer", _forward_fake, lib=library)
    torch.library.register_fake("elman::layer_backward", _backward_fake, lib=library)
    torch.library.register_autograd("elman::layer", _autograd, setup_context=_setup_context, lib=library)
    return library


class _EagerLayer(torch.autograd.Function):
    """The same as `elman::layer` without the dispatcher, whose overhead exceeds the time of a small layer."""

    @staticmethod
    def forward(ctx: Any, layer: Layer, keep: bool, *tensors: Tensor) -> tuple[Tensor, ...]:
        """Run the layer. `tensors` are the differentiable tensors of `layer`, repeated as arguments for autograd."""
        del tensors
        y_BTH, final, tape = layer.forward(keep)
        if tape is not None:
            ctx.set_materialize_grads(False)
            # Save everything that backward reads by pointer: autograd raises an error if one has changed since.
            inputs = (layer.x, layer.tokens_BT, layer.lengths_B, layer.mask_BH, tape.records, tape.states)
            ctx.save_for_backward(*inputs, *layer.start, *layer.products, *layer.parameters)
            ctx.layer = replace(
                layer, x=_NONE, tokens_BT=None, lengths_B=None, mask_BH=None, start=[], products=(), parameters=[]
            )
            ctx.leaves = len(layer.start)
            ctx.spent = False
        return y_BTH, *final

    @staticmethod
    def backward(ctx: Any, *grads: Tensor | None) -> tuple[Tensor | None, ...]:
        """Compute the gradients of `tensors`."""
        x, tokens_BT, lengths_B, mask_BH, records, states, *others = ctx.saved_tensors
        first = ctx.leaves
        start, products = others[:first], others[first : first + len(PRODUCTS)]
        parameters = others[first + len(PRODUCTS) :]
        layer = replace(
            ctx.layer,
            x=x,
            tokens_BT=tokens_BT,
            lengths_B=lengths_B,
            mask_BH=mask_BH,
            start=start,
            products=products,
            parameters=parameters,
        )
        requested = iter(ctx.needs_input_grad[2:])
        wanted = GradientMask(
            next(requested),
            [next(requested) for _ in start],
            [weight is not None and next(requested) for weight in products],
            list(requested),
        )
        if torch.is_grad_enabled() or any(map(_is_batch, grads)):
            return None, None, *gradients(layer, ctx.needs_input_grad[2:], grads)
        dy_BTH, *d_final = grads
        tape = Tape(records, states)
        if ctx.spent:
            # A second backward pass (retain_graph=True): the first one has overwritten the records with gradients.
            tape = layer.forward(True)[2] or tape
        ctx.spent = True
        found = layer.backward(tape, dy_BTH, d_final, wanted)
        d_products = [gradient for gradient, weight in zip(found.products, products, strict=True) if weight is not None]
        return None, None, found.x, *found.start, *d_products, *found.parameters


def _is_batch(gradient: Tensor | None) -> bool:
    """Whether a gradient stands for several, as with `torch.autograd.grad(..., is_grads_batched=True)`."""
    if gradient is None:
        return False
    return torch._C._functorch.is_legacy_batchedtensor(gradient) or torch._C._functorch.is_batchedtensor(gradient)


def run_layer(layer: Layer) -> tuple[Tensor, list[Tensor]]:
    """Return `y_BTH` and the leaves of the final state, differentiable in all float tensors except the mask."""
    tensors = layer.tensors
    keep = torch.is_grad_enabled() and any(tensor.requires_grad for tensor in tensors)
    if type(layer.x) in (Tensor, nn.Parameter) and not is_recorded():
        y_BTH, *final = _EagerLayer.apply(layer, keep, *tensors)  # type: ignore[no-untyped-call]
        return y_BTH, final
    _define()
    present = sum(1 << place for place, weight in enumerate(layer.products) if weight is not None)
    y_BTH, *final, _, _ = torch.ops.elman.layer(
        layer.x,
        layer.tokens_BT,
        layer.lengths_B,
        layer.start,
        tensors[1 + len(layer.start) :],
        layer.mask_BH,
        remember(layer.program),
        int(layer.kind),
        present,
        layer.reverse,
        layer.half,
        keep,
    )
    return y_BTH, final
