"""The choice of the values that the forward pass keeps in the slots of the record for the backward pass.

Greedy descent: it starts from the unchanged slots and makes the best of all single changes until none lowers the cost
of both passes.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from elman.kernels.native.graph import Graph

__all__ = ["BackwardGraph", "choose_kept"]

# Cost of an additional slot in the record, a store and a load from memory, in multiply-adds of one vector.
_SLOT_COST = 40.0
# Cost of a load or a store of an existing slot.
_MOVE_COST = 1.0
# Relative cost of a function of parameters alone, which is computed once for all rows.
_ONCE = 1 / 16
# More than any real cost, and small enough for exact sums: the initial value of a slot, which was overwritten.
_IMPOSSIBLE = 2.0**32
# A value may replace one that it does not depend on where that is cheapest to recompute: this many are tried.
_CHEAPEST = 2


class BackwardGraph(NamedTuple):
    """The graph with gradients, and the node that the backward pass writes to each place.

    in_memory  nodes of the forward equations that are in memory in any case, and their places
    once       nodes that have the same value in all rows
    """

    graph: Graph
    results: dict[str, int]
    in_memory: dict[int, str]
    once: set[int]


class _Needs:
    """The nodes that the backward pass needs while some of them are stored in slots, and their cost."""

    def __init__(self, backward: BackwardGraph, stored: set[int]) -> None:
        self._graph = backward.graph
        self._in_memory = backward.in_memory
        self._once = backward.once
        self._stored = stored
        # The number of uses of a node by results and by nodes that are computed.
        self.uses: Counter[int] = Counter()
        self.cost = 0.0
        for number in backward.results.values():
            self._use(number)

    def _cost_of(self, number: int) -> float:
        node = self._graph.nodes[number]
        if number in self._stored:
            return _MOVE_COST
        if number in self._in_memory:
            return 0.0 if node.function in ("input", "constant") else _MOVE_COST
        if node.function == "input":
            return _IMPOSSIBLE
        return self._graph.cost(number) * (_ONCE if number in self._once else 1.0)

    def _is_computed(self, number: int) -> bool:
        return number not in self._stored and number not in self._in_memory

    def _use(self, *numbers: int) -> None:
        stack = [*numbers]
        while stack:
            number = stack.pop()
            self.uses[number] += 1
            if self.uses[number] == 1:
                self.cost += self._cost_of(number)
                if self._is_computed(number):
                    stack.extend(self._graph.nodes[number].operands)

    def _release(self, *numbers: int) -> list[int]:
        """Take uses back; return the nodes that had some."""
        stack, released = [*numbers], []
        while stack:
            number = stack.pop()
            released.append(number)
            self.uses[number] -= 1
            if not self.uses[number]:
                self.cost -= self._cost_of(number)
                if self._is_computed(number):
                    stack.extend(self._graph.nodes[number].operands)
        return released

    def store(self, number: int) -> list[int]:
        """Store a node; return the nodes that are used less."""
        if not self.uses[number]:
            self._stored.add(number)
            return []
        self.cost += _MOVE_COST - self._cost_of(number)
        self._stored.add(number)
        return self._release(*self._graph.nodes[number].operands)

    def drop(self, number: int) -> None:
        """Store a node no longer."""
        self._stored.discard(number)
        if self.uses[number]:
            self.cost += self._cost_of(number) - _MOVE_COST
            self._use(*self._graph.nodes[number].operands)


class _Slots:
    """The nodes that the slots hold, and the changes of one slot that may lower the cost."""

    def __init__(self, backward: BackwardGraph, candidates: Sequence[int], slots: int) -> None:
        self.own = [backward.graph.input(f"slot{slot}") for slot in range(slots)]
        self.kept: list[int | None] = [*self.own]
        self._candidates = candidates
        self._needs = _Needs(backward, set(self.own))

    def _holding_cost(self, slot: int, node: int | None) -> float:
        new = slot >= len(self.own)
        moved = node is not None and (new or node != self.own[slot])
        return (_SLOT_COST if new else 0.0) + (_MOVE_COST if moved else 0.0)

    def changes(self) -> Iterator[tuple[float, int, int]]:
        """Yield the change of cost, the slot and the place of the candidate, or that behind the last for none."""
        needs, kept = self._needs, self.kept
        removals: list[tuple[float, int]] = []
        for slot, old in enumerate(kept):
            if old is None:
                continue
            before = needs.cost
            needs.drop(old)
            # Without a value, a slot behind the first ones is taken away.
            gain = needs.cost - before - self._holding_cost(slot, old)
            needs.store(old)
            removals.append((gain, slot))
            yield gain, slot, len(self._candidates)
        cheapest = {slot for _, slot in sorted(removals)[:_CHEAPEST]}
        free = {slot for slot, old in enumerate(kept) if old is None or not needs.uses[old]}
        place_of = {old: slot for slot, old in enumerate(kept) if old is not None}
        for place, candidate in enumerate(self._candidates):
            if candidate in place_of or not needs.uses[candidate]:
                continue
            before = needs.cost
            released = needs.store(candidate)
            related = {place_of[number] for number in released if number in place_of}
            for slot in sorted(free | related | cheapest | {len(kept)}):
                old = kept[slot] if slot < len(kept) else None
                if old is not None:
                    needs.drop(old)
                change = needs.cost - before + self._holding_cost(slot, candidate)
                if slot < len(kept):
                    change -= self._holding_cost(slot, old)
                if old is not None:
                    needs.store(old)
                yield change, slot, place
            needs.drop(candidate)

    def change(self, slot: int, place: int) -> None:
        """Let a slot hold another candidate, or nothing."""
        new = self._candidates[place] if place < len(self._candidates) else None
        if slot == len(self.kept):
            self.kept.append(None)
        old = self.kept[slot]
        if new is not None:
            self._needs.store(new)
        if old is not None:
            self._needs.drop(old)
        self.kept[slot] = new
        if new is None and slot >= len(self.own):
            del self.kept[slot]


def choose_kept(backward: BackwardGraph, forward: Sequence[int], slots: int) -> list[int | None]:
    """Return the node that each slot holds after the forward pass; None for nothing.

    forward  the nodes of the forward equations
    slots    the number of slots that the matrix products write
    """
    graph = backward.graph
    needed = set(graph.reachable(backward.results.values()))
    candidates = [
        number
        for number in forward
        if number in needed
        and number not in backward.in_memory
        and number not in backward.once
        and graph.nodes[number].function != "constant"
        and not graph.is_mask(number)
    ]
    held = _Slots(backward, candidates, slots)
    while True:
        change, slot, place = min(held.changes(), default=(0.0, 0, 0))
        if change >= 0.0:
            return held.kept
        held.change(slot, place)
