"""File formats by suffix. Does not import numpy."""

from __future__ import annotations

import re
from pathlib import Path
from types import MappingProxyType

__all__ = ["TABLES", "bare_suffix", "is_idx", "table_kind"]

# Kind of table by suffix.
TABLES = MappingProxyType({".csv": "csv", ".tsv": "tsv", ".tab": "tsv", ".jsonl": "jsonl", ".ndjson": "jsonl"})


def bare_suffix(path: Path) -> str:
    """Return the suffix of a file in lower case, without `.gz`."""
    return (Path(path.stem).suffix if path.suffix == ".gz" else path.suffix).lower()


def table_kind(path: Path) -> str | None:
    """Return the kind of table by suffix, without `.gz`: csv, tsv or jsonl; None for other files."""
    return TABLES.get(bare_suffix(path))


def is_idx(path: Path) -> bool:
    """Return whether a file has the name of an idx file."""
    return bare_suffix(path) == ".idx" or re.search(r"[-.]idx\d(-|\.|$)", path.name) is not None
