"""Writing files so that a crash, a full disk or a kill never leaves half a file.

Every write goes to a temporary beside its target, is synced, and then takes the target's name in one step. Knows
nothing about what the files mean.
"""

from __future__ import annotations

import os
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from elman.errors import StorageError

__all__ = ["TEMPORARY_SUFFIX", "atomic_file", "make_folder", "remove_stale_temporaries", "write_bytes", "write_text"]

TEMPORARY_SUFFIX = ".elman-part"


def sync_folder(folder: Path) -> None:
    """Make a rename in `folder` survive a power cut."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def storage_error(action: str, path: Path, error: OSError) -> StorageError:
    """A StorageError that says what could not be done, where, and why."""
    return StorageError(f"cannot {action} {path}: {error.strerror or error}")


def _is_stream(path: Path) -> bool:
    """Whether `path` is a device, a pipe or a socket, such as /dev/null: these are written to, and never replaced."""
    try:
        mode = path.stat().st_mode
    except (OSError, ValueError):
        return False  # there is nothing yet; whether it can be made, the writing tells
    return not (stat.S_ISREG(mode) or stat.S_ISDIR(mode))


@contextmanager
def atomic_file(path: str | os.PathLike[str]) -> Iterator[BinaryIO]:
    """A binary file that appears under `path`, whole, when the block ends well; else nothing changes.

    A device or a pipe is written to as it is.

    Raises StorageError when the disk is full or the folder cannot be written.
    """
    target = Path(path)
    if _is_stream(target):
        try:
            with open(target, "wb") as stream:
                yield stream
        except OSError as error:
            raise error if isinstance(error, StorageError) else storage_error("write", target, error) from error
        return
    try:
        descriptor, name = tempfile.mkstemp(prefix=f".{target.name}.", suffix=TEMPORARY_SUFFIX, dir=target.parent)
    except OSError as error:
        raise storage_error("write", target, error) from error
    temporary = Path(name)
    try:
        with os.fdopen(descriptor, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        # mkstemp makes files private; take the mode that a plain open() would have given.
        umask = os.umask(0)
        os.umask(umask)
        os.chmod(temporary, 0o666 & ~umask)
        os.replace(temporary, target)
        sync_folder(target.parent)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        if isinstance(error, StorageError):
            raise
        raise storage_error("write", target, error) from error
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def write_bytes(path: str | os.PathLike[str], content: bytes) -> None:
    """Write `content` to `path` atomically."""
    with atomic_file(path) as file:
        file.write(content)


def write_text(path: str | os.PathLike[str], content: str) -> None:
    """Write `content` as UTF-8 to `path` atomically."""
    write_bytes(path, content.encode("utf-8"))


def make_folder(path: str | os.PathLike[str]) -> Path:
    """Make the folder `path` with its parents. Raises StorageError when that is not permitted."""
    folder = Path(path)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise storage_error("make the folder", folder, error) from error
    return folder


def remove_stale_temporaries(folder: str | os.PathLike[str]) -> int:
    """Remove what a killed writer left in `folder`; returns how many files that were."""
    stale = list(Path(folder).glob(f".*{TEMPORARY_SUFFIX}"))
    for path in stale:
        path.unlink(missing_ok=True)
    return len(stale)
