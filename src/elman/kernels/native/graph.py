"""`Graph`: element-wise expressions as numbered nodes, simplified and deduplicated when they are created."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple

from elman.kernels.native.functions import FUNCTIONS, MASKS, fold

__all__ = ["Graph", "Node", "whole_power"]

_COMMUTATIVE = frozenset({"add", "mul", "minimum", "maximum", "equal", "both", "either"})
# Factors are merged, and quotients turned into products, within this range, where float32 neither overflows nor
# underflows.
_LEAST, _MOST = 2.0**-100, 2.0**100


class Node(NamedTuple):
    """A function of other nodes, an "input" whose value is its name, or a "constant" whose value is its number."""

    function: str
    operands: tuple[int, ...] = ()
    value: str | float | None = None


class Graph:
    """Numbered nodes in topological order. Creating the same node twice returns the same number.

    exact  only simplifications that keep the sign of zero, as the equations of a cell need; without it, sums with 0 are
           simplified, as gradients need
    """

    def __init__(self, *, exact: bool = False) -> None:
        self.exact = exact
        self.nodes: list[Node] = []
        self._numbers: dict[Node, int] = {}

    def _number(self, node: Node) -> int:
        number = self._numbers.get(node)
        if number is None:
            number = self._numbers[node] = len(self.nodes)
            self.nodes.append(node)
        return number

    def input(self, name: str) -> int:
        """Return the node of an input, such as a place or a block of a projection."""
        return self._number(Node("input", value=name))

    def constant(self, value: float) -> int:
        """Return the node of a constant; -0.0 becomes the negation of 0.0 in an exact graph, and 0.0 in others."""
        number = self._number(Node("constant", value=float(value) + 0.0))
        negative = self.exact and value == 0 and math.copysign(1.0, value) < 0
        return self._number(Node("neg", (number,))) if negative else number

    def value_of(self, number: int) -> float | None:
        """Return the value of a constant node, or None for any other node."""
        node = self.nodes[number]
        return node.value if node.function == "constant" and isinstance(node.value, float) else None

    def is_mask(self, number: int) -> bool:
        """Return whether a node is boolean."""
        return self.nodes[number].function in MASKS

    def apply(self, function: str, *operands: int) -> int:
        """Return the simplified node of `function(operands)`."""
        constants = [self.value_of(operand) for operand in operands]
        numbers = [value for value in constants if value is not None]
        if len(numbers) == len(operands):
            folded = fold(function, numbers)
            if folded is not None:
                return self.constant(folded)
        simpler = self._simplify(function, operands, constants)
        return self.take(function, *operands) if simpler is None else simpler

    def take(self, function: str, *operands: int) -> int:
        """Return the node of `function(operands)`, not simplified."""
        if function in _COMMUTATIVE:
            operands = tuple(sorted(operands))
        return self._number(Node(function, operands))

    def _simplify(self, function: str, operands: tuple[int, ...], constants: list[float | None]) -> int | None:
        """Return a cheaper equivalent node, or None. 0 * x is not simplified, since it may be NaN."""
        match function:
            case "add":
                return self._simplify_sum(operands, constants)
            case "sub":
                return self._simplify_difference(operands, constants)
            case "mul":
                return self._simplify_product(operands, constants)
            case "div" if (
                constants[1] is not None
                and _LEAST <= abs(constants[1]) <= _MOST
                and math.frexp(constants[1])[0] in (0.5, -0.5)
            ):
                # The reciprocal of a power of two is exact.
                return self.apply("mul", operands[0], self.constant(1.0 / constants[1]))
            case "neg":
                inner = self.nodes[operands[0]]
                if inner.function == "neg":
                    return inner.operands[0]
                if inner.function == "sub" and not self.exact:
                    return self.apply("sub", inner.operands[1], inner.operands[0])
            case "opposite" if self.nodes[operands[0]].function == "opposite":
                return self.nodes[operands[0]].operands[0]
            case "select" if operands[1] == operands[2]:
                return operands[1]
        return None

    def _negated(self, number: int) -> int | None:
        node = self.nodes[number]
        return node.operands[0] if node.function == "neg" else None

    def _simplify_sum(self, operands: tuple[int, ...], constants: list[float | None]) -> int | None:
        a, b = operands
        if constants[0] == 0 and not self.exact:
            return b
        if constants[1] == 0 and not self.exact:
            return a
        minus_b = self._negated(b)
        if minus_b is not None:
            return self.apply("sub", a, minus_b)
        minus_a = self._negated(a)
        return None if minus_a is None else self.apply("sub", b, minus_a)

    def _simplify_difference(self, operands: tuple[int, ...], constants: list[float | None]) -> int | None:
        a, b = operands
        if constants[1] == 0:
            return a
        if constants[0] == 0 and not self.exact:
            return self.apply("neg", b)
        minus_b = self._negated(b)
        return None if minus_b is None else self.apply("add", a, minus_b)

    def _simplify_product(self, operands: tuple[int, ...], constants: list[float | None]) -> int | None:
        for index in (0, 1):
            factor, other = constants[index], operands[1 - index]
            if factor == 1:
                return other
            if factor == -1:
                return self.apply("neg", other)
            if factor is not None and self.nodes[other].function == "mul":
                for inner_index in (0, 1):
                    inner = self.value_of(self.nodes[other].operands[inner_index])
                    if inner is not None and _may_merge(factor, inner):
                        rest = self.nodes[other].operands[1 - inner_index]
                        return self.apply("mul", self.constant(factor * inner), rest)
            minus = self._negated(operands[index])
            if minus is not None:
                return self.apply("neg", self.apply("mul", minus, other))
        return None

    def reachable(self, roots: Iterable[int], stop: Iterable[int] = ()) -> list[int]:
        """Return `roots` and all nodes that they depend on, operands first, in a deterministic order.

        The operands of the nodes in `stop` are not followed.
        """
        stopped = set(stop)
        seen: dict[int, None] = {}
        for root in roots:
            stack = [(root, False)]
            while stack:
                number, done = stack.pop()
                if done:
                    seen[number] = None
                elif number not in seen:
                    stack.append((number, True))
                    if number not in stopped:
                        stack.extend((operand, False) for operand in reversed(self.nodes[number].operands))
        return list(seen)

    def copy_into(
        self,
        other: Graph,
        roots: Iterable[int],
        places: Mapping[int, int],
        rewrite: Callable[[Graph, str, tuple[int, ...]], int | None] = lambda *_: None,
    ) -> dict[int, int]:
        """Copy `roots`, and the nodes that they depend on, into the graph `other`.

        places   nodes of this graph, and the nodes of `other` that replace them
        rewrite  called with `other`, a function and its operands there; may return a node that replaces them

        Only nodes with operands that became constants are simplified again. Returns the node in `other` for every node
        that was copied or replaced.
        """
        copies = dict(places)
        for number in self.reachable(roots, copies):
            if number in copies:
                continue
            node = self.nodes[number]
            if node.function == "input":
                copies[number] = other.input(str(node.value))
            elif node.function == "constant":
                copies[number] = other.constant(float(node.value or 0.0))
            else:
                operands = tuple(copies[operand] for operand in node.operands)
                rewritten = rewrite(other, node.function, operands)
                if rewritten is not None:
                    copies[number] = rewritten
                    continue
                changed = any(
                    other.nodes[copy].function == "constant" != self.nodes[operand].function
                    for operand, copy in zip(node.operands, operands, strict=True)
                )
                copies[number] = (other.apply if changed else other.take)(node.function, *operands)
        return copies

    def cost(self, number: int) -> float:
        """Return the cost of computing a node; 0 for inputs and constants."""
        node = self.nodes[number]
        return FUNCTIONS[node.function].cost if node.operands else 0.0


def _may_merge(factor: float, inner: float) -> bool:
    """Whether (x * inner) * factor overflows or underflows where x * (inner * factor) does."""
    same_side = (abs(factor) >= 1) == (abs(inner) >= 1)
    return same_side and _LEAST <= abs(factor * inner) <= _MOST


def whole_power(graph: Graph, node: int, exponent: int) -> int:
    """Compute node ^ exponent by squaring, for an integer exponent of 1 or more."""
    if exponent == 1:
        return node
    half = whole_power(graph, node, exponent // 2)
    square = graph.apply("mul", half, half)
    return graph.apply("mul", square, node) if exponent % 2 else square
