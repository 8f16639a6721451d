"""Sequences of lengths drawn uniformly from 1..T, forward and backward: elman against padding and torch's packing.

H = 128, B = 50. Targets: at most 1.1 times the time of the same layer without lengths, and at least 3 times the speed
of torch.nn between pack_padded_sequence(enforce_sorted=False) and pad_packed_sequence.
"""

from __future__ import annotations

import argparse

from _common import interleaved, row, with_both_allocators

BATCH, SIZE = 50, 128
TIMES = (50, 400)
CELLS = ("gru", "rnn", "lstm")
COLUMNS = ("layer", "T", "allocator", "elman with lengths, ms", "of elman padded", "torch.nn packed, ms", "speed")
COLUMNS += ("torch.nn padded, ms",)


def measure(arguments: argparse.Namespace) -> None:
    import torch
    from _peers import LayerPass, layer_pair
    from torch import Tensor, nn
    from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

    def packed(layer: nn.Module, x_BTI: Tensor, lengths_B: Tensor) -> Tensor:
        y = layer(pack_padded_sequence(x_BTI, lengths_B, batch_first=True, enforce_sorted=False))[0]
        return pad_packed_sequence(y, batch_first=True, total_length=x_BTI.shape[1])[0]

    for time in TIMES:
        x_BTI, dy_BTH = torch.randn(BATCH, time, SIZE), torch.randn(BATCH, time, SIZE)
        lengths_B = torch.randint(1, time + 1, (BATCH,))
        for cell in CELLS:
            theirs, ours = layer_pair(cell, SIZE, SIZE)
            calls = {
                "packed": (theirs, lambda x, layer=theirs, lengths_B=lengths_B: packed(layer, x, lengths_B)),
                "lengths": (ours, lambda x, layer=ours, lengths_B=lengths_B: layer(x, lengths=lengths_B)[0]),
                "padded": (ours, lambda x, layer=ours: layer(x)[0]),
                "torch.nn padded": (theirs, lambda x, layer=theirs: layer(x)[0]),
            }
            passes = {name: LayerPass(call, layer, x_BTI, dy_BTH) for name, (layer, call) in calls.items()}
            passes["lengths"].check_against(passes["packed"])
            candidates = {name: one.run for name, one in passes.items()}
            medians = interleaved(candidates, arguments.rounds, pause=0.005)
            of_padded = f"{medians['lengths'] / medians['padded']:.2f}"
            speed = f"{medians['packed'] / medians['lengths']:.2f}x"
            title = f"{cell} T={time} {arguments.allocator}"
            print(f"{title}: {of_padded} of the padded time (at most 1.1), {speed} torch.nn packed (to reach: 3x)")
            ms = {name: f"{seconds * 1000:.1f}" for name, seconds in medians.items()}
            numbers = (ms["lengths"], of_padded, ms["packed"], speed, ms["torch.nn padded"])
            print(row(cell, time, arguments.allocator, *numbers), flush=True)


if __name__ == "__main__":
    with_both_allocators(__doc__ or "", measure, COLUMNS, rounds=15)
