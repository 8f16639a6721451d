"""Every cell, in every variant, on every backend that can run it, keeps the contract."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from elman import kernels
from elman.cells import available
from elman.kernels.native import build as build_native

from .cases import LENGTHS, OWN_OPTIONS, Case, all_cases, build, inputs, runnable
from .checks import CHECKS
from .runs import own_start, run_kernel
from .textbook import TEXTBOOK


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__.removeprefix("check_"))
@pytest.mark.parametrize(("case", "kernel"), runnable(), ids=str)
def test_contract(case: Case, kernel: str, check: Callable[[Case, str], None]) -> None:
    check(case, kernel)


def test_every_cell_runs_on_the_reference_loop_and_says_what_it_is() -> None:
    on_reference = {case.cell for case, kernel in runnable() if kernel == "reference"}
    assert on_reference == set(available())
    for name, cell in available().items():
        assert cell.name == name
        assert cell.summary
        assert cell.equations
        assert cell.paper


def test_every_backend_runs_something() -> None:
    # Without a compiler there is nothing native; with one it has to be there, or its tests would silently not run.
    absent = {"native"} if isinstance(build_native.find_compiler(), build_native.BuildProblem) else set()
    assert {kernel for _, kernel in runnable()} | absent == set(kernels.BACKENDS)


def test_the_cases_name_cells_that_exist() -> None:
    assert set(OWN_OPTIONS) | set(TEXTBOOK) <= set(available())


@pytest.mark.parametrize("case", all_cases(), ids=str)
def test_no_parameter_is_left_out_of_the_gradients(case: Case) -> None:
    """A parameter that nothing depends on would pass every comparison with zero."""
    cell = build(case)
    grads = run_kernel(cell, "reference", inputs(cell), LENGTHS, own_start(case, cell)).grads
    assert {name for name, grad in grads.items() if not bool((grad != 0).any())} == set()
