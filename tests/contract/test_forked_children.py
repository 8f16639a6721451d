"""A forked child predicts and trains with models whose parent has used two threads, and does not wait for ever."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PARENT = """
import os, signal, sys, time
import torch
import elman
from tests.golden.cases import CASES
from tests.golden.make import MODELS, asked

torch.set_num_threads(2)
# Both threads of the parent have to exist: these products and sums are large enough for them.
torch.randn(2000, 2000).softmax(-1).sum()
models = {name: elman.load(MODELS / name) for name in CASES}
before = {name: asked(CASES[name], model) for name, model in models.items()}
assert torch.get_num_threads() == 2


def child():
%s


pid = os.fork()
if pid == 0:
    try:
        child()
        os._exit(0)
    except BaseException as error:
        print(repr(error), file=sys.stderr, flush=True)
        os._exit(3)
end = time.monotonic() + 60
while time.monotonic() < end:
    finished, status = os.waitpid(pid, os.WNOHANG)
    if finished:
        print("the child ended with", os.waitstatus_to_exitcode(status))
        break
    time.sleep(0.05)
else:
    os.kill(pid, signal.SIGKILL)
    print("the child hangs")
assert torch.get_num_threads() == 2
"""
PREDICT = """
    assert torch.get_num_threads() == 1
    torch.randn(2000, 2000).softmax(-1).sum()
    for name, model in models.items():
        assert asked(CASES[name], model).keys() == before[name].keys()
"""
TRAIN = """
    model = elman.Classifier("small", max_steps=3, hidden_size=64, device="cpu", threads=2, split=(1.0, 0.0, 0.0))
    texts = [f"a text of some length, number {number}" * 8 for number in range(200)]
    model.fit(texts, ["a", "b"] * 100, progress=False)
    assert len(model.predict(texts)) == 200
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
@pytest.mark.parametrize(
    "work",
    [
        pytest.param(PREDICT, id="every task predicts"),
        pytest.param(TRAIN, id="a model is trained", marks=pytest.mark.slow),
    ],
)
def test_a_forked_child_ends(work: str, tmp_path: Path) -> None:
    environment = {name: value for name, value in os.environ.items() if name != "OMP_NUM_THREADS"}
    environment |= {"ELMAN_CACHE": str(tmp_path), "PYTHONPATH": os.pathsep.join([str(ROOT / "src"), str(ROOT)])}
    done = subprocess.run(
        [sys.executable, "-c", PARENT % work], cwd=ROOT, env=environment, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "the child ended with 0", done.stderr
