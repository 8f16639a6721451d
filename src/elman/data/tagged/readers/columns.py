"""Readers of words and tags in columns, and of plain text without tags."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from elman.data.readers import Reader

if TYPE_CHECKING:
    from elman.data.inputs import InputFile
    from elman.data.tagged.options import ReadOptions
    from elman.data.tagged.tagged import TaggedDataset


def _read(file: InputFile, options: ReadOptions) -> TaggedDataset:
    lines = options.lines(file.path, file.name)
    return _read_lines(lines, file.name, options, detect=options.detect)


def _read_lines(lines: Sequence[str], name: str, options: ReadOptions, *, detect: bool) -> TaggedDataset:
    """Read words in columns; with `detect`, as CoNLL-X or CoNLL-U if the content shows that."""
    from elman.data.tagged.columns import read_columns
    from elman.data.tagged.conllu import is_conllu, read_conllu

    # The words of CoNLL-U are in the second column.
    if detect and options.word_column in (1, 2) and is_conllu(lines):
        return read_conllu(lines, name, tag_column=options.tag_column or "upos", with_tags=options.with_tags)
    return read_columns(
        lines, name, word_column=options.word_column, tag_column=options.tag_column, with_tags=options.with_tags
    )


def _read_plain(file: InputFile, options: ReadOptions) -> TaggedDataset:
    from elman.data.tagged.columns import has_columns
    from elman.data.tagged.conllu import is_conllu
    from elman.data.tagged.plain import read_plain
    from elman.errors import DataError

    lines = options.lines(file.path, file.name)
    if options.known_tags is not None:
        found = is_conllu(lines) or has_columns(
            lines, word_column=options.word_column, tag_column=options.tag_column, tags=options.known_tags
        )
        if found is None:
            raise DataError(
                f"{file.name}: expected one sentence per line. The option format says what it has: plain for "
                "sentences, columns for words in columns. Received: lines that all have the same number of columns"
            )
        if found:
            return _read_lines(lines, file.name, options, detect=True)
    return read_plain(lines, file.name, punctuation=options.punctuation)


COLUMNS = Reader("columns", _read, rank=2)
PLAIN = Reader("plain", _read_plain, labelled=False, rank=5)
