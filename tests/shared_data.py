"""Paths of the data sets, which are not part of the project. Also used by the benchmarks; standard library only."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

VARIABLE = "ELMAN_SHARED_DATA"
ROOT = Path(__file__).resolve().parent.parent


def folder_of_data(
    root: Path = ROOT, environment: Mapping[str, str] = os.environ, top: Path = Path("/")
) -> Path | None:
    """Return the folder that the variable names, or the first `shared/data` in or above the checkout; None if missing.

    A worktree or a local clone may be anywhere, so the repository that it was made from is searched in the same way.
    Folders above `top` are not searched.
    """
    given = environment.get(VARIABLE)
    if given:
        return Path(given) if Path(given).is_dir() else None
    places = (place for start in starts(root) for place in (start, *start.parents) if place.is_relative_to(top))
    return next((folder for place in places if (folder := place / "shared" / "data").is_dir()), None)


def starts(root: Path) -> Iterator[Path]:
    """Yield the checkout, the checkout of its worktree's repository, and the one that it was cloned from."""
    yield root
    repository = repository_of(root)
    if repository is None:
        return
    yield repository.parent
    try:
        settings = (repository / "config").read_text(encoding="utf-8")
    except (OSError, ValueError):
        return
    for origin in re.findall(r"^\s*url = (?:file://)?(/.+)$", settings, re.MULTILINE):
        yield Path(origin)


def repository_of(root: Path) -> Path | None:
    """Return the git folder of the checkout at `root`, which its worktrees share."""
    found = root / ".git"
    if found.is_dir():
        return found
    try:
        own = root / found.read_text(encoding="utf-8").removeprefix("gitdir:").strip()
        return (own / (own / "commondir").read_text(encoding="utf-8").strip()).resolve()
    except (OSError, ValueError):
        return None


def path_of(name: str) -> Path | None:
    """Return the path of the data set `name`, such as `images/mnist`; None if it is missing."""
    folder = folder_of_data()
    return folder / name if folder is not None and (folder / name).exists() else None


def absent(name: str) -> str:
    """Return the message for a missing data set."""
    return f"needs the data set {name} in shared/data above the checkout, or in the folder that {VARIABLE} names"
