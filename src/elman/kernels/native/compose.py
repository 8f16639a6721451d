"""Build a `Program` from traced equations: assign slots, differentiate, choose saved values, order the operations.

The forward pass saves in the slots the values that minimise the total cost of both passes. Values that the backward
pass needs and that are not in the slots, the states or the parameters are recomputed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from elman.kernels.native.derive import gradients
from elman.kernels.native.graph import Graph
from elman.kernels.native.merge import assign_slots
from elman.kernels.native.program import Operation, Program

__all__ = ["Equations", "compose"]

# Cost of an additional slot in the record, a store and a load from memory, in multiply-adds of one vector.
_SLOT_COST = 40.0
# Cost of a load or a store of an existing slot.
_MOVE_COST = 1.0
_IMPOSSIBLE = float("inf")
# Relative cost of a function of parameters alone, which is computed once for all rows.
_ONCE = 1 / 16


class Equations(NamedTuple):
    """Traced equations: the graph over the inputs p0.., u0.., old0.., parameter0.., its results, and their names."""

    graph: Graph
    y: int
    new: tuple[int, ...]
    p_blocks: int
    u_blocks: int
    leaves: tuple[str, ...]
    h_leaf: int
    parameters: tuple[str, ...]


class _BackwardGraph(NamedTuple):
    """The graph with gradients, and the node that is written to each place by the backward pass."""

    graph: Graph
    results: dict[str, int]
    # Nodes of the forward equations that are in memory in any case: node to place.
    in_memory: dict[int, str]
    # Nodes that have the same value in all rows.
    once: set[int]


def _differentiate(
    graph: Graph, y: int | None, new: Sequence[int], slots: int, parameters: int, y_leaf: int
) -> dict[str, int]:
    """Add the gradient of every slot, leaf and parameter to the graph; return the nodes by place."""
    seeds = [(leaf, graph.input(f"d_state{index}")) for index, leaf in enumerate(new)]
    dy = graph.input("dy")
    seeds.append((new[y_leaf] if y is None else y, dy))
    names = [f"slot{slot}" for slot in range(slots)]
    names += [f"old{index}" for index in range(len(new))]
    names += [f"parameter{index}" for index in range(parameters)]
    found = gradients(graph, seeds, [graph.input(name) for name in names])
    zero = graph.constant(0)
    results = {}
    for name, gradient in zip(names, found, strict=True):
        place = name.replace("old", "d_state").replace("parameter", "d_parameter")
        results[place] = zero if gradient is None else gradient
    return results


def _backward_cost(backward: _BackwardGraph, kept: Sequence[int | None], slots: int) -> float:
    """Return the cost of the backward pass if slot s holds the node kept[s] (None: an unused slot)."""
    graph = backward.graph
    stored = {node for node in kept if node is not None}
    total = 0.0
    for number in graph.reachable(backward.results.values(), stop=stored | backward.in_memory.keys()):
        node = graph.nodes[number]
        if number in stored:
            total += _MOVE_COST
        elif number in backward.in_memory:
            total += 0.0 if node.function in ("input", "constant") else _MOVE_COST
        elif node.function == "input":
            return _IMPOSSIBLE  # the initial value of a slot, which was overwritten
        else:
            total += graph.cost(number) * (_ONCE if number in backward.once else 1)
    for slot, held in enumerate(kept):
        if slot >= slots:
            total += _SLOT_COST
        if held is not None and graph.nodes[held].value != f"slot{slot}":
            total += _MOVE_COST
    return total


def _choose_kept(backward: _BackwardGraph, forward: Sequence[int], slots: int) -> list[int | None]:
    """Choose the node that each slot holds after the forward pass, by greedy descent from the unchanged inputs."""
    graph = backward.graph
    kept: list[int | None] = [graph.input(f"slot{slot}") for slot in range(slots)]
    needed = set(graph.reachable(backward.results.values()))
    candidates: list[int | None] = [
        number
        for number in forward
        if number in needed
        and number not in backward.in_memory
        and number not in backward.once
        and graph.nodes[number].function != "constant"
        and not graph.is_mask(number)
    ]
    candidates.append(None)
    cost = _backward_cost(backward, kept, slots)
    while True:
        best: list[int | None] | None = None
        for slot in range(len(kept) + 1):
            for candidate in candidates:
                if candidate in kept if candidate is not None else slot == len(kept):
                    continue
                changed = [*kept[:slot], candidate, *kept[slot + 1 :]]
                if changed[-1] is None and slot >= slots:
                    changed.pop()
                changed_cost = _backward_cost(backward, changed, slots)
                if changed_cost < cost:
                    best, cost = changed, changed_cost
        if best is None:
            return kept
        kept = best


def _schedule(graph: Graph, results: Mapping[str, int], names: Mapping[int, str]) -> tuple[Operation, ...]:
    """Return the operations that compute and write `results`; `names` are the nodes that are already in memory."""
    operations: list[Operation] = []
    known: dict[int, str | float] = dict(names)
    for number in graph.reachable(results.values(), stop=names):
        if number in known:
            continue
        node = graph.nodes[number]
        if node.value is not None:
            known[number] = node.value
            continue
        known[number] = f"t{len(operations)}"
        operands = tuple(known[operand] for operand in node.operands)
        operations.append(Operation(f"t{len(operations)}", node.function, operands))
    for place, number in results.items():
        function = "accumulate" if place.startswith("d_parameter") else "store"
        # A place that already holds its value needs no store.
        if known[number] != place:
            operations.append(Operation(place, function, (known[number],)))
    return tuple(operations)


def _same_in_all_rows(graph: Graph) -> set[int]:
    """Return the nodes that depend on parameters and constants only."""
    same: set[int] = set()
    for number, node in enumerate(graph.nodes):
        if (
            node.function == "constant"
            or str(node.value).startswith("parameter")
            or (node.operands and same.issuperset(node.operands))
        ):
            same.add(number)
    return same


def _without_detach(graph: Graph, results: dict[str, int]) -> tuple[Graph, dict[str, int]]:
    plain = Graph()
    copies = graph.copy_into(plain, results.values(), {}, without="detach")
    return plain, {place: copies[number] for place, number in results.items()}


def compose(equations: Equations) -> Program:
    """Build the program of traced equations."""
    y_leaf = -1
    for index in (equations.h_leaf, *range(len(equations.new))):
        if y_leaf < 0 and equations.new[index] == equations.y:
            y_leaf = index
    leaves = len(equations.new)
    slotted = assign_slots(equations.graph, [*equations.new, equations.y])
    new, y = slotted.roots[:leaves], slotted.roots[leaves] if y_leaf < 0 else None
    slots = slotted.h_first + len(slotted.h_gates)
    d_results = _differentiate(slotted.graph, y, new, slots, len(equations.parameters), y_leaf)
    outputs = {f"new{index}": node for index, node in enumerate(new)} | ({} if y is None else {"y": y})
    graph, everything = _without_detach(slotted.graph, {**outputs, **{f"d:{k}": v for k, v in d_results.items()}})
    forward_results = {place: everything[place] for place in outputs}
    backward_results = {place: everything[f"d:{place}"] for place in d_results}

    # The old state takes precedence over the new one, so an unchanged leaf is read from its old place.
    in_memory = {everything[f"new{index}"]: f"new{index}" for index in range(leaves)}
    for number, node in enumerate(graph.nodes):
        if node.function == "constant" or (node.function == "input" and not str(node.value).startswith("slot")):
            in_memory[number] = str(node.value)
    backward = _BackwardGraph(graph, backward_results, in_memory, _same_in_all_rows(graph))
    kept = _choose_kept(backward, graph.reachable(forward_results.values()), slots)
    names = {held: f"slot{slot}" for slot, held in enumerate(kept) if held is not None}
    forward_results |= {place: held for held, place in names.items()}
    inputs = {number: str(node.value) for number, node in enumerate(graph.nodes) if node.function == "input"}
    loads = {number: place for number, place in in_memory.items() if graph.nodes[number].function != "constant"}
    return Program(
        p_blocks=equations.p_blocks,
        u_blocks=equations.u_blocks,
        x_gates=slotted.x_gates,
        h_gates=slotted.h_gates,
        slots=len(kept),
        h_first=slotted.h_first,
        leaves=equations.leaves,
        h_leaf=equations.h_leaf,
        y_leaf=y_leaf,
        parameters=equations.parameters,
        forward=_schedule(graph, forward_results, inputs),
        backward=_schedule(graph, backward_results, names | loads),
    )
