"""The values that are kept for the backward pass: no single change of a slot would be cheaper, and choosing is fast."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

import pytest
import torch
from torch import Tensor

from elman.cells.cell import HiddenState
from elman.kernels import Step
from elman.kernels.native import compose, kept
from elman.kernels.native.kept import BackwardGraph
from elman.kernels.native.program import Program
from elman.kernels.native.trace import program_of

from .invented_cells import INVENTED, Invented
from .test_random_equations import Random

SLOT, MOVE, ONCE = 40.0, 1.0, 1 / 16


def cost(backward: BackwardGraph, held: Sequence[int | None], slots: int) -> float:
    """The cost of the backward pass, counted from scratch."""
    graph, stored = backward.graph, {node for node in held if node is not None}
    total = 0.0
    for number in graph.reachable(backward.results.values(), stop=stored | backward.in_memory.keys()):
        node = graph.nodes[number]
        if number in stored:
            total += MOVE
        elif number in backward.in_memory:
            total += 0.0 if node.function in ("input", "constant") else MOVE
        elif node.function == "input":
            return float("inf")
        else:
            total += graph.cost(number) * (ONCE if number in backward.once else 1)
    for slot, node_held in enumerate(held):
        total += SLOT if slot >= slots else 0.0
        total += MOVE if node_held is not None and graph.nodes[node_held].value != f"slot{slot}" else 0.0
    return total


@pytest.fixture
def choices(monkeypatch: pytest.MonkeyPatch) -> list[tuple[BackwardGraph, list[int], int, list[int | None]]]:
    """What `choose_kept` is asked, and its answer."""
    found: list[tuple[BackwardGraph, list[int], int, list[int | None]]] = []

    def choose(backward: BackwardGraph, forward: list[int], slots: int) -> list[int | None]:
        answer = kept.choose_kept(backward, forward, slots)
        found.append((backward, forward, slots, answer))
        return answer

    monkeypatch.setattr(compose, "choose_kept", choose)
    return found


def test_no_single_change_is_cheaper(choices: list[Any]) -> None:
    torch.manual_seed(2)
    cell = Random(2, 3).double()
    for seed in range(500, 530):  # equations that no other test has traced
        cell.seed = seed
        assert isinstance(program_of(cell), Program)
    assert len(choices) == 30
    changed_any = 0
    for backward, forward, slots, answer in choices:
        best = cost(backward, answer, slots)
        start = [backward.graph.input(f"slot{slot}") for slot in range(slots)]
        changed_any += answer != start
        assert best <= cost(backward, start, slots)
        needed = set(backward.graph.reachable(backward.results.values()))
        candidates = [
            number
            for number in forward
            if number in needed
            and number not in backward.in_memory
            and backward.graph.nodes[number].function != "constant"
            and not backward.graph.is_mask(number)
        ]
        for slot in range(len(answer) + 1):
            for candidate in [*candidates, None]:
                if candidate in answer and candidate is not None:
                    continue
                other = [*answer[:slot], candidate, *answer[slot + 1 :]]
                if other[-1] is None and slot >= slots:
                    other.pop()
                assert cost(backward, other, slots) >= best
    assert changed_any >= 5


@pytest.mark.parametrize("name", sorted(INVENTED))
def test_kept_values_cost_no_more_than_the_slots_as_they_are(name: str, choices: list[Any]) -> None:
    kind = type("Fresh", (INVENTED[name],), {})
    program_of(kind(3, 5))  # type: ignore[arg-type]
    for backward, _, slots, answer in choices:
        start = [backward.graph.input(f"slot{slot}") for slot in range(slots)]
        assert cost(backward, answer, slots) <= cost(backward, start, slots)


class Sixteen(Invented):
    """As many gates as the engine takes."""

    gates = 16

    def update(self, p_BG: Tensor, u_BG: Tensor, state: HiddenState) -> Step:
        total = torch.zeros_like(state.h)
        for p, u in zip(p_BG.chunk(self.gates, -1), u_BG.chunk(self.gates, -1), strict=True):
            total = total + torch.sigmoid(p + u) * torch.tanh(p * u)
        return self.done(torch.tanh(total) * state.h)


def test_sixteen_gates_are_composed_in_a_moment() -> None:
    begun = time.process_time()
    assert isinstance(program_of(Sixteen(2, 3)), Program)
    assert time.process_time() - begun < 2.0


def test_more_gates_are_refused_before_they_are_composed() -> None:
    class Seventeen(Sixteen):
        gates = 17

    assert program_of(Seventeen(2, 3)) == "its products have 17 blocks of hidden_size numbers, expected at most 16"


def test_a_cell_without_state_is_refused() -> None:
    class Forgetful(Invented):
        state_type = tuple

        def state_sizes(self) -> dict[str, int]:
            return {}

        def initial_state(self, batch_size: int) -> Any:
            return ()

        def advance(self, p_BG: Tensor, state: Any, recurrent_mask_BH: Tensor | None = None) -> Step:
            return Step(torch.tanh(p_BG), (), {})

        def update(self, p_BG: Tensor, u_BG: Tensor, state: Any) -> Step:
            return self.advance(p_BG, state)

    assert program_of(Forgetful(2, 3)) == "it has no state"
