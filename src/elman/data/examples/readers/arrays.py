"""Readers of series and images in NumPy and idx files."""

from __future__ import annotations

from pathlib import Path

from elman.data.readers import Reader
from elman.data.suffixes import bare_suffix, is_idx, table_kind


def _is_numpy(path: Path) -> bool:
    return bare_suffix(path) in (".npy", ".npz") and not is_idx(path)


def _is_idx(path: Path) -> bool:
    return is_idx(path) and table_kind(path) is None


NUMPY = Reader("numpy", "elman.data.examples.arrays:read_numpy_file", accepts=_is_numpy, rank=6)
IDX = Reader("idx", "elman.data.examples.arrays:read_idx_file", accepts=_is_idx, rank=7)
