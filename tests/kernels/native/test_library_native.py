"""Which library is loaded, what is said when there is none, and that ctypes and the compiler agree."""

from __future__ import annotations

import ctypes
import os
import subprocess
import sys
from pathlib import Path

import pytest

from elman.errors import KernelUnavailableError
from elman.kernels.native import build, library
from elman.kernels.native.abi import ABI_VERSION, CompiledProgram, Tile

LOWEST = build.instruction_sets()[-1]

pytestmark = pytest.mark.skipif(library.why_not() is not None, reason=f"{library.why_not()}")


@pytest.fixture(autouse=True)
def nothing_forced(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ELMAN_KERNELS", raising=False)


def make_libraries(folder: Path, version: int, runs: str) -> None:
    """Small libraries of every instruction set, on a CPU that runs those in `runs`."""
    source = folder / "kernels.cpp"
    source.write_text(f"""
        #include <string.h>
        #define API extern "C" __attribute__((visibility("default")))
        API int elman_abi_version(void) {{ return {version}; }}
        API int elman_cpu_runs(const char *name) {{ return strstr("{runs}", name) != 0; }}
    """)
    compiler = build.find_compiler()
    if isinstance(compiler, build.BuildProblem):
        pytest.skip(compiler.sentence)
    for name in build.instruction_sets():
        assert (
            build.compile_library(compiler, source, folder / build.library_name(name), build.flags_of(LOWEST)) is None
        )


def flags_of_this_cpu() -> set[str]:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("flags"):
            return set(line.split())
    pytest.skip("this system does not list the CPU's flags")


@pytest.mark.skipif(not build.is_x86_64(), reason="this is not x86-64")
def test_the_best_instruction_set_of_this_cpu_is_in_use() -> None:
    needed = {
        "avx512bf16": {"avx512f", "avx512bw", "avx512vl", "avx512dq", "avx512_bf16", "avx512_vnni"},
        "avx512": {"avx512f", "avx512bw", "avx512vl", "avx512dq"},
        "avx2": {"avx2", "fma"},
        "x86_64": set(),
    }
    assert tuple(needed) == build.instruction_sets()
    flags = flags_of_this_cpu()
    assert library.instruction_set() == next(name for name, wanted in needed.items() if wanted <= flags)


def test_every_instruction_set_that_runs_can_be_forced(monkeypatch: pytest.MonkeyPatch) -> None:
    best = library.instruction_set()
    names = build.instruction_sets()
    loaded = set()
    for name in names[names.index(best) :]:
        monkeypatch.setenv("ELMAN_KERNELS", name)
        assert library.instruction_set() == name
        assert library.why_not() is None
        loaded.add(library.load()._name)
        assert Path(library.load()._name).name == build.library_name(name)
    assert len(loaded) == len(names) - names.index(best)


@pytest.mark.parametrize("name", ["", "native", "reference", "torch", "scan"])
def test_other_names_leave_the_choice_free(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    best = library.instruction_set()
    monkeypatch.setenv("ELMAN_KERNELS", name)
    assert library.instruction_set() == best


def test_a_library_is_loaded_once() -> None:
    assert library.load() is library.load()


def test_an_instruction_set_of_another_machine_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    foreign = "generic" if build.is_x86_64() else "avx2"
    monkeypatch.setenv("ELMAN_KERNELS", foreign)
    with pytest.raises(KernelUnavailableError, match=rf"Received: '{foreign}'$") as caught:
        library.load()
    assert library.why_not() == str(caught.value)
    assert library.describe() == {"problem": str(caught.value)}


@pytest.mark.skipif(not build.is_x86_64(), reason="there is a choice on x86-64 only")
def test_what_the_cpu_lacks_is_not_taken(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    make_libraries(tmp_path, version=ABI_VERSION, runs="avx2 x86_64")
    monkeypatch.setenv("ELMAN_NATIVE_LIBRARIES", str(tmp_path))
    assert library.instruction_set() == "avx2"
    monkeypatch.setenv("ELMAN_KERNELS", "avx512")
    expected = "expected an instruction set that this CPU has: avx2, x86_64. Received: 'avx512'"
    assert library.why_not() == expected
    (tmp_path / build.library_name("avx512")).unlink()
    (tmp_path / build.library_name("avx2")).unlink()
    with pytest.raises(KernelUnavailableError) as caught:
        library._choose(tmp_path, "avx2")
    assert str(caught.value) == "expected an instruction set that is built: avx512bf16, x86_64. Received: 'avx2'"
    assert library._choose(tmp_path, None) == "x86_64"


def test_a_library_with_another_interface_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    make_libraries(tmp_path, version=99, runs=LOWEST)
    monkeypatch.setenv("ELMAN_NATIVE_LIBRARIES", str(tmp_path))
    reason = library.why_not()
    assert reason is not None
    assert f"expected a compiled library with interface {ABI_VERSION}" in reason
    assert reason.endswith("with interface 99")


@pytest.mark.parametrize("content", [b"", b"not a library", b"\x7fELF"])
def test_a_broken_library_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, content: bytes) -> None:
    (tmp_path / build.library_name(LOWEST)).write_bytes(content)
    monkeypatch.setenv("ELMAN_NATIVE_LIBRARIES", str(tmp_path))
    reason = library.why_not()
    assert reason is not None
    assert reason.startswith("the compiled library cannot be loaded: ")


def test_no_library_is_explained(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("ELMAN_NATIVE_LIBRARIES", str(tmp_path / "nowhere"))
    reason = library.why_not()
    assert reason is not None
    assert reason.startswith("the compiled library is not built: there is no libelman_")
    monkeypatch.setenv("ELMAN_NATIVE_LIBRARIES", str(tmp_path))
    build.discard(tmp_path, build.BuildProblem("no C++ compiler was found"))
    assert library.why_not() == (
        "the compiled library is not built: no C++ compiler was found; reinstall elman with g++ or clang++"
    )


def test_the_description_is_for_people() -> None:
    facts = library.describe()
    assert facts["instruction_set"] == library.instruction_set()
    assert str(facts["compiler"]).split()[0] in ("GCC", "Clang")
    assert facts["threads"] in (True, False)


def test_ctypes_and_the_compiler_agree_on_every_structure() -> None:
    layout = library.load().elman_layout
    layout.restype = ctypes.c_int64
    expected = []
    for structure in (Tile, CompiledProgram):
        expected.append(ctypes.sizeof(structure))
        expected += [getattr(structure, field[0]).offset for field in structure._fields_]
    assert [layout(place) for place in range(len(expected))] == expected
    assert layout(len(expected)) == -1
    assert layout(-1) == -1


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the list of loaded libraries is Linux's")
def test_one_openmp_runtime_serves_torch_and_the_engine() -> None:
    script = """
from elman.kernels.native import library
library.load()
print(len({line.split()[-1] for line in open("/proc/self/maps") if "libgomp" in line}))
print(len({line.split()[-1] for line in open("/proc/self/maps") if "libelman_" in line}))
"""
    environment = {name: value for name, value in os.environ.items() if name != "ELMAN_KERNELS"}
    done = subprocess.run([sys.executable, "-c", script], env=environment, capture_output=True, text=True, timeout=100)
    assert done.returncode == 0, done.stderr
    runtimes, libraries = done.stdout.split()
    assert runtimes == "1"
    assert libraries == ("1" if library.instruction_set() == LOWEST else "2")
