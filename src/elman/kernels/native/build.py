"""Compile C++ into shared libraries: the native engine, once for every instruction set, and users' own cells.

`setup.py` and `./dev` load this file by its path, before the package or torch is installed. It therefore imports the
standard library only, and returns failures as a `BuildProblem`. `python build.py --help` shows how to build by hand.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import platform
import shlex
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

__all__ = [
    "COMPILED",
    "CSRC",
    "EVERY_INSTRUCTION_SET",
    "SANITIZERS",
    "BuildProblem",
    "Compiler",
    "build",
    "compile_library",
    "discard",
    "find_compiler",
    "flags_of",
    "instruction_sets",
    "is_current",
    "library_name",
    "read_problem",
]

CSRC = Path(__file__).resolve().parent / "csrc"
COMPILED = CSRC.parent / "compiled"

# -Wno-psabi: vectors wider than the registers are passed only between functions of the same library.
_FLAGS = (
    *("-std=c++17", "-fPIC", "-shared", "-fvisibility=hidden", "-fno-exceptions", "-fno-rtti"),
    *("-fno-math-errno", "-ffp-contract=fast", "-Wno-psabi"),
)
_OPTIMISED = ("-O3",)
_AVX2 = ("-mavx2", "-mfma", "-mf16c")
_AVX512 = (*_AVX2, "-mavx512f", "-mavx512bw", "-mavx512vl", "-mavx512dq", "-mprefer-vector-width=512")
# Best first.
_X86_64 = {
    "avx512bf16": (*_AVX512, "-mavx512bf16", "-mavx512vnni"),
    "avx512": _AVX512,
    "avx2": _AVX2,
    "x86_64": (),
}
EVERY_INSTRUCTION_SET = (*_X86_64, "generic")
SANITIZERS = {
    "address": ("-O1", "-g", "-fsanitize=address,undefined", "-fno-sanitize=vptr", "-fno-sanitize-recover=undefined"),
    "thread": ("-O1", "-g", "-fsanitize=thread"),
}

_NO_COMPILER = "no C++ compiler was found"
_MAX_SECONDS = 900
_STAMP = "stamp"
_PROBLEM = "problem.txt"


class Compiler(NamedTuple):
    """A C++ compiler: its command, which may include arguments, and the first line of its version output."""

    command: tuple[str, ...]
    version: str


class BuildProblem(NamedTuple):
    """Why nothing was compiled: a sentence, and the compiler's whole output."""

    sentence: str
    output: str = ""


def is_x86_64() -> bool:
    """Return whether this is a 64-bit Python on x86-64."""
    return platform.machine().lower() in ("x86_64", "amd64") and sys.maxsize > 2**32


def instruction_sets() -> tuple[str, ...]:
    """Return the instruction sets that libraries are built for on this machine's architecture, best first."""
    return tuple(_X86_64) if is_x86_64() else ("generic",)


def library_name(instruction_set: str) -> str:
    """Return the file name of the library for an instruction set."""
    return f"libelman_{instruction_set}.so"


def flags_of(instruction_set: str, sanitizer: str | None = None) -> tuple[str, ...]:
    """Return the compiler's flags for an instruction set."""
    baseline = ("-march=x86-64", "-mtune=generic") if instruction_set in _X86_64 else ()
    optimised = _OPTIMISED if sanitizer is None else SANITIZERS[sanitizer]
    # Link only the libraries that are used, since every linked one must be present when ours is loaded.
    linked = ("-Wl,--as-needed",) if sys.platform.startswith("linux") else ()
    return (*_FLAGS, *optimised, *baseline, *_X86_64.get(instruction_set, ()), *linked)


def named_compiler() -> tuple[str, ...] | BuildProblem:
    """Return the compiler's command: that of ELMAN_CXX or CXX, else the first usual name that is installed."""
    for variable in ("ELMAN_CXX", "CXX"):
        value = os.environ.get(variable, "").strip()
        if value:
            try:
                program, *arguments = shlex.split(value)
            except ValueError as error:
                return BuildProblem(f"{variable}={value!r} is not a command: {error}")
            path = shutil.which(program)
            if path is None:
                return BuildProblem(f"the C++ compiler {program!r}, which {variable} names, was not found")
            return path, *arguments
    for name in ("g++", "clang++", "c++"):
        path = shutil.which(name)
        if path is not None:
            return (path,)
    return BuildProblem(_NO_COMPILER)


def find_compiler() -> Compiler | BuildProblem:
    """Return the C++ compiler to use, or the reason why there is none."""
    command = named_compiler()
    if isinstance(command, BuildProblem):
        return command
    try:
        result = subprocess.run(
            [*command, "--version"], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60
        )
    except (OSError, subprocess.TimeoutExpired, UnicodeDecodeError) as error:
        return BuildProblem(f"the C++ compiler {command[0]!r} does not start: {error}")
    if result.returncode:
        return BuildProblem(f"the C++ compiler {command[0]!r} ended with code {result.returncode}", result.stderr)
    return Compiler(command, result.stdout.partition("\n")[0].strip())


def first_error(output: str, code: int) -> str:
    """Return the most informative line of a compiler's output."""
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    lines_found = (line for mark in ("undefined reference", "error:") for line in lines if mark in line)
    return next(lines_found, lines[-1] if lines else f"it ended with code {code} and no output")


def compile_library(compiler: Compiler, source: Path, target: Path, flags: Sequence[str]) -> BuildProblem | None:
    """Compile `source` into the shared library `target`, which is written atomically."""
    try:
        with tempfile.TemporaryDirectory(prefix=".compiling-", dir=target.parent) as folder:
            temporary = Path(folder) / target.name
            done = subprocess.run(
                [*compiler.command, *flags, f"-I{CSRC}", str(source), "-o", str(temporary)],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                env={**os.environ, "LC_ALL": "C"},
                timeout=_MAX_SECONDS,
            )
            output = done.stdout.decode(errors="replace")
            if done.returncode:
                return BuildProblem(f"the C++ compiler failed: {first_error(output, done.returncode)}", output)
            with temporary.open("rb") as file:
                os.fsync(file.fileno())
            temporary.replace(target)
    except subprocess.TimeoutExpired:
        return BuildProblem(f"the C++ compiler did not finish within {_MAX_SECONDS} seconds")
    except OSError as error:
        return BuildProblem(f"cannot compile into {target.parent}: {error.strerror or error}")
    return None


def has_openmp(compiler: Compiler, folder: Path) -> bool:
    """Return whether the compiler can build libraries with OpenMP."""
    source = folder / "openmp.cpp"
    source.write_text("#include <omp.h>\nint threads() { return omp_get_max_threads(); }\n", encoding="utf-8")
    return compile_library(compiler, source, folder / "openmp.so", ("-shared", "-fPIC", "-fopenmp")) is None


def sources_digest() -> str:
    """Return a digest of everything that the libraries depend on: sources, build scripts, machine and compiler."""
    files = [path for path in CSRC.rglob("*") if path.suffix in (".h", ".cpp")]
    setups = [folder / "setup.py" for folder in CSRC.parents[4:5]]  # absent in an installed package
    digest = hashlib.sha256(f"{platform.system()} {platform.machine()} {named_compiler()}\n".encode())
    for path in [*sorted(files), Path(__file__), *filter(Path.exists, setups)]:
        content = path.read_bytes()
        digest.update(f"{path.name} {len(content)}\n".encode() + content)
    return digest.hexdigest()


def is_current(folder: Path = COMPILED) -> bool:
    """Return whether the libraries in `folder` are up to date."""
    try:
        stamp = (folder / _STAMP).read_text(encoding="utf-8")
    except OSError:
        return False
    complete = all((folder / library_name(name)).is_file() for name in instruction_sets())
    return stamp == sources_digest() and (complete or read_problem(folder) is not None)


def read_problem(folder: Path = COMPILED) -> str | None:
    """Return the reason, recorded at build time, why `folder` has no libraries, or None."""
    try:
        return (folder / _PROBLEM).read_text(encoding="utf-8").strip() or None
    except (OSError, UnicodeDecodeError):
        return None


def discard(folder: Path, problem: BuildProblem, stamp: str | None = None) -> None:
    """Delete the libraries in `folder`, so that none of older sources is loaded, and record the problem there."""
    folder.mkdir(parents=True, exist_ok=True)
    for path in [folder / _STAMP, *folder.glob(library_name("*"))]:
        path.unlink(missing_ok=True)
    (folder / _PROBLEM).write_text(problem.sentence + "\n", encoding="utf-8")
    if stamp is not None:
        (folder / _STAMP).write_text(stamp, encoding="utf-8")


def build(
    folder: Path = COMPILED, names: Sequence[str] | None = None, sanitizer: str | None = None
) -> BuildProblem | None:
    """Compile the engine into `folder` for all instruction sets or those of `names`: all of them, or none on failure.

    Without a compiler the libraries in the folder are deleted and the problem is recorded there. When the compiler
    fails, the folder is unchanged.
    """
    digest = sources_digest()  # taken before the compiler reads the sources
    compiler = find_compiler()
    chosen = tuple(names or instruction_sets())
    try:
        if isinstance(compiler, BuildProblem):
            discard(folder, compiler, digest)
            return compiler
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".building-", dir=folder) as temporary:
            problem = build_into(Path(temporary), compiler, chosen, sanitizer)
            if problem is not None:
                return problem
            (folder / _STAMP).unlink(missing_ok=True)
            (folder / _PROBLEM).unlink(missing_ok=True)
            for name in chosen:
                (Path(temporary) / library_name(name)).replace(folder / library_name(name))
        if chosen == instruction_sets() and sanitizer is None:
            (folder / _STAMP).write_text(digest, encoding="utf-8")
    except OSError as error:
        return BuildProblem(f"cannot write to {folder}: {error.strerror or error}")
    return None


def build_into(folder: Path, compiler: Compiler, names: Sequence[str], sanitizer: str | None) -> BuildProblem | None:
    """Compile the engine for each instruction set, one compiler process per core at a time."""
    # ThreadSanitizer does not support GNU OpenMP and would report every barrier as a race.
    threads = ("-fopenmp",) if sanitizer != "thread" and has_openmp(compiler, folder) else ()
    source = CSRC / "kernels.cpp"

    def one(name: str) -> BuildProblem | None:
        flags = (*flags_of(name, sanitizer), *threads)
        return compile_library(compiler, source, folder / library_name(name), flags)

    with ThreadPoolExecutor(max_workers=os.cpu_count() or 1) as pool:
        return next((problem for problem in pool.map(one, names) if problem is not None), None)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line: build, report the result, and return 1 when the compiler failed."""
    parser = argparse.ArgumentParser(description="Compile the native engine of elman.")
    parser.add_argument("--into", type=Path, default=COMPILED, metavar="FOLDER", help="default: the package's folder")
    parser.add_argument("--only", nargs="+", choices=instruction_sets(), metavar="SET", help="default: every one")
    parser.add_argument("--sanitize", choices=tuple(SANITIZERS), help="build with a sanitizer")
    options = parser.parse_args(arguments)
    if options.sanitize and options.into == COMPILED:
        parser.error("--sanitize needs --into: such libraries load only in processes that preload the sanitizer")
    problem = build(options.into, options.only, options.sanitize)
    if problem is None:
        print(f"compiled for {', '.join(options.only or instruction_sets())} into {options.into}")
        return 0
    print(problem.output + problem.sentence, file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
