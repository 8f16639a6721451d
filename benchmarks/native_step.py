"""A training step of a 2-layer character model, elman against torch.nn and Keras on JAX (long: JAX compiles).

Embedding, two recurrent layers, output product, cross-entropy and Adam; 65 characters, B = 50, T = 50. elman and torch
start from the same weights. "With tokens" is elman's language model, whose first layer can look up its input projection
in a table. The fraction of the FMA peak is that of elman's whole step without the table, and counts only the matrix
products of the recurrent layers and the output; see fma_peak.py. "At most" is the speed relative to the best peer of a
step that consists only of these products, with the table, at the peak.
"""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING

from _common import interleaved, row, with_both_allocators
from fma_peak import FmaLoop, best_loop, product_operations

if TYPE_CHECKING:
    from _peers import Case

QUICK = False

# (cell, H): target speed relative to the best peer, with the tuned and with the default allocator.
TARGETS = {
    ("gru", 128): (3.0, 3.0),
    ("rnn", 128): (1.8, 1.8),
    ("lstm", 128): (1.5, 2.0),
    ("gru", 512): (2.5, 2.5),
    ("rnn", 512): (2.2, 2.2),
    ("lstm", 512): (1.2, 1.2),
}
COLUMNS = (
    "step",
    "H",
    "allocator",
    "elman, ms",
    "with tokens, ms",
    "torch.nn",
    "Keras on JAX",
    "best peer",
    "to reach",
)
COLUMNS += ("at most", "of the FMA peak", "elman bf16, ms", "torch.nn bf16")


def compare(case: Case, arguments: argparse.Namespace, loop: FmaLoop) -> dict[str, float]:
    """Return the median milliseconds of one step of each peer, and of one run of `loop` as "FMA"."""
    from _peers import KerasStep, TorchStep, elman_model, elman_token_model, torch_model

    steps = {
        "torch.nn": TorchStep(torch_model(case), case),
        "elman": TorchStep(elman_model(case), case),
        "elman tokens": TorchStep(elman_token_model(case), case),
        "torch.nn bf16": TorchStep(torch_model(case), case, bfloat16=True),
        "elman bf16": TorchStep(elman_model(case), case, bfloat16=True),
    }
    expected = steps["torch.nn"].loss().item()
    for name, step in steps.items():
        received = step.loss().item()
        if not abs(received - expected) < (1e-2 if step.bfloat16 else 1e-5):
            sys.exit(f"expected a loss of {expected:.6f} from {name}. Received: {received:.6f}")
    count = 1 if arguments.quick else 5 if case.hidden < 512 else 2
    with KerasStep(case, arguments.threads, arguments.allocator == "tuned") as keras:
        candidates = {name: lambda step=step: step.steps(count) for name, step in steps.items()}
        candidates |= {"Keras on JAX": lambda: keras.steps(count), "FMA": loop.run}
        medians = interleaved(candidates, arguments.rounds, pause=0.02)
    return {name: seconds * 1000 / (1 if name == "FMA" else count) for name, seconds in medians.items()}


def report(case: Case, allocator: str, ms: dict[str, float], loop: FmaLoop) -> None:
    """Print the lines of one case."""
    from _peers import LAYERS

    target = f"{TARGETS[case.cell, case.hidden][allocator == 'default']}x"
    ours, best_peer = min(ms["elman"], ms["elman tokens"]), min(ms["torch.nn"], ms["Keras on JAX"])
    gains = [f"{value / ours:.2f}x" for value in (ms["torch.nn"], ms["Keras on JAX"], best_peer)]
    rows = case.batch * case.time
    head = 3 * 2 * rows * case.hidden * case.vocabulary
    at_peak, at_peak_with_table = (
        (product_operations(case.cell, [(case.hidden, case.hidden)] * LAYERS, rows, table_rows) + head)
        / (loop.operations / ms["FMA"])
        for table_rows in (None, case.vocabulary)
    )
    most = f"{best_peer / at_peak_with_table:.2f}x"
    title = f"{case.cell} H={case.hidden} {allocator}"
    print(f"{title}: {', '.join(f'{name} {value:.1f} ms' for name, value in ms.items())}")
    print(f"{title}: {gains[-1]} the best peer (to reach: {target}, at most: {most})")
    numbers = (f"{ms['elman']:.1f}", f"{ms['elman tokens']:.1f}", *gains, target, most, f"{at_peak / ms['elman']:.0%}")
    bfloat16 = (f"{ms['elman bf16']:.1f}", f"{ms['torch.nn bf16'] / ms['elman bf16']:.2f}x")
    print(row(case.cell, case.hidden, allocator, *numbers, *bfloat16), flush=True)


def measure(arguments: argparse.Namespace) -> None:
    from _peers import Case

    loop = best_loop(arguments.threads)
    for cell, hidden in TARGETS:
        case = Case(cell, hidden)
        report(case, arguments.allocator, compare(case, arguments, loop), loop)


if __name__ == "__main__":
    with_both_allocators(__doc__ or "", measure, COLUMNS, rounds=15)
