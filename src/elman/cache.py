"""The cache folder, for files that can be computed again, and the limit of its size."""

from __future__ import annotations

import contextlib
import os
import shutil
import stat
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from elman.errors import ConfigError
from elman.files import TEMPORARY_SUFFIX, make_folder

__all__ = [
    "CachedFile",
    "cache_folder",
    "cache_limit",
    "cached_files",
    "clean_cache",
    "clear_cache",
    "limit_cache",
    "mark_used",
]

# An older temporary file was left by a killed process; a newer one may still be open for writing.
STALE_SECONDS = 24 * 3600.0
# The folders in the cache, and the suffixes of the files in them.
KINDS = {
    "tokens": (".tokens",),
    "vocabularies": (".json",),
    "vectors": (".vectors",),
    "kernels": (".so", ".sha256"),
}
# The most bytes that the cache keeps, and the units in which ELMAN_CACHE_LIMIT may give them.
_LIMIT = 10 * 10**9
_UNITS = {"": 1, "b": 1, "kb": 10**3, "mb": 10**6, "gb": 10**9, "tb": 10**12}
# Files that were used in so many seconds are kept in any case: a run may be about to open them.
_IN_USE_SECONDS = 3600.0


class CachedFile(NamedTuple):
    """A file of the cache: its kind, path, size in bytes, and the time of its last use in seconds since 1970."""

    kind: str
    path: Path
    size: int
    used: float


def cache_folder() -> Path:
    """Return the cache folder: `$ELMAN_CACHE`, else `$XDG_CACHE_HOME/elman`, else `~/.cache/elman`.

    The folder is created if missing. Raises StorageError when it cannot be created.
    """
    own = os.environ.get("ELMAN_CACHE")
    if own:
        return make_folder(Path(own).expanduser())
    shared = os.environ.get("XDG_CACHE_HOME", "")
    base = Path(shared) if os.path.isabs(shared) else Path.home() / ".cache"
    return make_folder(base / "elman")


def clean_cache(folder: Path) -> None:
    """Remove temporary files that killed processes left in `folder`; files still being written are kept."""
    oldest = time.time() - STALE_SECONDS
    for path in folder.glob(f".*{TEMPORARY_SUFFIX}"):
        try:
            found = path.lstat()
            if found.st_mtime >= oldest:
                continue
            if stat.S_ISDIR(found.st_mode):
                shutil.rmtree(path)
            else:
                path.unlink(missing_ok=True)
        except OSError:
            continue  # removed by another process, or owned by another user: neither is an error here


def cache_limit() -> int:
    """Return the most bytes that the cache keeps; 0 for no limit.

    That is `$ELMAN_CACHE_LIMIT`, such as 500MB or 20 GB, or else 10 GB. Raises ConfigError for anything else.
    """
    text = os.environ.get("ELMAN_CACHE_LIMIT", "").strip().lower()
    if not text:
        return _LIMIT
    number = text.rstrip("abcdefghijklmnopqrstuvwxyz").strip()
    unit = text[len(text.rstrip("abcdefghijklmnopqrstuvwxyz")) :]
    try:
        limit = float(number) * _UNITS[unit]
        if not 0 <= limit < 2**63:
            raise ValueError
    except (KeyError, ValueError):
        raise ConfigError(
            f"expected ELMAN_CACHE_LIMIT to be a number of bytes, such as 500MB or 20GB. Received: {text!r}"
        ) from None
    return int(limit)


def cached_files(folder: Path) -> Iterator[CachedFile]:
    """Yield the files that elman keeps in a cache folder."""
    for kind, suffixes in KINDS.items():
        for path in sorted((folder / kind).glob("*")):
            if path.suffix not in suffixes or path.name.startswith("."):
                continue
            try:
                found = path.lstat()
            except OSError:
                continue  # removed by another process
            if stat.S_ISREG(found.st_mode):
                yield CachedFile(kind, path, found.st_size, found.st_mtime)


def mark_used(path: Path) -> None:
    """Note that a file of the cache is used now. A file that belongs to another user stays as it is."""
    with contextlib.suppress(OSError):
        os.utime(path)


def limit_cache(folder: Path) -> None:
    """Remove the files of a cache folder that were not used for the longest time until it keeps to the limit.

    Files that were used in the last hour are kept. Processes that have a removed file open can still read it.
    """
    limit = cache_limit()
    files = sorted(cached_files(folder), key=lambda file: file.used)
    total = sum(file.size for file in files)
    for file in files:
        if not limit or total <= limit or file.used > time.time() - _IN_USE_SECONDS:
            return
        if _removed(file.path):
            total -= file.size


def clear_cache(folder: Path) -> list[CachedFile]:
    """Remove all files that elman keeps in a cache folder; return those that were removed."""
    for kind in KINDS:
        clean_cache(folder / kind)
    clean_cache(folder)
    return [file for file in cached_files(folder) if _removed(file.path)]


def _removed(path: Path) -> bool:
    try:
        path.unlink(missing_ok=True)
    except OSError:
        return False  # of another user
    return True
