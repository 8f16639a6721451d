"""The compiled library: choosing the one for this CPU, loading it, and finding the programs of cells in it.

There is one library per instruction set. The environment variable ELMAN_KERNELS forces one by the name of its
instruction set; ELMAN_NATIVE_LIBRARIES names another folder of libraries, such as one built with sanitizers.
"""

from __future__ import annotations

import ctypes
import logging
import os
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from elman.errors import KernelUnavailableError
from elman.kernels import forks
from elman.kernels.native import build, program_cache
from elman.kernels.native.abi import ABI_VERSION, CompiledProgram

if TYPE_CHECKING:
    from elman.kernels.native.program import Program

__all__ = ["Settings", "describe", "find", "instruction_set", "load", "settings", "threads", "why_not"]

# The values of ELMAN_NATIVE_LIBRARIES and ELMAN_KERNELS.
Settings = tuple[str | None, str | None]

_log = logging.getLogger("elman.kernels")
_lock = threading.RLock()
_libraries: dict[tuple[Path, str], ctypes.CDLL] = {}
_chosen: dict[tuple[Path, str | None], str] = {}
_refusals: dict[Settings, str] = {}
_programs: dict[tuple[Settings, str, int], CompiledProgram | str] = {}
_watches_forks = False


def _after_fork() -> None:
    """Reset the lock in a forked child, where a lost thread may have held it."""
    global _lock
    _lock = threading.RLock()


def settings() -> Settings:
    """Return the environment variables that determine the library; results are cached by them."""
    return os.environ.get("ELMAN_NATIVE_LIBRARIES"), os.environ.get("ELMAN_KERNELS")


def _folder() -> Path:
    own = os.environ.get("ELMAN_NATIVE_LIBRARIES")
    return Path(own) if own else build.COMPILED


def _forced() -> str | None:
    """Return the instruction set that ELMAN_KERNELS names, or None."""
    name = os.environ.get("ELMAN_KERNELS", "")
    return name if name in build.EVERY_INSTRUCTION_SET else None


def _open(folder: Path, name: str) -> ctypes.CDLL:
    """Return the library of one instruction set, which is loaded once."""
    with _lock:
        library = _libraries.get((folder, name))
        if library is None:
            library = _libraries[folder, name] = _load_file(folder / build.library_name(name))
    return library


def _load_file(path: Path) -> ctypes.CDLL:
    import torch  # noqa: F401  loads its OpenMP runtime first, so that the library uses the same one

    global _watches_forks
    forks.watch()
    if not _watches_forks and hasattr(os, "register_at_fork"):
        _watches_forks = True
        os.register_at_fork(after_in_child=_after_fork)
    try:
        library = ctypes.CDLL(str(path))
        version = library.elman_abi_version()
    except (OSError, AttributeError) as error:
        raise KernelUnavailableError(f"the compiled library cannot be loaded: {error}") from error
    if version != ABI_VERSION:
        raise KernelUnavailableError(
            f"expected a compiled library with interface {ABI_VERSION}; reinstall elman. Received: {path.name} with "
            f"interface {version}"
        )
    return library


def _built(folder: Path) -> list[str]:
    """Return the instruction sets that `folder` has a library for, best first."""
    return [name for name in build.instruction_sets() if (folder / build.library_name(name)).is_file()]


def _choose(folder: Path, forced: str | None) -> str:
    built = _built(folder)
    lowest = build.instruction_sets()[-1]
    if lowest not in built:
        noted = build.read_problem(folder)
        reason = noted or f"there is no {build.library_name(lowest)} in {folder}"
        raise KernelUnavailableError(
            f"the compiled library is not built: {reason}; reinstall elman with g++ or clang++"
        )
    # The library of the lowest instruction set runs on every CPU, so it can check which of the others do.
    runs: Callable[[bytes], int] = _open(folder, lowest).elman_cpu_runs
    usable = [name for name in built if runs(name.encode())]
    if forced is None:
        return usable[0]
    if forced not in built:
        raise KernelUnavailableError(
            f"expected an instruction set that is built: {', '.join(built)}. Received: {forced!r}"
        )
    if forced not in usable:
        raise KernelUnavailableError(
            f"expected an instruction set that this CPU has: {', '.join(usable)}. Received: {forced!r}"
        )
    return forced


def instruction_set() -> str:
    """Return the instruction set in use: the forced one, or the best that is built and that this CPU supports.

    Raises KernelUnavailableError when none is built, or when the forced one is not built or not supported.
    """
    key = (_folder(), _forced())
    name = _chosen.get(key)
    if name is None:
        name = _chosen[key] = _choose(*key)
        _log.info("the native engine uses %s", name)
    return name


def load() -> ctypes.CDLL:
    """Return the library of `instruction_set()`, loaded once per process; calls into it release the GIL.

    Raises KernelUnavailableError like `instruction_set`, and when the library cannot be loaded or has another version.
    """
    return _open(_folder(), instruction_set())


def why_not() -> str | None:
    """Return None if `load` succeeds, else the reason why it fails. The result is cached."""
    key = settings()
    if key not in _refusals:
        try:
            load()
        except KernelUnavailableError as error:
            _refusals[key] = str(error)
        else:
            _refusals[key] = ""
    return _refusals[key] or None


def find(program: Program, element_bytes: int) -> CompiledProgram | str:
    """Return the compiled functions of a program for elements of 4 or 8 bytes, or the reason why there are none.

    The library's own programs are found by digest. Any other program is compiled at the first call, which takes
    seconds, and then stored in the cache folder. Raises KernelUnavailableError only where `load` does.
    """
    key = (settings(), program.digest, element_bytes)
    found = _programs.get(key)
    if found is None:
        with _lock:
            found = _programs.get(key)
            if found is None:
                found = _programs[key] = _look_up(program, element_bytes)
    return found


def _look_up(program: Program, element_bytes: int) -> CompiledProgram | str:
    compiled = CompiledProgram()
    if load().elman_find_program(program.digest.encode(), element_bytes, ctypes.byref(compiled)):
        return compiled
    from elman.kernels.native.emit import source

    start = time.monotonic()
    made = program_cache.compiled_program(source(program), instruction_set())
    if isinstance(made, str):
        return made
    if made.compiled:
        _log.info("compiled a cell's equations (%s) in %.1f s", program.digest, time.monotonic() - start)
    try:
        library = made.load()
        function = getattr(library, f"elman_program_f{8 * element_bytes}")
    except (OSError, AttributeError) as error:
        return f"the cell's compiled equations cannot be loaded: {error}"
    function(ctypes.byref(compiled))
    return compiled


def threads() -> int:
    """Return the number of threads for a kernel: torch's, but 1 in a forked child, where OpenMP would deadlock."""
    import torch

    return forks.usable_threads(torch.get_num_threads())


def describe() -> dict[str, str | bool]:
    """Return the instruction set, the compiler and whether threads are used, or the reason for failure as `problem`."""
    problem = why_not()
    if problem is not None:
        return {"problem": problem}
    library = load()
    library.elman_compiler.restype = ctypes.c_char_p
    return {
        "instruction_set": instruction_set(),
        "compiler": library.elman_compiler().decode(errors="replace"),
        "threads": bool(library.elman_has_threads()),
    }
