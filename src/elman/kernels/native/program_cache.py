"""Cache of users' own cells as shared libraries, which are compiled at first use.

A library is named by a digest of everything that it is built from, and a file next to it has a digest of its content.
A library that is truncated or altered, or that another user could have altered, is never loaded but compiled again.
"""

from __future__ import annotations

import functools
import hashlib
import os
import stat
import tempfile
from pathlib import Path
from typing import NamedTuple

from elman.cache import cache_folder, clean_cache
from elman.errors import StorageError
from elman.files import TEMPORARY_SUFFIX, write_text
from elman.kernels.native import build

__all__ = ["CompiledFile", "compiled_program"]

_DIGEST_SUFFIX = ".sha256"


class CompiledFile(NamedTuple):
    """A shared library, and whether this call has compiled it."""

    path: Path
    compiled: bool


def compiled_program(source: str, instruction_set: str) -> CompiledFile | str:
    """Return the shared library of a cell's C++ `source` for an instruction set, or the reason why there is none."""
    compiler = _compiler()
    if isinstance(compiler, build.BuildProblem):
        return f"its equations cannot be compiled: {compiler.sentence}"
    flags = build.flags_of(instruction_set)
    try:
        folder = _private_folder()
        path = folder / f"{_key(source, compiler, flags)}.so"
        if _is_sound(path):
            return CompiledFile(path, compiled=False)
        clean_cache(folder)
        with tempfile.TemporaryDirectory(prefix=".", suffix=TEMPORARY_SUFFIX, dir=folder) as temporary:
            written, made = Path(temporary) / "program.cpp", Path(temporary) / path.name
            written.write_text(source, encoding="utf-8")
            problem = build.compile_library(compiler, written, made, flags)
            if problem is not None:
                return f"its equations cannot be compiled: {problem.sentence}"
            made.chmod(0o600)
            digest = hashlib.sha256(made.read_bytes()).hexdigest()
            made.replace(path)
        write_text(path.with_suffix(_DIGEST_SUFFIX), digest + "\n")
        return CompiledFile(path, compiled=True)
    except StorageError as error:
        return f"its compiled equations cannot be kept: {error}"
    except OSError as error:
        return f"its compiled equations cannot be kept: {error.strerror or error}"


@functools.cache
def _compiler() -> build.Compiler | build.BuildProblem:
    return build.find_compiler()


@functools.cache
def _headers_digest() -> str:
    digest = hashlib.sha256()
    for path in sorted(build.CSRC.glob("*.h")):
        content = path.read_bytes()
        digest.update(f"{path.name} {len(content)}\n".encode() + content)
    return digest.hexdigest()


def _key(source: str, compiler: build.Compiler, flags: tuple[str, ...]) -> str:
    """Return a digest of everything that the library is built from."""
    parts = [_headers_digest(), *compiler.command, compiler.version, *flags, source]
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:32]


def _private_folder() -> Path:
    """Return the folder for these libraries, which no other user can write to."""
    folder = cache_folder() / "kernels"
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
        found = folder.stat()
        if found.st_uid != os.geteuid():
            raise StorageError(f"expected this user to own {folder}. Received: a folder of user {found.st_uid}")
        if stat.S_IMODE(found.st_mode) != 0o700:
            folder.chmod(0o700)
    except OSError as error:
        if isinstance(error, StorageError):
            raise
        raise StorageError(f"cannot use the folder {folder}: {error.strerror or error}") from error
    return folder


def _is_sound(path: Path) -> bool:
    """Return whether `path` is a regular file that only this user can write to, with the recorded digest."""
    try:
        found = path.lstat()
        if not stat.S_ISREG(found.st_mode) or found.st_uid != os.geteuid() or found.st_mode & 0o022:
            return False
        noted = path.with_suffix(_DIGEST_SUFFIX).read_text(encoding="utf-8").strip()
        return hashlib.sha256(path.read_bytes()).hexdigest() == noted
    except (OSError, UnicodeDecodeError):
        return False
