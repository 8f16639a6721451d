"""Build a `Program` from traced equations: assign slots, differentiate, choose kept values, order the operations.

Values that the backward pass needs and that are not in the slots, the states or the parameters are recomputed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from elman.kernels.native.derive import gradients
from elman.kernels.native.graph import Graph, whole_power
from elman.kernels.native.kept import BackwardGraph, choose_kept
from elman.kernels.native.merge import assign_slots
from elman.kernels.native.program import Operation, Program

__all__ = ["Equations", "compose"]

# Powers with whole exponents up to this are computed by products.
_LARGEST_POWER = 17


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


def _inputs_of(graph: Graph) -> dict[int, str]:
    return {number: str(node.value) for number, node in enumerate(graph.nodes) if node.function == "input"}


def _rewrite(graph: Graph, function: str, operands: tuple[int, ...]) -> int | None:
    """Replace what only gradients need: remove detach, and compute powers with whole exponents by products."""
    if function == "detach":
        return operands[0]
    exponent = graph.value_of(operands[1]) if function == "power" else None
    if exponent is None or not exponent.is_integer() or not 0 < abs(exponent) <= _LARGEST_POWER:
        return None
    power = whole_power(graph, operands[0], abs(int(exponent)))
    return power if exponent > 0 else graph.apply("div", graph.constant(1), power)


def _without_detach(graph: Graph, results: dict[str, int]) -> tuple[Graph, dict[str, int]]:
    plain = Graph()
    copies = graph.copy_into(plain, results.values(), {}, _rewrite)
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
    own_inputs = {
        number: str(node.value) for number, node in enumerate(slotted.graph.nodes) if node.function == "input"
    }
    graph, everything = _without_detach(slotted.graph, {**outputs, **{f"d:{k}": v for k, v in d_results.items()}})
    forward_results = {place: everything[place] for place in outputs}
    backward_results = {place: everything[f"d:{place}"] for place in d_results}

    # The old state takes precedence over the new one, so an unchanged leaf is read from its old place.
    in_memory = {everything[f"new{index}"]: f"new{index}" for index in range(leaves)}
    for number, node in enumerate(graph.nodes):
        if node.function == "constant" or (node.function == "input" and not str(node.value).startswith("slot")):
            in_memory[number] = str(node.value)
    backward = BackwardGraph(graph, backward_results, in_memory, _same_in_all_rows(graph))
    kept = choose_kept(backward, graph.reachable(forward_results.values()), slots)
    names = {held: f"slot{slot}" for slot, held in enumerate(kept) if held is not None}
    forward_results |= {place: held for held, place in names.items()}
    inputs = _inputs_of(graph)
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
        equations=_schedule(slotted.graph, outputs, own_inputs),
    )
