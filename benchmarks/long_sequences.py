"""A layer over 2000 time steps, forward and backward, elman against torch.nn: B = 16, I = H = 64.

The fraction of the FMA peak counts only the necessary matrix products of the layer; see fma_peak.py.
"""

from __future__ import annotations

import argparse

from _common import interleaved, row, with_both_allocators
from fma_peak import best_loop, product_operations

QUICK = False
BATCH, TIME, SIZE = 16, 2000, 64
# Target speed relative to torch.nn.
TARGETS = {"gru": 15, "rnn": 8, "lstm": 3}
COLUMNS = ("layer", "allocator", "elman, ms", "torch.nn, ms", "speed", "to reach", "at most", "of the FMA peak")


def measure(arguments: argparse.Namespace) -> None:
    import torch
    from _peers import LayerPass, layer_pair

    loop = best_loop(arguments.threads)
    x_BTI, dy_BTH = torch.randn(BATCH, TIME, SIZE), torch.randn(BATCH, TIME, SIZE)
    for cell, target in TARGETS.items():
        theirs, ours = layer_pair(cell, SIZE, SIZE)
        torch_pass = LayerPass(lambda x, layer=theirs: layer(x)[0], theirs, x_BTI, dy_BTH)
        elman_pass = LayerPass(lambda x, layer=ours: layer(x)[0], ours, x_BTI, dy_BTH)
        elman_pass.check_against(torch_pass)
        candidates = {"torch.nn": torch_pass.run, "elman": elman_pass.run, "FMA": loop.run}
        medians = interleaved(candidates, arguments.rounds, pause=0.02)
        at_peak = product_operations(cell, [(SIZE, SIZE)], BATCH * TIME) / loop.operations * medians["FMA"]
        speed = f"{medians['torch.nn'] / medians['elman']:.2f}x"
        most, fraction = f"{medians['torch.nn'] / at_peak:.1f}x", f"{at_peak / medians['elman']:.0%}"
        print(f"{cell} {arguments.allocator}: {speed} torch.nn (to reach: {target}x, at most: {most})")
        ms = [f"{medians[name] * 1000:.1f}" for name in ("elman", "torch.nn")]
        print(row(cell, arguments.allocator, *ms, speed, f"{target}x", most, fraction), flush=True)


if __name__ == "__main__":
    with_both_allocators(__doc__ or "", measure, COLUMNS, rounds=15)
