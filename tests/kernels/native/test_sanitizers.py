"""`./dev sanitize` sees bugs: reading past the end, a signed overflow and a race, each planted in a small library."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from elman.kernels.native import build

from . import sanitize

PAST_END = """
__attribute__((noipa)) static int at(const char *a, int i) { return a[i]; }
API int bug(int i) {
    char *a = (char *)__builtin_calloc(4, 1);
    int result = at(a, i);
    __builtin_free(a);
    return result;
}
"""
SIGNED = "API int bug(int i) { return 2147483647 + i; }"
RACE = "volatile int shared; API int bug(int i) { for (int k = 0; k < 1000 * i; k++) shared = shared + 1; return 0; }"
CALLER = """
import ctypes, os, threading
bug = ctypes.CDLL(os.environ["ELMAN_NATIVE_LIBRARIES"] + "/bug.so").bug
threads = [threading.Thread(target=bug, args=({argument},)) for _ in range(2)]
for thread in threads: thread.start()
for thread in threads: thread.join()
"""

pytestmark = pytest.mark.skipif(
    not sys.platform.startswith("linux") or isinstance(build.find_compiler(), build.BuildProblem),
    reason="the sanitizers are tried with a compiler on Linux only",
)


def report_of(sanitizer: str, source: str, argument: int, folder: Path) -> str:
    """What a sanitizer writes about a call of `bug`."""
    compiler = build.find_compiler()
    assert isinstance(compiler, build.Compiler)
    (folder / "bug.cpp").write_text('#define API extern "C" __attribute__((visibility("default")))\n' + source)
    flags = build.flags_of(build.instruction_sets()[-1], sanitizer)
    problem = build.compile_library(compiler, folder / "bug.cpp", folder / "bug.so", flags)
    if problem is not None:
        pytest.skip(f"this compiler has no such sanitizer: {problem.sentence}")
    command = [sys.executable, "-S", "-c", CALLER.format(argument=argument)]
    code, report = sanitize.watch(sanitizer, command, sanitize.settings(sanitizer, compiler, folder))
    assert bool(code) == bool(report)
    return report


@pytest.mark.parametrize(
    ("sanitizer", "source", "argument", "expected"),
    [
        ("address", PAST_END, 5, "heap-buffer-overflow"),
        ("address", SIGNED, 5, "signed integer overflow"),
        pytest.param("thread", RACE, 20_000, "data race", marks=pytest.mark.slow),
    ],
    ids=["past the end", "signed", "race"],
)
def test_a_planted_bug_is_reported(sanitizer: str, source: str, argument: int, expected: str, tmp_path: Path) -> None:
    assert expected in report_of(sanitizer, source, argument, tmp_path)
    assert report_of(sanitizer, source, 0, tmp_path) == ""
