"""The version of elman, where every layer can read it. Knows nothing else."""

from __future__ import annotations

__all__ = ["VERSION"]

VERSION = "0.1.0"
