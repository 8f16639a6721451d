"""What torch's functions mean as nodes of a graph: the element-wise ones, and those that only move numbers about.

Each function below has the arguments of its namesake in torch; the first ones are nodes, the others plain numbers.
A function of torch that is in none of these tables cannot be traced. Knows nothing about cells.
"""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from elman.kernels.native.graph import Graph
from elman.kernels.native.symbols import Untraceable

__all__ = ["ELEMENTWISE", "FACTORIES", "MOVES", "QUESTIONS", "Elementwise"]


class Elementwise(NamedTuple):
    """How to make nodes: the first `operands` arguments of `make`, after the graph, are nodes."""

    make: Callable[..., int]
    operands: int
    signature: inspect.Signature


_PLACES: tuple[Any, ...] = (torch, Tensor, F, torch.special, torch._C._nn)


def _named(name: str) -> set[Any]:
    """Everything in torch that is called `name`: function, method and all."""
    return {getattr(place, name) for place in _PLACES if hasattr(place, name)}


ELEMENTWISE: dict[Any, Elementwise] = {}


def _elementwise(*names: str, operands: int = 1) -> Callable[[Callable[..., int]], Callable[..., int]]:
    """Declare what the torch functions of these names mean."""

    def declare(make: Callable[..., int]) -> Callable[..., int]:
        signature = inspect.signature(make)
        for name in names:
            for function in _named(name):
                ELEMENTWISE[function] = Elementwise(make, operands, signature)
        return make

    return declare


def _number_of(graph: Graph, node: int) -> int:
    """A truth value as 0 or 1; others as they are."""
    return graph.apply("select", node, graph.constant(1), graph.constant(0)) if graph.is_mask(node) else node


def _primitive(function: str, *names: str) -> None:
    """One of our functions that torch has under these names."""

    def make(graph: Graph, input: int) -> int:
        return graph.apply(function, _number_of(graph, input))

    _elementwise(*names)(make)


_primitive("neg", "neg", "negative", "__neg__")
_primitive("sigmoid", "sigmoid", "expit")
_primitive("tanh", "tanh")
_primitive("exp", "exp")
_primitive("expm1", "expm1")
_primitive("log", "log")
_primitive("log1p", "log1p")
_primitive("erf", "erf")
_primitive("sin", "sin")
_primitive("cos", "cos")
_primitive("square_root", "sqrt")
_primitive("absolute", "abs", "absolute", "__abs__")
_primitive("sign", "sign", "sgn")


@_elementwise("add", "__add__", "__radd__", operands=2)
def _add(graph: Graph, input: int, other: int, alpha: float = 1) -> int:
    a, b = _number_of(graph, input), _number_of(graph, other)
    return graph.apply("add", a, graph.apply("mul", b, graph.constant(alpha)))


@_elementwise("sub", "subtract", "__sub__", operands=2)
def _sub(graph: Graph, input: int, other: int, alpha: float = 1) -> int:
    a, b = _number_of(graph, input), _number_of(graph, other)
    return graph.apply("sub", a, graph.apply("mul", b, graph.constant(alpha)))


@_elementwise("rsub", "__rsub__", operands=2)
def _rsub(graph: Graph, input: int, other: int, alpha: float = 1) -> int:
    return _sub(graph, other, input, alpha)


@_elementwise("mul", "multiply", "__mul__", "__rmul__", operands=2)
def _mul(graph: Graph, input: int, other: int) -> int:
    return graph.apply("mul", _number_of(graph, input), _number_of(graph, other))


@_elementwise("div", "divide", "true_divide", "__truediv__", "__div__", operands=2)
def _div(graph: Graph, input: int, other: int) -> int:
    return graph.apply("div", _number_of(graph, input), _number_of(graph, other))


@_elementwise("__rtruediv__", "__rdiv__", operands=2)
def _rdiv(graph: Graph, input: int, other: int) -> int:
    return _div(graph, other, input)


@_elementwise("reciprocal")
def _reciprocal(graph: Graph, input: int) -> int:
    return graph.apply("div", graph.constant(1), input)


@_elementwise("rsqrt")
def _rsqrt(graph: Graph, input: int) -> int:
    return graph.apply("div", graph.constant(1), graph.apply("square_root", input))


@_elementwise("square")
def _square(graph: Graph, input: int) -> int:
    return graph.apply("mul", input, input)


def _whole_power(graph: Graph, node: int, exponent: int) -> int:
    """node ^ exponent for a whole exponent of 1 or more, by squaring."""
    if exponent == 1:
        return node
    half = _whole_power(graph, node, exponent // 2)
    square = graph.apply("mul", half, half)
    return graph.apply("mul", square, node) if exponent % 2 else square


@_elementwise("pow", "__pow__")
def _pow(graph: Graph, input: int, exponent: float) -> int:
    one = graph.constant(1)
    if exponent == 0:
        return one
    size = abs(exponent)
    if size == int(size) and size <= 16:
        power = _whole_power(graph, input, int(size))
        return power if exponent > 0 else graph.apply("div", one, power)
    if size == 0.5:
        root = graph.apply("square_root", input)
        return root if exponent > 0 else graph.apply("div", one, root)
    return graph.apply("power", input, graph.constant(exponent))


@_elementwise("exp2")
def _exp2(graph: Graph, input: int) -> int:
    return graph.apply("exp", graph.apply("mul", input, graph.constant(math.log(2))))


@_elementwise("relu")
def _relu(graph: Graph, input: int, inplace: bool = False) -> int:
    return graph.apply("relu", input)


@_elementwise("minimum", operands=2)
def _minimum(graph: Graph, input: int, other: int) -> int:
    return graph.apply("minimum", input, other)


@_elementwise("maximum", operands=2)
def _maximum(graph: Graph, input: int, other: int) -> int:
    return graph.apply("maximum", input, other)


def _between(graph: Graph, x: int, low: float | None, high: float | None, *, ends: bool) -> int:
    """x held between two numbers; whether the gradient passes at the very ends."""
    result = x
    for bound, is_low in ((low, True), (high, False)):
        if bound is None or math.isinf(bound):
            continue
        limit = graph.constant(bound)
        pair = (x, limit) if is_low else (limit, x)
        outside = graph.apply("less" if ends else "less_or_equal", *pair)
        result = graph.apply("select", outside, limit, result)
    return result


@_elementwise("clamp", "clip")
def _clamp(graph: Graph, input: int, min: float | None = None, max: float | None = None) -> int:
    return _between(graph, input, min, max, ends=True)


@_elementwise("clamp_min")
def _clamp_min(graph: Graph, input: int, min: float) -> int:
    return _between(graph, input, min, None, ends=True)


@_elementwise("clamp_max")
def _clamp_max(graph: Graph, input: int, max: float) -> int:
    return _between(graph, input, None, max, ends=True)


@_elementwise("hardtanh")
def _hardtanh(graph: Graph, input: int, min_val: float = -1.0, max_val: float = 1.0, inplace: bool = False) -> int:
    return _between(graph, input, min_val, max_val, ends=False)


@_elementwise("relu6")
def _relu6(graph: Graph, input: int, inplace: bool = False) -> int:
    return _between(graph, input, 0.0, 6.0, ends=False)


@_elementwise("hardsigmoid")
def _hardsigmoid(graph: Graph, input: int, inplace: bool = False) -> int:
    held = _between(graph, input, -3.0, 3.0, ends=False)
    return graph.apply("div", graph.apply("add", held, graph.constant(3)), graph.constant(6))


@_elementwise("hardswish")
def _hardswish(graph: Graph, input: int, inplace: bool = False) -> int:
    return graph.apply("mul", input, _hardsigmoid(graph, input))


@_elementwise("leaky_relu")
def _leaky_relu(graph: Graph, input: int, negative_slope: float = 0.01, inplace: bool = False) -> int:
    scaled = graph.apply("mul", input, graph.constant(negative_slope))
    return graph.apply("select", graph.apply("less", graph.constant(0), input), input, scaled)


@_elementwise("elu")
def _elu(graph: Graph, input: int, alpha: float = 1.0, inplace: bool = False) -> int:
    zero = graph.constant(0)
    above = graph.apply("less", zero, input)
    # Where x is above 0 the other branch must not overflow: infinity times the gradient 0 would be NaN.
    below = graph.apply("expm1", graph.apply("select", above, zero, input))
    return graph.apply("select", above, input, graph.apply("mul", below, graph.constant(alpha)))


@_elementwise("celu")
def _celu(graph: Graph, input: int, alpha: float = 1.0, inplace: bool = False) -> int:
    stretched = graph.apply("div", input, graph.constant(alpha))
    return graph.apply("mul", graph.constant(alpha), _elu(graph, stretched))


@_elementwise("selu")
def _selu(graph: Graph, input: int, inplace: bool = False) -> int:
    return graph.apply("mul", graph.constant(1.0507009873554805), _elu(graph, input, 1.6732632423543772))


@_elementwise("softplus")
def _softplus(graph: Graph, input: int, beta: float = 1.0, threshold: float = 20.0) -> int:
    scaled = graph.apply("mul", input, graph.constant(beta))
    soft = graph.apply("div", graph.apply("softplus", scaled), graph.constant(beta))
    return graph.apply("select", graph.apply("less", graph.constant(threshold), scaled), input, soft)


@_elementwise("logsigmoid")
def _logsigmoid(graph: Graph, input: int) -> int:
    return graph.apply("neg", graph.apply("softplus", graph.apply("neg", input)))


@_elementwise("silu")
def _silu(graph: Graph, input: int, inplace: bool = False) -> int:
    return graph.apply("mul", input, graph.apply("sigmoid", input))


@_elementwise("mish")
def _mish(graph: Graph, input: int, inplace: bool = False) -> int:
    return graph.apply("mul", input, graph.apply("tanh", graph.apply("softplus", input)))


@_elementwise("gelu")
def _gelu(graph: Graph, input: int, approximate: str = "none") -> int:
    def times(node: int, number: float) -> int:
        return graph.apply("mul", node, graph.constant(number))

    if approximate == "tanh":
        cube = graph.apply("mul", input, graph.apply("mul", input, input))
        inner = times(graph.apply("add", input, times(cube, 0.044715)), math.sqrt(2 / math.pi))
        share = graph.apply("tanh", inner)
    else:
        share = graph.apply("erf", times(input, math.sqrt(0.5)))
    return graph.apply("mul", times(input, 0.5), graph.apply("add", graph.constant(1), share))


@_elementwise("softsign")
def _softsign(graph: Graph, input: int) -> int:
    return graph.apply("div", input, graph.apply("add", graph.constant(1), graph.apply("absolute", input)))


@_elementwise("tanhshrink")
def _tanhshrink(graph: Graph, input: int) -> int:
    return graph.apply("sub", input, graph.apply("tanh", input))


@_elementwise("lerp", operands=3)
def _lerp(graph: Graph, input: int, end: int, weight: int) -> int:
    return graph.apply("add", input, graph.apply("mul", weight, graph.apply("sub", end, input)))


@_elementwise("addcmul", operands=3)
def _addcmul(graph: Graph, input: int, tensor1: int, tensor2: int, value: float = 1) -> int:
    product = graph.apply("mul", tensor1, tensor2)
    return graph.apply("add", input, graph.apply("mul", product, graph.constant(value)))


@_elementwise("addcdiv", operands=3)
def _addcdiv(graph: Graph, input: int, tensor1: int, tensor2: int, value: float = 1) -> int:
    quotient = graph.apply("div", tensor1, tensor2)
    return graph.apply("add", input, graph.apply("mul", quotient, graph.constant(value)))


@_elementwise("lt", "less", "__lt__", operands=2)
def _lt(graph: Graph, input: int, other: int) -> int:
    return graph.apply("less", input, other)


@_elementwise("gt", "greater", "__gt__", operands=2)
def _gt(graph: Graph, input: int, other: int) -> int:
    return graph.apply("less", other, input)


@_elementwise("le", "less_equal", "__le__", operands=2)
def _le(graph: Graph, input: int, other: int) -> int:
    return graph.apply("less_or_equal", input, other)


@_elementwise("ge", "greater_equal", "__ge__", operands=2)
def _ge(graph: Graph, input: int, other: int) -> int:
    return graph.apply("less_or_equal", other, input)


@_elementwise("eq", "__eq__", operands=2)
def _eq(graph: Graph, input: int, other: int) -> int:
    return graph.apply("equal", input, other)


@_elementwise("ne", "not_equal", "__ne__", operands=2)
def _ne(graph: Graph, input: int, other: int) -> int:
    return graph.apply("opposite", graph.apply("equal", input, other))


def _mask(graph: Graph, node: int, name: str) -> int:
    if not graph.is_mask(node):
        raise Untraceable(f"calls {name} with numbers where truth values are expected")
    return node


@_elementwise("logical_and", "bitwise_and", "__and__", "__rand__", operands=2)
def _and(graph: Graph, input: int, other: int) -> int:
    return graph.apply("both", _mask(graph, input, "and"), _mask(graph, other, "and"))


@_elementwise("logical_or", "bitwise_or", "__or__", "__ror__", operands=2)
def _or(graph: Graph, input: int, other: int) -> int:
    return graph.apply("either", _mask(graph, input, "or"), _mask(graph, other, "or"))


@_elementwise("logical_not", "bitwise_not", "__invert__")
def _not(graph: Graph, input: int) -> int:
    return graph.apply("opposite", _mask(graph, input, "not"))


@_elementwise("where", operands=3)
def _where(graph: Graph, condition: int, input: int, other: int) -> int:
    mask = _mask(graph, condition, "where")
    return graph.apply("select", mask, _number_of(graph, input), _number_of(graph, other))


def _where_method(graph: Graph, input: int, condition: int, other: int) -> int:
    return _where(graph, condition, input, other)


ELEMENTWISE[Tensor.where] = Elementwise(_where_method, 3, inspect.signature(_where_method))


@_elementwise("masked_fill", operands=3)
def _masked_fill(graph: Graph, input: int, mask: int, value: int) -> int:
    return graph.apply("select", _mask(graph, mask, "masked_fill"), value, input)


@_elementwise("detach")
def _detach(graph: Graph, input: int) -> int:
    return graph.apply("detach", input)


@_elementwise("zeros_like")
def _zeros_like(graph: Graph, input: int, **_: Any) -> int:
    return graph.constant(0)


@_elementwise("ones_like")
def _ones_like(graph: Graph, input: int, **_: Any) -> int:
    return graph.constant(1)


@_elementwise("full_like")
def _full_like(graph: Graph, input: int, fill_value: float, **_: Any) -> int:
    return graph.constant(fill_value)


def _all_named(*names: str) -> frozenset[Any]:
    return frozenset().union(*(_named(name) for name in names))


# Functions that only move numbers about.
MOVES = _all_named(
    *("chunk", "split", "split_with_sizes", "tensor_split", "unbind", "narrow", "select", "__getitem__", "reshape"),
    *("reshape_as", "view", "view_as", "flatten", "unflatten", "unsqueeze", "squeeze", "cat", "concat", "concatenate"),
    *("stack", "hstack", "transpose", "permute", "movedim", "swapaxes", "expand", "expand_as", "broadcast_to", "flip"),
    *("contiguous", "clone", "roll", "tile", "repeat", "positive", "__pos__"),
)

# Functions that make tensors of one number everywhere.
FACTORIES = frozenset(
    [
        *(torch.zeros, torch.ones, torch.full, torch.tensor, torch.scalar_tensor),
        *(Tensor.new_zeros, Tensor.new_ones, Tensor.new_full, Tensor.new_tensor),
    ]
)

# What may be asked of a tensor without reading its numbers.
QUESTIONS = frozenset(
    [
        *(getattr(Tensor, name) for name in ("size", "dim", "ndimension", "numel", "nelement", "is_floating_point")),
        *(getattr(Tensor, name) for name in ("__len__", "is_complex", "element_size", "get_device", "is_contiguous")),
        *(getattr(Tensor, name).__get__ for name in ("shape", "dtype", "device", "ndim", "layout", "requires_grad")),
        *(getattr(Tensor, name).__get__ for name in ("is_cuda", "is_meta", "is_sparse", "is_cpu", "is_leaf")),
        *(torch.is_tensor, torch.is_floating_point, torch.numel, torch.result_type, torch.is_complex),
        torch._C._set_grad_enabled,  # no question, but what torch.no_grad() calls
    ]
)
