"""Bugs planted in the native engine: each must make a check fail that passes without it.

The driver's sources are compiled once, with every bug next to the right expression and a switch between them.
"""

from __future__ import annotations

import ctypes
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from elman.kernels.native import build, compose, derive, library, merge, trace

from ..contract.cases import Case
from ..contract.cases import build as build_cell
from . import native_bugs
from .bug import Bug
from .native_bugs import CALLER_BUGS, GENERATOR_BUGS, DriverBug
from .test_planted_bugs import plant
from .word_vector_bugs import WORD_VECTOR_BUGS

DRIVER_BUGS = [*native_bugs.DRIVER_BUGS, *WORD_VECTOR_BUGS]

pytestmark = [
    pytest.mark.skipif(library.why_not() is not None, reason=f"{library.why_not()}"),
    pytest.mark.skipif(isinstance(build.find_compiler(), build.BuildProblem), reason="no C++ compiler is here"),
]

# Compiling is what takes the time here.
FAST = ("-O0",)


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """Small layers are faster on one."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(autouse=True)
def compiled_for_tests(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> None:
    """Users' cells are compiled fast, and away from the user's own."""
    monkeypatch.delenv("ELMAN_KERNELS", raising=False)
    monkeypatch.setattr(build, "_OPTIMISED", FAST)
    monkeypatch.setenv("ELMAN_CACHE", str(tmp_path_factory.getbasetemp() / "elman-cache"))


@pytest.fixture(scope="module")
def switched(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the lowest instruction set's library, in which `elman_plant(n)` turns on the n-th bug."""
    folder = tmp_path_factory.mktemp("planted")
    sources = folder / "csrc"
    shutil.copytree(build.CSRC, sources)
    for number, bug in enumerate(DRIVER_BUGS, 1):
        path = sources / bug.file
        text = path.read_text()
        assert text.count(bug.right) == 1, f"{bug.right!r} stands {text.count(bug.right)} times in {bug.file}"
        path.write_text(text.replace(bug.right, switch(number, bug)))
    shape = sources / "layer_shape.h"
    shape.write_text(shape.read_text().replace('#include "gemm.h"', '#include "gemm.h"\nstatic int planted;', 1))
    main = sources / "kernels.cpp"
    main.write_text(
        '#include "about.h"\n#include "layer.h"\n#include "engine.h"\n#include "best.h"\n#include "programs/table.h"\n'
        '#include "word_vectors.h"\n'
        "ELMAN_API void elman_plant(int number) { planted = number; }\n"
    )
    compiler = build.find_compiler()
    assert isinstance(compiler, build.Compiler)
    lowest = build.instruction_sets()[-1]
    flags = (*(flag for flag in build.flags_of(lowest) if not flag.startswith("-O")), *FAST)
    problem = build.compile_library(compiler, main, folder / build.library_name(lowest), flags)
    assert problem is None, problem.output
    return folder


def switch(number: int, bug: DriverBug) -> str:
    """C++ that does one or the other; declarations keep what stands before the `=`."""
    if " = " not in bug.right:
        return f"(planted == {number} ? ({bug.wrong}) : ({bug.right}))"
    start, _, right = bug.right.partition(" = ")
    return f"{start} = planted == {number} ? ({bug.wrong.partition(' = ')[2]}) : ({right})"


@pytest.mark.parametrize("bug", DRIVER_BUGS, ids=lambda bug: bug.what)
def test_a_bug_in_the_driver_is_caught(bug: DriverBug, switched: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ELMAN_NATIVE_LIBRARIES", str(switched))
    turn: ctypes.CDLL = library.load()
    bug.check(bug.case, "native")
    turn.elman_plant(1 + DRIVER_BUGS.index(bug))
    # New tensors are full of NaN: what is not written must not be right because it was right a moment ago.
    torch.use_deterministic_algorithms(True)
    try:
        with pytest.raises(AssertionError):
            bug.check(bug.case, "native")
    finally:
        torch.use_deterministic_algorithms(False)
        turn.elman_plant(0)
    bug.check(bug.case, "native")


@pytest.fixture
def no_program_remembered() -> Iterator[None]:
    """Cells are traced again, now and afterwards."""
    for memory in (trace._traced, trace._shared):
        memory.clear()
    yield
    for memory in (trace._traced, trace._shared):
        memory.clear()


@pytest.mark.parametrize("bug", CALLER_BUGS + GENERATOR_BUGS, ids=lambda bug: bug.what)
@pytest.mark.usefixtures("no_program_remembered")
def test_a_bug_in_python_is_caught(bug: Bug, monkeypatch: pytest.MonkeyPatch) -> None:
    bug.check(bug.case, bug.kernel)
    right = program_text(bug.case)
    trace._traced.clear()
    trace._shared.clear()
    with monkeypatch.context() as planted:
        plant(bug, planted)
        # These are called by the names under which they were imported.
        planted.setattr(trace, "compose", compose.compose)
        planted.setattr(compose, "assign_slots", merge.assign_slots)
        planted.setattr(compose, "gradients", derive.gradients)
        with pytest.raises(AssertionError):
            bug.check(bug.case, bug.kernel)
        assert (program_text(bug.case) == right) == (bug in CALLER_BUGS), "the generator's bug changed no equation"


def program_text(case: Case) -> str:
    """The program of a case's cell."""
    program = trace.program_of(build_cell(case))
    assert not isinstance(program, str), program
    return program.text
