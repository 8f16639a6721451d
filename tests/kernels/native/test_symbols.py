"""What the libraries export, what they need, and which registers they use, as binutils read them.

A library of one instruction set must hold no instruction of a higher one, and nothing that the dynamic linker could
put in the place of another library's: that would run AVX-512 code on a CPU without it.
"""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from elman.kernels.native import build

NEWEST_GLIBC = (2, 28)
# The C library's parts and OpenMP's runtime.
LIBRARIES = re.compile(r"^(libc|libm|libpthread|libdl|ld-linux-[\w-]+)\.so\.\d+$|^libgomp\.so\.1$|^lib[io]?omp5?\.so$")

pytestmark = [
    pytest.mark.skipif(shutil.which("objdump") is None, reason="binutils are not installed"),
    pytest.mark.skipif(build.read_problem() is not None, reason=f"{build.read_problem()}"),
]
each_library = pytest.mark.parametrize("name", build.instruction_sets())


def objdump(*arguments: str) -> str:
    return subprocess.run(["objdump", *arguments], capture_output=True, text=True, check=True, timeout=100).stdout


def faults_of_symbols(path: Path) -> list[str]:
    """What is wrong with the dynamic symbols of a library."""
    faults = []
    for line in objdump("-T", str(path)).splitlines():
        # Address, seven letters of flags, section, size, then perhaps a version, perhaps a visibility, and the name.
        match = re.match(r"^[0-9a-f]{8,16} (.{7}) (\S+)\s+[0-9a-f]{8,16}\s+(.*?)(\S+)$", line)
        if match is None:
            continue
        flags, section, middle, name = match.groups()
        for version in re.findall(r"GLIBC_([0-9.]+)", middle):
            if tuple(int(part) for part in version.split(".")) > NEWEST_GLIBC:
                faults.append(f"{name} needs GLIBC {version}")
        if section == "*UND*":
            continue
        if "w" in flags.lower() or "u" in flags:
            faults.append(f"{name} is weak")
        if not name.startswith("elman_"):
            faults.append(f"{name} is exported")
    return faults


def needed_libraries(path: Path) -> list[str]:
    return re.findall(r"NEEDED\s+(\S+)", objdump("-p", str(path)))


def instructions(path: Path) -> str:
    return objdump("-d", "--no-show-raw-insn", str(path))


def path_of(name: str) -> Path:
    return build.COMPILED / build.library_name(name)


@each_library
def test_only_our_functions_are_exported_and_old_systems_have_what_is_needed(name: str) -> None:
    assert "elman_abi_version" in objdump("-T", str(path_of(name)))
    assert faults_of_symbols(path_of(name)) == []


@each_library
def test_nothing_but_the_c_library_and_openmp_is_needed(name: str) -> None:
    assert [needed for needed in needed_libraries(path_of(name)) if not LIBRARIES.match(needed)] == []


# What is not to be found in the libraries of an instruction set. Every instruction of AVX starts with a v.
FORBIDDEN = {
    "x86_64": r"%[yz]mm|%k[0-7]|\t(?!ver[rw]\b)v[a-z0-9]+ |\t(?:mulx|sh[lr]x|sarx|rorx|andn|bextr|pdep|pext|popcnt)\b",
    "avx2": r"%zmm|%[xy]mm(?:1[6-9]|2\d|3[01])|%k[0-7]",
    "avx512": r"\tv(?:dpbf16ps|cvtne2?ps2?bf16|cvtneps2bf16|pdpbusds?|pdpwssds?)\b",
}
# What is to be found there: otherwise this test would be looking at nothing.
EXPECTED = {
    "x86_64": r"mulps .*%xmm",
    "avx2": r"vfmadd\d+ps .*%ymm",
    "avx512": r"vfmadd\d+ps .*%zmm",
    "avx512bf16": r"vfmadd\d+ps .*%zmm",
}


@pytest.mark.skipif(not build.is_x86_64(), reason="these are registers of x86-64")
@pytest.mark.parametrize("name", EXPECTED)
def test_no_library_holds_instructions_of_a_higher_set(name: str) -> None:
    code = instructions(path_of(name))
    assert re.search(EXPECTED[name], code)
    if name in FORBIDDEN:
        found = re.search(rf"^.*(?:{FORBIDDEN[name]}).*$", code, re.MULTILINE)
        assert found is None, found.group()


@pytest.mark.skipif(not build.is_x86_64(), reason="these are registers of x86-64")
def test_this_judge_sees_what_is_wrong(tmp_path: Path) -> None:
    compiler = build.find_compiler()
    if isinstance(compiler, build.BuildProblem):
        pytest.skip(compiler.sentence)
    source = tmp_path / "wrong.cpp"
    source.write_text("""
        #include <math.h>
        #define SHOWN __attribute__((visibility("default")))
        template <class T> SHOWN T twice(T value) { return value + value; }
        template int twice<int>(int);
        extern "C" SHOWN double power(double a, double b) { return pow(a, b); }
        typedef float Vector __attribute__((vector_size(64)));
        extern "C" SHOWN void elman_add(Vector *a, const Vector *b) { *a = *a * *b + *a; }
    """)
    for name, register in [("x86_64", "%xmm"), ("avx2", "%ymm"), ("avx512", "%zmm")]:
        path = tmp_path / build.library_name(name)
        assert build.compile_library(compiler, source, path, build.flags_of(name)) is None
        assert register in instructions(path)
        faults = faults_of_symbols(path)
        assert "power is exported" in faults
        assert "_Z5twiceIiET_S0_ is weak" in faults
        assert any(fault.startswith("pow needs GLIBC 2.") for fault in faults)
        for lower in build.instruction_sets()[build.instruction_sets().index(name) + 1 :]:
            assert re.search(FORBIDDEN[lower], instructions(path)), f"{name} code in the {lower} library is not seen"
