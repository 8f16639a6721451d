"""torch's activation functions as nodes of a graph, added to the table of torch_functions.py."""

from __future__ import annotations

import math

from elman.kernels.native.graph import Graph
from elman.kernels.native.torch_functions import ELEMENTWISE, between, elementwise

__all__ = ["ELEMENTWISE"]


@elementwise("hardtanh")
def _hardtanh(graph: Graph, input: int, min_val: float = -1.0, max_val: float = 1.0, inplace: bool = False) -> int:
    return between(graph, input, min_val, max_val, ends=False)


@elementwise("relu6")
def _relu6(graph: Graph, input: int, inplace: bool = False) -> int:
    return between(graph, input, 0.0, 6.0, ends=False)


@elementwise("hardsigmoid")
def _hardsigmoid(graph: Graph, input: int, inplace: bool = False) -> int:
    held = between(graph, input, -3.0, 3.0, ends=False)
    return graph.apply("div", graph.apply("add", held, graph.constant(3)), graph.constant(6))


@elementwise("hardswish")
def _hardswish(graph: Graph, input: int, inplace: bool = False) -> int:
    return graph.apply("mul", input, _hardsigmoid(graph, input))


@elementwise("leaky_relu")
def _leaky_relu(graph: Graph, input: int, negative_slope: float = 0.01, inplace: bool = False) -> int:
    scaled = graph.apply("mul", input, graph.constant(negative_slope))
    return graph.apply("select", graph.apply("less", graph.constant(0), input), input, scaled)


@elementwise("elu")
def _elu(graph: Graph, input: int, alpha: float = 1.0, inplace: bool = False) -> int:
    return _exponential_unit(graph, input, input, alpha)


def _exponential_unit(graph: Graph, input: int, scaled: int, alpha: float) -> int:
    """Return x where x > 0, elsewhere alpha * (exp(scaled) - 1)."""
    zero = graph.constant(0)
    above = graph.apply("less", zero, input)
    # Where x is above 0 the other branch must not overflow: infinity times the gradient 0 would be NaN.
    below = graph.apply("expm1", graph.apply("select", above, zero, scaled))
    return graph.apply("select", above, input, graph.apply("mul", below, graph.constant(alpha)))


@elementwise("celu")
def _celu(graph: Graph, input: int, alpha: float = 1.0, inplace: bool = False) -> int:
    return _exponential_unit(graph, input, graph.apply("div", input, graph.constant(alpha)), alpha)


@elementwise("selu")
def _selu(graph: Graph, input: int, inplace: bool = False) -> int:
    return graph.apply("mul", graph.constant(1.0507009873554805), _elu(graph, input, 1.6732632423543772))


@elementwise("softplus")
def _softplus(graph: Graph, input: int, beta: float = 1.0, threshold: float = 20.0) -> int:
    scaled = graph.apply("mul", input, graph.constant(beta))
    soft = graph.apply("div", graph.apply("softplus", scaled), graph.constant(beta))
    return graph.apply("select", graph.apply("less", graph.constant(threshold), scaled), input, soft)


@elementwise("logsigmoid")
def _logsigmoid(graph: Graph, input: int) -> int:
    return graph.apply("neg", graph.apply("softplus", graph.apply("neg", input)))


@elementwise("silu")
def _silu(graph: Graph, input: int, inplace: bool = False) -> int:
    return graph.apply("mul", input, graph.apply("sigmoid", input))


@elementwise("mish")
def _mish(graph: Graph, input: int, inplace: bool = False) -> int:
    return graph.apply("mul", input, graph.apply("tanh", graph.apply("softplus", input)))


@elementwise("gelu")
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


@elementwise("softsign")
def _softsign(graph: Graph, input: int) -> int:
    return graph.apply("div", input, graph.apply("add", graph.constant(1), graph.apply("absolute", input)))


@elementwise("tanhshrink")
def _tanhshrink(graph: Graph, input: int) -> int:
    return graph.apply("sub", input, graph.apply("tanh", input))
