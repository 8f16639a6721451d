"""Atomic file writes: a crash, a full disk or a kill never leaves a partial file.

Each write goes to a temporary file in the target's folder, is synced, and is then renamed to the target.
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
    """Sync `folder`, so that a rename in it survives a power failure."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def storage_error(action: str, path: Path, error: OSError) -> StorageError:
    """Make a StorageError with the action, the path and the reason."""
    return StorageError(f"cannot {action} {path}: {error.strerror or error}")


def _is_stream(path: Path) -> bool:
    """Whether `path` is a device, pipe or socket, such as /dev/null; these are written in place, never replaced."""
    try:
        mode = path.stat().st_mode
    except (OSError, ValueError):
        return False  # does not exist yet; writing it reports any error
    return not (stat.S_ISREG(mode) or stat.S_ISDIR(mode))


@contextmanager
def atomic_file(path: str | os.PathLike[str]) -> Iterator[BinaryIO]:
    """Open a binary file that replaces `path` when the block succeeds; if it raises, `path` is unchanged.

    Devices and pipes are written directly. Raises StorageError when the disk is full or the folder cannot be written.
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
        # mkstemp creates private files; use the mode that open() would have given.
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
    """Create the folder `path` and its parents. Raises StorageError on failure."""
    folder = Path(path)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise storage_error("make the folder", folder, error) from error
    return folder


def remove_stale_temporaries(folder: str | os.PathLike[str]) -> int:
    """Remove temporary files that killed processes left in `folder`; return how many there were."""
    stale = list(Path(folder).glob(f".*{TEMPORARY_SUFFIX}"))
    for path in stale:
        path.unlink(missing_ok=True)
    return len(stale)
