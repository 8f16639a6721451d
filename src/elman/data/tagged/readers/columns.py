"""Readers of words and tags in columns, and of plain text without tags."""

from __future__ import annotations

from typing import TYPE_CHECKING

from elman.data.readers import Reader

if TYPE_CHECKING:
    from elman.data.inputs import InputFile
    from elman.data.tagged.options import ReadOptions
    from elman.data.tagged.tagged import TaggedDataset


def _read(file: InputFile, options: ReadOptions) -> TaggedDataset:
    from elman.data.tagged.columns import read_columns

    return read_columns(
        options.lines(file.path, file.name),
        file.name,
        word_column=options.word_column,
        tag_column=options.tag_column,
        with_tags=options.with_tags,
    )


def _read_plain(file: InputFile, options: ReadOptions) -> TaggedDataset:
    from elman.data.tagged.columns import read_plain

    return read_plain(options.lines(file.path, file.name), file.name, punctuation=options.punctuation)


COLUMNS = Reader("columns", _read, rank=2)
PLAIN = Reader("plain", _read_plain, labelled=False, rank=5)
