"""A cell that is not in the library: compiled at first use, and run by other kernels when it cannot be."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from elman import kernels
from elman.cells import make
from elman.cells.cell import ElementwiseCell, HiddenState
from elman.kernels import Step
from elman.kernels.native import build, library, program_cache

pytestmark = [
    pytest.mark.skipif(library.why_not() is not None, reason=f"{library.why_not()}"),
    pytest.mark.skipif(isinstance(build.find_compiler(), build.BuildProblem), reason="no C++ compiler is here"),
]


class Leaky(ElementwiseCell):
    """A leaky integrator, which no library of ours has."""

    name = "leaky"

    def __init__(self, input_size: int, hidden_size: int, **options: Any) -> None:
        super().__init__(input_size, hidden_size, gate_names=("n",), **options)
        self.reset_parameters()

    def update(self, p_BG: Tensor, u_BG: Tensor, state: HiddenState) -> Step:
        h_BH = 0.8125 * state.h + 0.1875 * torch.tanh(p_BG + u_BG)
        return Step(h_BH, HiddenState(h_BH), {})


@pytest.fixture(autouse=True)
def nothing_remembered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("ELMAN_CACHE", str(tmp_path))
    monkeypatch.delenv("ELMAN_KERNELS", raising=False)
    monkeypatch.setattr(library, "_programs", {})
    compiler = program_cache._compiler  # which a test may replace
    compiler.cache_clear()
    yield
    # Later tests look for their own compiler.
    compiler.cache_clear()


def outputs(cell: Leaky, kernel: str) -> Tensor:
    x_BTI = torch.randn(3, 6, 4, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    return kernels.run(cell, x_BTI, None, cell.initial_state(3), kernel=kernel)[0]


def compilations(caplog: pytest.LogCaptureFixture) -> int:
    reported = sum("compiled a cell's equations" in record.getMessage() for record in caplog.records)
    caplog.clear()
    return reported


def test_an_own_cell_is_compiled_once_and_computes_the_same(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "elman.kernels")
    cell = Leaky(4, 5, dtype=torch.float64)
    assert kernels.choose(cell) == "native"
    assert compilations(caplog) == 1
    torch.testing.assert_close(outputs(cell, "native"), outputs(cell, "reference"), rtol=1e-12, atol=1e-12)
    assert kernels.why_not(Leaky(4, 7))["native"] is None
    # Another number type is in the same library, another process finds it in the cache.
    monkeypatch.setattr(library, "_programs", {})
    assert kernels.why_not(cell)["native"] is None
    assert compilations(caplog) == 0


def test_without_a_compiler_an_own_cell_runs_elsewhere_and_says_why(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("ELMAN_CXX", "no-such-compiler")
    cell = Leaky(4, 5, dtype=torch.float64)
    assert kernels.why_not(cell)["native"] == (
        "its equations cannot be compiled: the C++ compiler 'no-such-compiler', which ELMAN_CXX names, was not found"
    )
    assert kernels.choose(cell) == "reference"
    assert list((tmp_path).rglob("*.so")) == []
    assert kernels.why_not(make("gru", 3, 4))["native"] is None  # the library has it


def test_a_compiler_that_fails_is_asked_once(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    script = tmp_path / "compiler"
    lines = [
        "#!/bin/sh",
        f'echo "$@" >> {tmp_path}/calls',
        'test "$1" = --version && exit 0',
        "echo error: no",
        "exit 1",
    ]
    script.write_text("\n".join(lines) + "\n")
    script.chmod(0o700)
    monkeypatch.setenv("ELMAN_CXX", str(script))
    cell = Leaky(4, 5)
    for _ in range(3):
        reason = kernels.why_not(cell)["native"]
        assert reason == "its equations cannot be compiled: the C++ compiler failed: error: no"
    assert len((tmp_path / "calls").read_text().splitlines()) == 2
