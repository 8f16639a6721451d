"""What the name of a file says about its form. Imports no numpy."""

from __future__ import annotations

import re
from pathlib import Path
from types import MappingProxyType

__all__ = ["TABLES", "bare_suffix", "is_idx", "table_kind"]

# The suffixes of tables, and what kind of table each stands for.
TABLES = MappingProxyType({".csv": "csv", ".tsv": "tsv", ".tab": "tsv", ".jsonl": "jsonl", ".ndjson": "jsonl"})


def bare_suffix(path: Path) -> str:
    """A file's suffix in lower case, `.gz` left out."""
    return (Path(path.stem).suffix if path.suffix == ".gz" else path.suffix).lower()


def table_kind(path: Path) -> str | None:
    """What kind of table a file is by its name, `.gz` left out: csv, tsv or jsonl; None for others."""
    return TABLES.get(bare_suffix(path))


def is_idx(path: Path) -> bool:
    """Whether a file's name is that of an idx file."""
    return bare_suffix(path) == ".idx" or re.search(r"[-.]idx\d(-|\.|$)", path.name) is not None
