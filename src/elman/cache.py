"""The cache folder, for files that can be computed again."""

from __future__ import annotations

import os
import shutil
import stat
import time
from pathlib import Path

from elman.files import TEMPORARY_SUFFIX, make_folder

__all__ = ["cache_folder", "clean_cache"]

# An older temporary file was left by a killed process; a newer one may still be open for writing.
STALE_SECONDS = 24 * 3600.0


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
