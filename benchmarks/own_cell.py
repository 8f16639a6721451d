"""A custom cell, forward and backward, against the reference loop and, per gate, against the built-in GRU.

H = 128, B = 50, T = 50. Targets: 4 times the speed of the reference loop, and at most 1.3 times the GRU's time per
gate.
"""

from __future__ import annotations

import argparse
from typing import Any

import torch
from _common import interleaved, row, with_both_allocators
from torch import Tensor, nn

from elman.cells import GRU, ElementwiseCell, HiddenState
from elman.kernels import Step

BATCH, TIME, SIZE = 50, 50, 128
COLUMNS = ("allocator", "own cell, ms", "readable loop, ms", "speed", "GRU, ms", "time a gate, of the GRU's")


class PeepholeMGU(ElementwiseCell):
    """Minimal gated unit whose candidate also has a peephole: a learnt weight from each unit's own state."""

    name = "peephole_mgu"
    summary = "minimal gated unit with a peephole"
    equations = (
        "f = sigmoid(W_f x + U_f h + b_f)\nn = tanh(W_n x + b_n + f * (U_n h + c_n) + w * h)\nh' = (1 - f) * h + f * n"
    )
    paper = "Zhou et al. 2016, Minimal gated unit for recurrent neural networks"

    def __init__(self, input_size: int, hidden_size: int, **options: Any) -> None:
        super().__init__(input_size, hidden_size, gate_names=("f", "n"), **options)
        self.peephole = nn.Parameter(torch.zeros(hidden_size))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        super().reset_parameters()
        nn.init.uniform_(self.peephole, -0.1, 0.1)

    def update(self, p_BG: Tensor, u_BG: Tensor, state: HiddenState) -> Step:
        p_f, p_n = p_BG.chunk(2, dim=-1)
        u_f, u_n = u_BG.chunk(2, dim=-1)
        f = torch.sigmoid(p_f + u_f)
        n = torch.tanh(p_n + f * u_n + self.peephole * state.h)
        h_BH = (1 - f) * state.h + f * n
        return Step(h_BH, HiddenState(h_BH), {"f": f, "n": n})


def measure(arguments: argparse.Namespace) -> None:
    from _peers import LayerPass

    from elman.nn import Unroll

    x_BTI, dy_BTH = torch.randn(BATCH, TIME, SIZE), torch.randn(BATCH, TIME, SIZE)
    own, gru = PeepholeMGU(SIZE, SIZE), GRU(SIZE, SIZE)
    layers = {"own": Unroll(own), "loop": Unroll(own, kernel="reference"), "gru": Unroll(gru)}
    passes = {
        name: LayerPass(lambda x, layer=layer: layer(x)[0], layer, x_BTI, dy_BTH) for name, layer in layers.items()
    }
    passes["own"].check_against(passes["loop"])
    medians = interleaved({name: one.run for name, one in passes.items()}, arguments.rounds, pause=0.005)
    speed = f"{medians['loop'] / medians['own']:.2f}x"
    a_gate = f"{medians['own'] / len(own.gate_names) / (medians['gru'] / len(gru.gate_names)):.2f}"
    print(f"{arguments.allocator}: {speed} the readable loop (to reach: 4x)")
    print(f"{arguments.allocator}: {a_gate} of the GRU's time a gate (at most 1.3)")
    own_ms, loop_ms, gru_ms = (f"{medians[name] * 1000:.2f}" for name in ("own", "loop", "gru"))
    print(row(arguments.allocator, own_ms, loop_ms, speed, gru_ms, a_gate), flush=True)


if __name__ == "__main__":
    with_both_allocators(__doc__ or "", measure, COLUMNS, rounds=25)
