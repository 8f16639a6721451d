"""Where files that can be made again are kept. Knows nothing about what is in them."""

from __future__ import annotations

import os
import shutil
import stat
import time
from pathlib import Path

from elman.files import TEMPORARY_SUFFIX, make_folder

__all__ = ["cache_folder", "clean_cache"]

# A temporary that is older than this was left by a writer that was killed; a younger one may still be written to.
STALE_SECONDS = 24 * 3600.0


def cache_folder() -> Path:
    """The cache folder: `$ELMAN_CACHE`, else `$XDG_CACHE_HOME/elman`, else `~/.cache/elman`; made if missing.

    Raises StorageError when the folder cannot be made.
    """
    own = os.environ.get("ELMAN_CACHE")
    if own:
        return make_folder(Path(own).expanduser())
    shared = os.environ.get("XDG_CACHE_HOME", "")
    base = Path(shared) if os.path.isabs(shared) else Path.home() / ".cache"
    return make_folder(base / "elman")


def clean_cache(folder: Path) -> None:
    """Remove the temporaries of killed writers from `folder`, but leave those of writers still at work."""
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
            continue  # another run was quicker, or the file is not ours: either way it is not needed here
