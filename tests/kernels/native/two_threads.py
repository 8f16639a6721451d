"""Two threads run layers of the native engine at the same time, forward and backward; both must agree with one thread.

The script that ThreadSanitizer watches. Ends with 1 when a number differs.
"""

from __future__ import annotations

import itertools
import sys
import threading

import torch
from torch import Tensor

from elman import kernels
from elman.cells import make

ROUNDS = 10


def work(name: str, ragged: bool) -> list[Tensor]:
    """Outputs and gradients of a small layer."""
    generator = torch.Generator().manual_seed(1)
    cell = make(name, 5, 20)
    with torch.no_grad():
        for parameter in cell.parameters():
            parameter.copy_(torch.randn(parameter.shape, generator=generator) / 4)
    x_BTI = torch.randn(7, 9, 5, generator=generator, requires_grad=True)
    lengths_B = torch.tensor([9, 0, 3, 9, 1, 7, 5]) if ragged else None
    y_BTY, _ = kernels.run(cell, x_BTI, lengths_B, cell.initial_state(7), kernel="native")
    gradients = torch.autograd.grad(y_BTY.square().sum(), [x_BTI, *cell.parameters()])
    return [y_BTY.detach(), *gradients]


def main() -> int:
    torch.set_num_threads(1)
    names = ("lstm", "gru", "elman")
    differing: list[tuple[str, bool]] = []
    expected: dict[tuple[str, bool], list[Tensor]] = {}
    lock = threading.Lock()

    def run() -> None:
        # Without a first call: loading the library and looking up programs are to be watched, too.
        for _ in range(ROUNDS):
            for case in itertools.product(names, (False, True)):
                found = work(*case)
                with lock:
                    right = expected.setdefault(case, found)
                if not all(torch.equal(a, b) for a, b in zip(found, right, strict=True)):
                    differing.append(case)

    threads = [threading.Thread(target=run) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    print(f"two threads, {ROUNDS} rounds of {', '.join(names)}: {len(differing)} differ")
    return 1 if differing or len(expected) != 2 * len(names) else 0


if __name__ == "__main__":
    sys.exit(main())
