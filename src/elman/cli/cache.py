"""`elman cache`: what the cache folder keeps, and emptying it."""

from __future__ import annotations

from typing import Annotated, Any

from cyclopts import Parameter

from elman.cli.output import print_json
from elman.display import aligned, plain, size_of

__all__ = ["cache"]


def cache(
    *,
    clear: Annotated[
        bool, Parameter(negative="", show_default=False, help="Remove all files that elman keeps in the cache folder.")
    ] = False,
    json: Annotated[bool, Parameter(negative="", show_default=False, help="Print the result as JSON.")] = False,
) -> None:
    """Show what the cache folder keeps, or empty it.

    The cache folder is `ELMAN_CACHE`, or `~/.cache/elman`. It keeps files that can be computed again: the tokens of
    texts, vocabularies, and compiled cells. `ELMAN_CACHE_LIMIT`, such as 20GB, is the most that it keeps (10GB by
    default, 0 for no limit); the files that were not used for the longest time are removed first.

    For example:

        elman cache
        elman cache --clear
    """
    from elman.cache import cache_folder, cache_limit, cached_files, clear_cache

    folder, limit = cache_folder(), cache_limit()
    files = clear_cache(folder) if clear else [*cached_files(folder)]
    kinds: dict[str, dict[str, int]] = {}
    for file in files:
        kind = kinds.setdefault(file.kind, {"files": 0, "bytes": 0})
        kind["files"] += 1
        kind["bytes"] += file.size
    facts: dict[str, Any] = {"folder": str(folder), "limit_bytes": limit, "removed" if clear else "kept": kinds}
    if json:
        print_json(facts)
        return
    rows = [("folder", plain(str(folder))), ("limit", size_of(limit) if limit else "none")]
    rows += [(name, f"{kind['files']:,} files, {size_of(kind['bytes'])}") for name, kind in kinds.items()]
    total = sum(kind["bytes"] for kind in kinds.values())
    rows.append(("removed" if clear else "kept", f"{len(files):,} files, {size_of(total)}"))
    print(aligned(rows))
