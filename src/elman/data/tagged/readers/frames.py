"""Reader of frames with labels, in NumPy files and long tables."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from elman.data.readers import Reader
from elman.data.suffixes import table_kind

if TYPE_CHECKING:
    from elman.data.inputs import InputFile
    from elman.data.tagged.options import ReadOptions
    from elman.data.tagged.tagged import TaggedDataset


def _accepts(path: Path) -> bool:
    return path.suffix in (".npy", ".npz") or table_kind(path) is not None


def _read(file: InputFile, options: ReadOptions) -> TaggedDataset | None:
    from elman.data.tagged.frames import LABELS_SUFFIX, read_frames

    if file.path.name.endswith(LABELS_SUFFIX):
        return None
    return read_frames(
        file.path,
        sequence_column=options.sequence_column,
        time_column=options.time_column,
        tag_column=options.tag_column,
        quoting=options.quoting,
        decimal=options.decimal,
        encoding=options.encoding,
        errors=options.errors,
        with_tags=options.with_tags,
    )


READER = Reader("frames", _read, accepts=_accepts, rank=4)
