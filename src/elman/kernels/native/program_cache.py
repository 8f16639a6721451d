"""Cache of users' own cells as shared libraries, which are compiled at first use.

A library is named by a digest of everything that it is built from, and a file next to it has a digest of its content.
A library that is truncated or altered, or that another user could have altered, is never loaded but compiled again. It
is loaded from the open file that was checked, whatever has become of its path since.
"""

from __future__ import annotations

import ctypes
import functools
import hashlib
import os
import stat
import tempfile
from pathlib import Path
from typing import NamedTuple

from elman.cache import cache_folder, clean_cache, limit_cache, mark_used
from elman.errors import StorageError
from elman.files import TEMPORARY_SUFFIX, write_text
from elman.kernels.native import build

__all__ = ["CompiledFile", "compiled_program"]

_DIGEST_SUFFIX = ".sha256"


class CompiledFile(NamedTuple):
    """A shared library, open, and whether this call has compiled it."""

    path: Path
    compiled: bool
    descriptor: int

    def load(self) -> ctypes.CDLL:
        """Load the library from its open file. Raises OSError if it cannot be loaded.

        The file stays open, since the system's loader knows a library by this name.
        """
        open_file = f"/proc/self/fd/{self.descriptor}"
        return ctypes.CDLL(open_file if os.path.exists(open_file) else str(self.path))


def compiled_program(source: str, instruction_set: str) -> CompiledFile | str:
    """Return the shared library of a cell's C++ `source` for an instruction set, or the reason why there is none."""
    compiler = _compiler()
    if isinstance(compiler, build.BuildProblem):
        return f"its equations cannot be compiled: {compiler.sentence}"
    flags = build.flags_of(instruction_set)
    try:
        folder = _private_folder()
        path = folder / f"{_key(source, compiler, flags)}.so"
        descriptor = _open_sound(path)
        if descriptor is not None:
            for used in (path, path.with_suffix(_DIGEST_SUFFIX)):
                mark_used(used)
            return CompiledFile(path, False, descriptor)
        clean_cache(folder)
        with tempfile.TemporaryDirectory(prefix=".", suffix=TEMPORARY_SUFFIX, dir=folder) as temporary:
            written, made = Path(temporary) / "program.cpp", Path(temporary) / path.name
            written.write_text(source, encoding="utf-8")
            problem = build.compile_library(compiler, written, made, flags)
            if problem is not None:
                return f"its equations cannot be compiled: {problem.sentence}"
            made.chmod(0o600)
            descriptor = os.open(made, os.O_RDONLY | os.O_CLOEXEC)
            made.replace(path)
        write_text(path.with_suffix(_DIGEST_SUFFIX), _digest_of(descriptor) + "\n")
        limit_cache(folder.parent)
        return CompiledFile(path, True, descriptor)
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
    folder = cache_folder().resolve() / "kernels"
    try:
        _refuse_others(folder)
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


def _refuse_others(folder: Path) -> None:
    """Raise StorageError if another user could put something else in place of a folder, at any level above it."""
    for parent in folder.parents:
        found = parent.stat()
        if found.st_uid not in (0, os.geteuid()):
            raise StorageError(
                f"expected this user or root to own {parent}, which {folder} is in. Received: user {found.st_uid}"
            )
        # In a sticky folder, such as /tmp, only its owner may replace a folder.
        writable = found.st_mode & stat.S_IWOTH or (found.st_mode & stat.S_IWGRP and not _is_private(found.st_gid))
        if writable and not found.st_mode & stat.S_ISVTX:
            raise StorageError(
                f"expected that no other user can write to {parent}, which {folder} is in. Received: mode "
                f"{stat.S_IMODE(found.st_mode):03o}"
            )


def _is_private(group: int) -> bool:
    """Whether this user is the only member of a group: root's own, or one that is named like the user."""
    import grp  # Unix alone has users and groups
    import pwd

    try:
        user, found = pwd.getpwuid(os.geteuid()), grp.getgrgid(group)
    except KeyError:
        return False
    own = group == 0 or (group == user.pw_gid and found.gr_name == user.pw_name)
    return own and not set(found.gr_mem) - {user.pw_name, "root"}


def _open_sound(path: Path) -> int | None:
    """Open a regular file that only this user can write to, and that has the recorded digest; None for others."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
    except OSError:
        return None
    try:
        found = os.fstat(descriptor)
        if stat.S_ISREG(found.st_mode) and found.st_uid == os.geteuid() and not found.st_mode & 0o022:
            noted = path.with_suffix(_DIGEST_SUFFIX).read_text(encoding="utf-8").strip()
            if _digest_of(descriptor) == noted:
                return descriptor
    except (OSError, UnicodeDecodeError):
        pass
    os.close(descriptor)
    return None


def _digest_of(descriptor: int) -> str:
    with open(descriptor, "rb", closefd=False) as file:
        file.seek(0)
        return hashlib.sha256(file.read()).hexdigest()
