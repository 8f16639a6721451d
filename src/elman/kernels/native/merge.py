"""Assignment of the blocks of the input and recurrent products to slots of the record.

Two blocks share a slot if the equations use them only as a sum. Nested sums are flattened, so (p + w * c) + u counts
as well.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

from elman.kernels.native.graph import Graph

__all__ = ["SlotAssignment", "assign_slots"]

_ADDITIVE = frozenset({"add", "sub", "neg"})


class SlotAssignment(NamedTuple):
    """The equations over slots instead of blocks, and the slot of each block (see `Program`)."""

    graph: Graph
    roots: list[int]
    x_gates: tuple[int, ...]
    h_gates: tuple[int, ...]
    h_first: int


def _blocks(graph: Graph, nodes: Sequence[int], letter: str) -> dict[int, int]:
    """Return the blocks of p or u among `nodes`: node by block index."""
    found = {}
    for number in nodes:
        node = graph.nodes[number]
        if node.function == "input" and str(node.value)[0] == letter and str(node.value)[1:].isdigit():
            found[int(str(node.value)[1:])] = number
    return dict(sorted(found.items()))


def _uses_in_sums(graph: Graph, roots: Sequence[int]) -> dict[int, Counter[tuple[int, int]] | None]:
    """Count, for every node, its uses as a term by (sum, sign); None if it has other uses as well."""
    order = graph.reachable(roots)
    users: dict[int, list[int]] = {number: [] for number in order}
    for number in order:
        for operand in graph.nodes[number].operands:
            users[operand].append(number)
    for root in roots:
        users[root].append(-1)
    terms: dict[int, Counter[tuple[int, int]] | None] = {number: Counter() for number in order}
    # The sum that an additive node is part of, and its sign there. The loop visits users before operands.
    part_of: dict[int, tuple[int, int]] = {}
    for number in reversed(order):
        node = graph.nodes[number]
        additive = node.function in _ADDITIVE
        if additive and number not in part_of:
            part_of[number] = (number, 1)
        for index, operand in enumerate(node.operands):
            if not additive:
                terms[operand] = None
                continue
            whole, sign = part_of[number]
            if node.function == "neg" or (node.function == "sub" and index == 1):
                sign = -sign
            if graph.nodes[operand].function in _ADDITIVE and len(users[operand]) == 1:
                part_of[operand] = (whole, sign)
            count = terms[operand]
            if count is not None:
                count[whole, sign] += 1
    for root in roots:
        terms[root] = None
    return terms


def assign_slots(graph: Graph, roots: Sequence[int]) -> SlotAssignment:
    """Replace every block of p and u that the equations use by a slot."""
    order = graph.reachable(roots)
    p_nodes, u_nodes = _blocks(graph, order, "p"), _blocks(graph, order, "u")
    terms = _uses_in_sums(graph, roots)
    merged: dict[int, int] = {}
    for block, node in p_nodes.items():
        # Try the block with the same index first, so that cells with parallel gates keep their order.
        candidates = [block, *u_nodes]
        partner = next(
            (
                other
                for other in candidates
                if other in u_nodes
                and other not in merged.values()
                and terms[node] is not None
                and terms[node] == terms[u_nodes[other]]
            ),
            None,
        )
        if partner is not None:
            merged[block] = partner
    p_alone = [block for block in p_nodes if block not in merged]
    u_alone = [block for block in u_nodes if block not in merged.values()]
    x_gates = (*p_alone, *merged)
    h_gates = (*merged.values(), *u_alone)
    h_first = len(p_alone)
    result = Graph()
    places = {p_nodes[block]: result.input(f"slot{slot}") for slot, block in enumerate(x_gates)}
    places |= {u_nodes[block]: result.input(f"slot{slot}") for slot, block in enumerate(h_gates, h_first)}
    # The slot already holds the sum, so the second term becomes 0 and the graph simplifies the addition away.
    places |= {u_nodes[block]: result.constant(0) for block in merged.values()}
    copies = graph.copy_into(result, roots, places)
    return SlotAssignment(result, [copies[root] for root in roots], x_gates, h_gates, h_first)
