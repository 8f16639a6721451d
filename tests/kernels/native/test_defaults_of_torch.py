"""torch's defaults for dtype and device change neither results nor the memory that C++ gets."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from torch import Tensor

from elman.cells import GRU
from elman.kernels.native import library
from elman.kernels.native.engine import Engine
from elman.nn import Unroll

NATIVE = Path(library.__file__).parent
# Made without data for the tracer, and constants that no C++ sees.
WITHOUT_C = {"tracer.py", "symbols.py", "functions.py", "torch_functions.py"}
MAKERS = {"empty", "zeros", "ones", "full", "arange", "tensor", "rand", "randn"}

needs_engine = pytest.mark.skipif(library.why_not() is not None, reason=f"{library.why_not()}")


def made_without_a_type(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute) or node.func.attr not in MAKERS:
            continue
        if isinstance(node.func.value, ast.Name) and node.func.value.id == "torch":
            given = {keyword.arg for keyword in node.keywords}
            if not {"dtype", "device"} <= given:
                yield f"{path.name}:{node.lineno}"


def test_every_buffer_is_made_with_dtype_and_device(tmp_path: Path) -> None:
    found = [
        place
        for path in sorted(NATIVE.glob("*.py"))
        if path.name not in WITHOUT_C
        for place in made_without_a_type(path)
    ]
    assert found == []
    (tmp_path / "planted.py").write_text("import torch\nx = torch.empty(3, dtype=torch.uint8)\n")
    assert [*made_without_a_type(tmp_path / "planted.py")] == ["planted.py:2"]


def scores(cell: GRU) -> list[Tensor]:
    """What an engine reads and draws, and what a layer gives, with numbers of a fixed kind."""
    draw = torch.Generator().manual_seed(3)

    def random(*shape: int) -> Tensor:
        return torch.randn(*shape, generator=draw, dtype=torch.float32, device="cpu")

    cell.zero_grad()
    with torch.no_grad():
        for weight in cell.parameters():
            weight.copy_(random(*weight.shape) / 4)
    tokens_BT = torch.tensor([[1, 2, 5]], dtype=torch.int64, device="cpu")
    found = []
    for weights in ("float32", "bfloat16", "int8"):
        engine = Engine([cell], random(40, 8), random(40, 16), None, weights=weights)
        found.append(engine.read(tokens_BT, torch.zeros(1, 16, dtype=torch.float32, device="cpu")))
    y_BTH, state = Unroll(cell, kernel="native")(random(3, 4, 8), None, None)
    y_BTH.sum().backward()
    return [*found, y_BTH.detach(), state.h.detach(), cell.weight_ih.grad.clone()]


@needs_engine
@pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16, torch.float16])
def test_another_default_dtype_changes_no_result(dtype: torch.dtype) -> None:
    cell = GRU(8, 16)  # torch cannot draw weights in every dtype
    expected = scores(cell)
    torch.set_default_dtype(dtype)
    try:
        found = scores(cell)
    finally:
        torch.set_default_dtype(torch.float32)
    for one, other in zip(expected, found, strict=True):
        assert one.dtype == other.dtype == torch.float32
        assert torch.equal(one, other)


DEVICE = """
import torch
from elman.cells import GRU
from elman.nn import Unroll
net, x = Unroll(GRU(3, 5), kernel="native"), torch.randn(2, 4, 3)
state = net.initial_state(2) if hasattr(net, "initial_state") else None
expected = net(x)[0]
torch.set_default_device("meta")
found = net(x)[0]
found.sum().backward()
torch.set_default_device("cpu")
print(torch.equal(expected, found))
"""
FORK = """
import os, torch
from elman.cells import GRU
from elman.nn import Unroll
torch.set_num_threads(2)
torch.randn(1000, 1000).exp().sum()
net, x = Unroll(GRU(16, 64), kernel="native"), torch.randn(32, 20, 16)
child = os.fork()
if child == 0:
    net(x)[0].sum().backward()
    os._exit(torch.get_num_threads())
print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), torch.get_num_threads())
"""


def run(code: str) -> str:
    environment = {
        name: value for name, value in os.environ.items() if name not in ("OMP_NUM_THREADS", "ELMAN_KERNELS")
    }
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, timeout=60, check=True
    )
    return done.stdout.strip()


@needs_engine
def test_another_default_device_changes_no_result() -> None:
    assert run(DEVICE) == "True"


@pytest.mark.slow
@needs_engine
@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
def test_a_child_that_is_forked_before_the_first_layer_ends() -> None:
    assert run(FORK) == "1 2"
