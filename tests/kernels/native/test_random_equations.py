"""Equations made at random, traced and differentiated: whatever a cell does, its program does the same."""

from __future__ import annotations

import random

import pytest
import torch
from torch import Tensor, nn

from elman.kernels import Step
from elman.kernels.native.program import Program
from elman.kernels.native.trace import program_of

from .invented_cells import Invented, ThreeLeaves
from .programs_in_torch import check_gradients, check_values

_ONE = (torch.sigmoid, torch.tanh, torch.neg, torch.sin, torch.relu, lambda x: 0.5 * x - 1, lambda x: 1 / (1 + x * x))
_TWO = (torch.add, torch.sub, torch.mul, torch.maximum, lambda x, y: x / (2 + y * y), lambda x, y: y - x)


class Random(Invented):
    """Some blocks of p and u, three leaves and two parameters, combined by a throw of the dice.

    Sums of p and u come often, and in every order, so that slots are merged, or just not.
    """

    gates = 3
    state_type = ThreeLeaves.State

    def build(self) -> None:
        self.w = nn.Parameter(torch.rand(self.hidden_size))
        self.s = nn.Parameter(torch.rand(1))
        self.seed = 0

    def state_sizes(self) -> dict[str, int]:
        return dict.fromkeys(("h", "c", "n"), self.hidden_size)

    def update(self, p_BG: Tensor, u_BG: Tensor, state: ThreeLeaves.State) -> Step:
        dice = random.Random(self.seed)
        p, u = p_BG.chunk(3, -1), u_BG.chunk(3, -1)
        values: list[Tensor] = [*state, self.w * state.c, state.h + self.s]
        for block in dice.sample(range(3), dice.randint(1, 3)):
            terms = [p[block], u[dice.choice([block, block, 0, 1, 2])], dice.choice(values), dice.choice(values)]
            dice.shuffle(terms)
            total = terms[0]
            for term in terms[1 : dice.randint(2, 4)]:
                total = total + term if dice.random() < 0.8 else total - term
            values.append(total)
            if dice.random() < 0.3:
                values.append(dice.choice([p[block], u[block]]))
        for _ in range(dice.randint(3, 9)):
            if dice.random() < 0.5:
                values.append(dice.choice(_ONE)(dice.choice(values)))
            else:
                values.append(dice.choice(_TWO)(dice.choice(values), dice.choice(values)))
        new = [dice.choice(values[-6:]) for _ in range(3)]
        y = new[0] if dice.random() < 0.5 else dice.choice(values)
        return Step(y, ThreeLeaves.State(*new), {})


@pytest.mark.parametrize("seeds", [range(start, start + 25) for start in range(0, 100, 25)], ids=lambda r: str(r.start))
def test_random_equations(seeds: range) -> None:
    torch.manual_seed(2)
    cell = Random(2, 3).double()
    shared = 0
    for seed in seeds:
        cell.seed = seed
        made = program_of(cell)
        assert isinstance(made, Program), f"seed {seed}: {made}"
        check_values(cell, made)
        check_gradients(cell, made)
        shared += made.x_slots + made.h_slots > made.slots
    # Without slots that hold sums, this would not be the test that it is meant to be.
    assert shared >= 4
