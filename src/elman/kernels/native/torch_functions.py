"""Tables of the torch functions that can be traced: element-wise functions, and functions that only move elements.

Each function below has the arguments of the torch function of the same name; the first ones are nodes, the others
numbers. Activation functions are in torch_activations.py. A torch function that is in none of these tables cannot be
traced.
"""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from elman.kernels.native.graph import Graph, whole_power
from elman.kernels.native.symbols import UntraceableError

__all__ = ["ELEMENTWISE", "FACTORIES", "MOVES", "QUESTIONS", "Elementwise", "between", "elementwise"]


class Elementwise(NamedTuple):
    """How to create the nodes of a function: the first `operands` arguments of `make`, after the graph, are nodes."""

    make: Callable[..., int]
    operands: int
    signature: inspect.Signature


_PLACES: tuple[Any, ...] = (torch, Tensor, F, torch.special, torch._C._nn)


def _named(name: str) -> set[Any]:
    """Return all functions and methods of torch with the name `name`."""
    return {getattr(place, name) for place in _PLACES if hasattr(place, name)}


ELEMENTWISE: dict[Any, Elementwise] = {}


def elementwise(*names: str, operands: int = 1) -> Callable[[Callable[..., int]], Callable[..., int]]:
    """Register the decorated function as the definition of the torch functions with these names."""

    def declare(make: Callable[..., int]) -> Callable[..., int]:
        signature = inspect.signature(make)
        for name in names:
            for function in _named(name):
                ELEMENTWISE[function] = Elementwise(make, operands, signature)
        return make

    return declare


def _number_of(graph: Graph, node: int) -> int:
    """Convert a boolean to 0 or 1; return any other node unchanged."""
    return graph.apply("select", node, graph.constant(1), graph.constant(0)) if graph.is_mask(node) else node


def _primitive(function: str, *names: str) -> None:
    """Register a function of `functions.py` for the torch functions with these names."""

    def make(graph: Graph, input: int) -> int:
        return graph.apply(function, _number_of(graph, input))

    elementwise(*names)(make)


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


@elementwise("add", "__add__", "__radd__", operands=2)
def _add(graph: Graph, input: int, other: int, alpha: float = 1) -> int:
    a, b = _number_of(graph, input), _number_of(graph, other)
    return graph.apply("add", a, graph.apply("mul", b, graph.constant(alpha)))


@elementwise("sub", "subtract", "__sub__", operands=2)
def _sub(graph: Graph, input: int, other: int, alpha: float = 1) -> int:
    a, b = _number_of(graph, input), _number_of(graph, other)
    return graph.apply("sub", a, graph.apply("mul", b, graph.constant(alpha)))


@elementwise("rsub", "__rsub__", operands=2)
def _rsub(graph: Graph, input: int, other: int, alpha: float = 1) -> int:
    return _sub(graph, other, input, alpha)


@elementwise("mul", "multiply", "__mul__", "__rmul__", operands=2)
def _mul(graph: Graph, input: int, other: int) -> int:
    return graph.apply("mul", _number_of(graph, input), _number_of(graph, other))


@elementwise("div", "divide", "true_divide", "__truediv__", "__div__", operands=2)
def _div(graph: Graph, input: int, other: int) -> int:
    return graph.apply("div", _number_of(graph, input), _number_of(graph, other))


@elementwise("__rtruediv__", "__rdiv__", operands=2)
def _rdiv(graph: Graph, input: int, other: int) -> int:
    return _div(graph, other, input)


@elementwise("reciprocal")
def _reciprocal(graph: Graph, input: int) -> int:
    return graph.apply("div", graph.constant(1), input)


@elementwise("rsqrt")
def _rsqrt(graph: Graph, input: int) -> int:
    return graph.apply("div", graph.constant(1), graph.apply("square_root", input))


@elementwise("square")
def _square(graph: Graph, input: int) -> int:
    return graph.apply("mul", input, input)


@elementwise("pow", "__pow__")
def _pow(graph: Graph, input: int, exponent: float) -> int:
    one = graph.constant(1)
    if exponent == 0:
        return one
    size = abs(exponent)
    if 0 < exponent <= 16 and float(exponent).is_integer():
        return whole_power(graph, input, int(exponent))
    if size == 0.5:
        root = graph.apply("square_root", input)
        return root if exponent > 0 else graph.apply("div", one, root)
    return graph.apply("power", input, graph.constant(exponent))


@elementwise("exp2")
def _exp2(graph: Graph, input: int) -> int:
    return graph.apply("exp", graph.apply("mul", input, graph.constant(math.log(2))))


@elementwise("relu")
def _relu(graph: Graph, input: int, inplace: bool = False) -> int:
    return graph.apply("relu", input)


@elementwise("minimum", operands=2)
def _minimum(graph: Graph, input: int, other: int) -> int:
    return graph.apply("minimum", input, other)


@elementwise("maximum", operands=2)
def _maximum(graph: Graph, input: int, other: int) -> int:
    return graph.apply("maximum", input, other)


def between(graph: Graph, x: int, low: float | None, high: float | None, *, ends: bool) -> int:
    """Clamp x to a range, as min(max(x, low), high); `ends` is whether the gradient passes at the bounds.

    The gradient of NaN is 0.
    """
    if any(bound is not None and math.isnan(bound) for bound in (low, high)):
        raise UntraceableError("clamps to NaN")
    compare = "less_or_equal" if ends else "less"
    clamped, inside = x, []
    if low is not None and low != -math.inf:
        limit = graph.constant(low)
        inside.append(graph.apply(compare, limit, x))
        clamped = graph.apply("select", graph.apply("less", x, limit), limit, x)
    if high is not None and high != math.inf:
        limit = graph.constant(high)
        inside.append(graph.apply(compare, x, limit))
        clamped = graph.apply("select", graph.apply("less", limit, clamped), limit, clamped)
    if not inside:
        inside.append(graph.apply("equal", x, x))
    within = inside[0] if len(inside) == 1 else graph.apply("both", *inside)
    return graph.apply("select", within, x, graph.apply("detach", clamped))


@elementwise("clamp", "clip")
def _clamp(graph: Graph, input: int, min: float | None = None, max: float | None = None) -> int:
    return between(graph, input, min, max, ends=True)


@elementwise("clamp_min")
def _clamp_min(graph: Graph, input: int, min: float) -> int:
    return between(graph, input, min, None, ends=True)


@elementwise("clamp_max")
def _clamp_max(graph: Graph, input: int, max: float) -> int:
    return between(graph, input, None, max, ends=True)


@elementwise("lerp", operands=3)
def _lerp(graph: Graph, input: int, end: int, weight: int) -> int:
    return graph.apply("add", input, graph.apply("mul", weight, graph.apply("sub", end, input)))


@elementwise("addcmul", operands=3)
def _addcmul(graph: Graph, input: int, tensor1: int, tensor2: int, value: float = 1) -> int:
    product = graph.apply("mul", tensor1, tensor2)
    return graph.apply("add", input, graph.apply("mul", product, graph.constant(value)))


@elementwise("addcdiv", operands=3)
def _addcdiv(graph: Graph, input: int, tensor1: int, tensor2: int, value: float = 1) -> int:
    quotient = graph.apply("div", tensor1, tensor2)
    return graph.apply("add", input, graph.apply("mul", quotient, graph.constant(value)))


@elementwise("lt", "less", "__lt__", operands=2)
def _lt(graph: Graph, input: int, other: int) -> int:
    return graph.apply("less", input, other)


@elementwise("gt", "greater", "__gt__", operands=2)
def _gt(graph: Graph, input: int, other: int) -> int:
    return graph.apply("less", other, input)


@elementwise("le", "less_equal", "__le__", operands=2)
def _le(graph: Graph, input: int, other: int) -> int:
    return graph.apply("less_or_equal", input, other)


@elementwise("ge", "greater_equal", "__ge__", operands=2)
def _ge(graph: Graph, input: int, other: int) -> int:
    return graph.apply("less_or_equal", other, input)


@elementwise("eq", "__eq__", operands=2)
def _eq(graph: Graph, input: int, other: int) -> int:
    return graph.apply("equal", input, other)


@elementwise("ne", "not_equal", "__ne__", operands=2)
def _ne(graph: Graph, input: int, other: int) -> int:
    return graph.apply("opposite", graph.apply("equal", input, other))


def _mask(graph: Graph, node: int, name: str) -> int:
    if not graph.is_mask(node):
        raise UntraceableError(f"calls {name} with numbers where booleans are expected")
    return node


@elementwise("logical_and", "bitwise_and", "__and__", "__rand__", operands=2)
def _and(graph: Graph, input: int, other: int) -> int:
    return graph.apply("both", _mask(graph, input, "and"), _mask(graph, other, "and"))


@elementwise("logical_or", "bitwise_or", "__or__", "__ror__", operands=2)
def _or(graph: Graph, input: int, other: int) -> int:
    return graph.apply("either", _mask(graph, input, "or"), _mask(graph, other, "or"))


@elementwise("logical_not", "bitwise_not", "__invert__")
def _not(graph: Graph, input: int) -> int:
    return graph.apply("opposite", _mask(graph, input, "not"))


@elementwise("where", operands=3)
def _where(graph: Graph, condition: int, input: int, other: int) -> int:
    mask = _mask(graph, condition, "where")
    return graph.apply("select", mask, _number_of(graph, input), _number_of(graph, other))


def _where_method(graph: Graph, input: int, condition: int, other: int) -> int:
    return _where(graph, condition, input, other)


ELEMENTWISE[Tensor.where] = Elementwise(_where_method, 3, inspect.signature(_where_method))


@elementwise("masked_fill", operands=3)
def _masked_fill(graph: Graph, input: int, mask: int, value: int) -> int:
    return graph.apply("select", _mask(graph, mask, "masked_fill"), value, input)


@elementwise("detach")
def _detach(graph: Graph, input: int) -> int:
    return graph.apply("detach", input)


@elementwise("zeros_like")
def _zeros_like(graph: Graph, input: int, **_: Any) -> int:
    return graph.constant(0)


@elementwise("ones_like")
def _ones_like(graph: Graph, input: int, **_: Any) -> int:
    return graph.constant(1)


@elementwise("full_like")
def _full_like(graph: Graph, input: int, fill_value: float, **_: Any) -> int:
    return graph.constant(fill_value)


def _all_named(*names: str) -> frozenset[Any]:
    return frozenset().union(*(_named(name) for name in names))


# Functions that only move elements.
MOVES = _all_named(
    *("chunk", "split", "split_with_sizes", "tensor_split", "unbind", "narrow", "select", "__getitem__", "reshape"),
    *("reshape_as", "view", "view_as", "flatten", "unflatten", "unsqueeze", "squeeze", "cat", "concat", "concatenate"),
    *("stack", "hstack", "transpose", "permute", "movedim", "swapaxes", "expand", "expand_as", "broadcast_to", "flip"),
    *("contiguous", "clone", "roll", "tile", "repeat", "positive", "__pos__"),
)

# Functions that create tensors filled with one number.
FACTORIES = frozenset(
    [
        *(torch.zeros, torch.ones, torch.full, torch.tensor, torch.scalar_tensor),
        *(Tensor.new_zeros, Tensor.new_ones, Tensor.new_full, Tensor.new_tensor),
    ]
)

# Functions that read a tensor's metadata only.
QUESTIONS = frozenset(
    [
        *(getattr(Tensor, name) for name in ("size", "dim", "ndimension", "numel", "nelement", "is_floating_point")),
        *(getattr(Tensor, name) for name in ("__len__", "is_complex", "element_size", "get_device", "is_contiguous")),
        *(getattr(Tensor, name).__get__ for name in ("shape", "dtype", "ndim", "layout", "is_cuda", "is_sparse")),
        *(torch.is_tensor, torch.is_floating_point, torch.numel, torch.result_type, torch.is_complex),
    ]
)
