"""Reverse-mode differentiation of element-wise graphs: one gradient rule per function.

Where a function is not differentiable, its derivative is torch's: relu'(0) = 0, abs'(0) = 0, and ties of minimum and
maximum split the gradient equally.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence

from elman.kernels.native.graph import Graph

__all__ = ["RULES", "gradients"]

# A rule takes the graph, the gradient of the result, the result's node and its operands. It returns the gradient of
# every operand, or None. Rules use the result where that is cheaper to save than the operands.
Rule = Callable[..., tuple[int | None, ...]]


def _add(graph: Graph, g: int, y: int, a: int, b: int) -> tuple[int | None, ...]:
    return g, g


def _sub(graph: Graph, g: int, y: int, a: int, b: int) -> tuple[int | None, ...]:
    return g, graph.apply("neg", g)


def _mul(graph: Graph, g: int, y: int, a: int, b: int) -> tuple[int | None, ...]:
    return graph.apply("mul", g, b), graph.apply("mul", g, a)


def _div(graph: Graph, g: int, y: int, a: int, b: int) -> tuple[int | None, ...]:
    share = graph.apply("div", g, b)
    return share, graph.apply("neg", graph.apply("mul", share, y))


def _neg(graph: Graph, g: int, y: int, x: int) -> tuple[int | None, ...]:
    return (graph.apply("neg", g),)


def _sigmoid(graph: Graph, g: int, y: int, x: int) -> tuple[int | None, ...]:
    return (graph.apply("mul", g, graph.apply("sub", y, graph.apply("mul", y, y))),)


def _tanh(graph: Graph, g: int, y: int, x: int) -> tuple[int | None, ...]:
    return (graph.apply("mul", g, graph.apply("sub", graph.constant(1), graph.apply("mul", y, y))),)


def _relu(graph: Graph, g: int, y: int, x: int) -> tuple[int | None, ...]:
    zero = graph.constant(0)
    return (graph.apply("select", graph.apply("less_or_equal", y, zero), zero, g),)


def _exp(graph: Graph, g: int, y: int, x: int) -> tuple[int | None, ...]:
    return (graph.apply("mul", g, y),)


def _expm1(graph: Graph, g: int, y: int, x: int) -> tuple[int | None, ...]:
    return (graph.apply("mul", g, graph.apply("add", y, graph.constant(1))),)


def _log(graph: Graph, g: int, y: int, x: int) -> tuple[int | None, ...]:
    return (graph.apply("div", g, x),)


def _log1p(graph: Graph, g: int, y: int, x: int) -> tuple[int | None, ...]:
    return (graph.apply("div", g, graph.apply("add", x, graph.constant(1))),)


def _softplus(graph: Graph, g: int, y: int, x: int) -> tuple[int | None, ...]:
    return (graph.apply("mul", g, graph.apply("sigmoid", x)),)


def _erf(graph: Graph, g: int, y: int, x: int) -> tuple[int | None, ...]:
    bell = graph.apply("exp", graph.apply("neg", graph.apply("mul", x, x)))
    return (graph.apply("mul", g, graph.apply("mul", graph.constant(2 / math.sqrt(math.pi)), bell)),)


def _sin(graph: Graph, g: int, y: int, x: int) -> tuple[int | None, ...]:
    return (graph.apply("mul", g, graph.apply("cos", x)),)


def _cos(graph: Graph, g: int, y: int, x: int) -> tuple[int | None, ...]:
    return (graph.apply("neg", graph.apply("mul", g, graph.apply("sin", x))),)


def _square_root(graph: Graph, g: int, y: int, x: int) -> tuple[int | None, ...]:
    return (graph.apply("div", g, graph.apply("add", y, y)),)


def _absolute(graph: Graph, g: int, y: int, x: int) -> tuple[int | None, ...]:
    return (graph.apply("mul", g, graph.apply("sign", x)),)


def _no_gradient(graph: Graph, g: int, y: int, *operands: int) -> tuple[int | None, ...]:
    return (None,) * len(operands)


def _extreme(graph: Graph, g: int, wins: int, loses: int) -> int:
    """Return the gradient of the operand `wins` of a maximum: 0 where `wins` < `loses`, halved where they are equal."""
    half = graph.apply("mul", g, graph.constant(0.5))
    shared = graph.apply("select", graph.apply("equal", wins, loses), half, g)
    return graph.apply("select", graph.apply("less", wins, loses), graph.constant(0), shared)


def _maximum(graph: Graph, g: int, y: int, a: int, b: int) -> tuple[int | None, ...]:
    return _extreme(graph, g, a, b), _extreme(graph, g, b, a)


def _minimum(graph: Graph, g: int, y: int, a: int, b: int) -> tuple[int | None, ...]:
    # min(a, b) = -max(-a, -b)
    minus_a, minus_b = graph.apply("neg", a), graph.apply("neg", b)
    return _extreme(graph, g, minus_a, minus_b), _extreme(graph, g, minus_b, minus_a)


def _power(graph: Graph, g: int, y: int, x: int, exponent: int) -> tuple[int | None, ...]:
    # The exponent is a constant: see torch_functions.py.
    n = graph.value_of(exponent) or 0.0
    slope = graph.apply("power", x, graph.constant(n - 1))
    return graph.apply("mul", g, graph.apply("mul", graph.constant(n), slope)), None


def _select(graph: Graph, g: int, y: int, mask: int, a: int, b: int) -> tuple[int | None, ...]:
    zero = graph.constant(0)
    return None, graph.apply("select", mask, g, zero), graph.apply("select", mask, zero, g)


RULES: Mapping[str, Rule] = {
    "add": _add,
    "sub": _sub,
    "mul": _mul,
    "div": _div,
    "neg": _neg,
    "sigmoid": _sigmoid,
    "tanh": _tanh,
    "relu": _relu,
    "exp": _exp,
    "expm1": _expm1,
    "log": _log,
    "log1p": _log1p,
    "softplus": _softplus,
    "erf": _erf,
    "sin": _sin,
    "cos": _cos,
    "square_root": _square_root,
    "absolute": _absolute,
    "sign": _no_gradient,
    "maximum": _maximum,
    "minimum": _minimum,
    "power": _power,
    "select": _select,
    "less": _no_gradient,
    "less_or_equal": _no_gradient,
    "equal": _no_gradient,
    "both": _no_gradient,
    "either": _no_gradient,
    "opposite": _no_gradient,
    "detach": _no_gradient,
}


def gradients(graph: Graph, seeds: Sequence[tuple[int, int]], wanted: Sequence[int]) -> list[int | None]:
    """Return the gradients of the inputs `wanted` as nodes of the same graph; None for an input without gradient.

    `seeds` are pairs of a result and its gradient; a result may occur more than once.
    """
    totals: dict[int, int] = {}

    def add(node: int, gradient: int) -> None:
        totals[node] = graph.apply("add", totals[node], gradient) if node in totals else gradient

    for result, gradient in seeds:
        add(result, gradient)
    order = graph.reachable([result for result, _ in seeds])
    # Compute gradients only on paths to a requested input; the others would be dead code.
    leads = set(wanted)
    for number in order:
        if any(operand in leads for operand in graph.nodes[number].operands):
            leads.add(number)
    for number in reversed(order):
        node = graph.nodes[number]
        if number not in totals or number not in leads or not node.operands:
            continue
        shares = RULES[node.function](graph, totals[number], number, *node.operands)
        for operand, share in zip(node.operands, shares, strict=True):
            if share is not None and operand in leads:
                add(operand, share)
    return [totals.get(node) for node in wanted]
