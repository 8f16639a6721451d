"""What tests of generated C++ share: compiling for each instruction set that this CPU has, and aligned memory."""

from __future__ import annotations

import ctypes
from pathlib import Path

import numpy as np
import pytest
import torch

from elman.kernels.native import build

COMPILER = build.find_compiler()
needs_compiler = pytest.mark.skipif(isinstance(COMPILER, build.BuildProblem), reason=f"{COMPILER}")

_RUN_BY = {"AVX512": ("avx512", "avx2", "x86_64"), "AVX2": ("avx2", "x86_64")}
INSTRUCTION_SETS = (
    _RUN_BY.get(torch.backends.cpu.get_cpu_capability(), ("x86_64",)) if build.is_x86_64() else ("generic",)
)


def library_of(source: str, instruction_set: str, folder: Path) -> ctypes.CDLL:
    """`source` compiled with the flags that the package uses; a warning is an error."""
    assert isinstance(COMPILER, build.Compiler)
    written = folder / f"{instruction_set}.cpp"
    written.write_text(source, encoding="utf-8")
    flags = (*build.flags_of(instruction_set), "-Wall", "-Wextra", "-Werror", "-Wno-unused-function")
    problem = build.compile_library(COMPILER, written, written.with_suffix(".so"), flags)
    assert problem is None, f"{problem.sentence}\n{problem.output}"
    return ctypes.CDLL(str(written.with_suffix(".so")))


def aligned(shape: tuple[int, ...], dtype: type, value: float = np.nan) -> np.ndarray:
    """An array whose memory starts at a multiple of 64 bytes, filled with `value`."""
    size = int(np.prod(shape))
    room = np.empty(size + 64, dtype)
    start = -room.ctypes.data % 64 // room.itemsize
    array = room[start : start + size].reshape(shape)
    array[...] = value
    return array
