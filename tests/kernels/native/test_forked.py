"""A forked child computes with the native engine, although OpenMP's threads have stayed behind in its parent."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from elman.kernels.native import library

SCRIPT = """
import os, signal, time
import torch
from elman import kernels
from elman.cells import make
from elman.kernels.native import library

torch.set_num_threads(2)
cell = make("lstm", 8, 32)
# Small enough for torch to use one thread for its own part: it would wait forever, too.
x_BTI = torch.randn(16, 20, 8)

def outputs():
    return kernels.run(cell, x_BTI, None, cell.initial_state(16), kernel="native")[0]

before = outputs()
assert library.threads() == 2
child = os.fork()
if child == 0:
    after = outputs()
    after.square().sum().backward()
    good = torch.equal(before, after) and library.threads() == 1 and cell.weight_hh.grad.abs().sum() > 0
    os._exit(0 if good else 3)
end = time.monotonic() + 20
while time.monotonic() < end:
    finished, status = os.waitpid(child, os.WNOHANG)
    if finished:
        print("the child ended with", os.waitstatus_to_exitcode(status))
        break
    time.sleep(0.02)
else:
    os.kill(child, signal.SIGKILL)
    print("the child hangs")
assert library.threads() == 2
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
@pytest.mark.skipif(library.why_not() is not None, reason=f"{library.why_not()}")
@pytest.mark.slow
def test_a_forked_child_computes_and_ends() -> None:
    left_out = ("ELMAN_KERNELS", "OMP_NUM_THREADS")
    environment = {name: value for name, value in os.environ.items() if name not in left_out}
    done = subprocess.run([sys.executable, "-c", SCRIPT], env=environment, capture_output=True, text=True, timeout=100)
    assert done.returncode == 0, done.stderr
    assert done.stdout == "the child ended with 0\n"
