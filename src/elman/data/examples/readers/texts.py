"""Readers of lines of label and text, and of a folder of texts or a file of lines per class."""

from __future__ import annotations

from pathlib import Path

from elman.data.readers import Reader

LINES = Reader("lines", "elman.data.examples.texts:lines_with_labels", rank=2)
FOLDER = Reader("folder", "elman.data.examples.texts:classes_of_files", accepts=Path.is_dir, whole=True, rank=3)
