"""Reader of a folder with words, tags and sentence labels in three files."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from elman.data.readers import Reader
from elman.errors import DataError

if TYPE_CHECKING:
    from elman.data.tagged.options import ReadOptions
    from elman.data.tagged.tagged import TaggedDataset


def _accepts(folder: Path) -> bool:
    from elman.data.tagged.triples import WORDS

    return (folder / WORDS).is_file()


def _read(folder: Path, options: ReadOptions) -> TaggedDataset:
    from elman.data.tagged.triples import INTENTS, TAGS, WORDS, read_triples

    if not _accepts(folder):
        raise DataError(f"expected a folder with {WORDS}, {TAGS} and {INTENTS}. Received: {folder}")
    return read_triples(folder, lambda path: options.lines(path, str(path)), with_tags=options.with_tags)


READER = Reader("triples", _read, accepts=_accepts, whole=True, rank=3)
