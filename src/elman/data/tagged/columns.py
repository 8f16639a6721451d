"""Files with one word per line, tags in a column, and a blank line after each sentence, as in CoNLL's shared tasks."""

from __future__ import annotations

import re
from collections.abc import Iterable

from elman.data.tagged.tagged import TaggedDataset, check_words
from elman.errors import ConfigError, DataError

__all__ = ["read_columns", "read_plain"]

# Marks a new document in files of CoNLL 2003.
_DOCUMENT = "-DOCSTART-"
# Letters and digits with other characters between them, or a single other character.
_WORD = re.compile(r"\w+(?:[^\w\s]+\w+)*|[^\w\s]")


def read_columns(
    lines: Iterable[str], name: str, *, word_column: int = 1, tag_column: str = "", with_tags: bool = True
) -> TaggedDataset:
    """Return the sentences in the lines of a file.

    Columns are separated by tabs if the file's first line has one, else by white space. They count from 1; the tag is
    in the last column unless `tag_column` has another number. Lines that begin with -DOCSTART- are left out.
    Raises DataError with file and line; ConfigError if `tag_column` is not a number.
    """
    if tag_column and not (tag_column.isascii() and tag_column.isdigit() and int(tag_column)):
        raise ConfigError(f"expected the number of the tags' column, from 1. Received: {tag_column!r}")
    words: list[list[str]] = []
    tags: list[list[str]] = []
    places: list[str] = []
    now: list[str] = []
    now_tags: list[str] = []
    begun, width, tabs = 0, 0, False
    for number, line in enumerate([*lines, ""], 1):
        where = f"{name}, line {number}"
        if not line.strip():
            if now:
                words.append(check_words(now, f"{name}, line {begun}"))
                tags.append(now_tags)
                places.append(f"{name}, line {begun}")
            now, now_tags = [], []
            continue
        if line.startswith(_DOCUMENT):
            continue
        tabs = tabs if width else "\t" in line
        cells = line.split("\t") if tabs else line.split()
        width = width or len(cells)
        if len(cells) != width:
            raise DataError(f"{where}: expected {width} columns, as above. Received: {len(cells)}")
        column = int(tag_column) if tag_column else width
        for what, place in [("words", word_column)] + [("tags", column)] * with_tags:
            if place > width:
                raise DataError(f"{where}: expected the {what} in column {place}. Received: {width} columns")
            if not cells[place - 1].strip():
                raise DataError(f"{where}: expected the {what} in column {place}. Received: an empty cell")
        if with_tags and column == word_column:
            raise DataError(f"{where}: expected words and tags in different columns. Received: both in {column}")
        begun = begun if now else number
        now.append(cells[word_column - 1].strip())
        now_tags.append(cells[column - 1].strip())
    if not words:
        raise DataError(f"{name}: expected words with tags, one word per line. Received: none")
    return TaggedDataset(name, words, None, tags if with_tags else None, None, places)


def read_plain(lines: Iterable[str], name: str, *, punctuation: bool = False) -> TaggedDataset:
    """Return one sentence per line, with words separated by white space; empty lines are left out.

    With `punctuation`, punctuation at the ends of words becomes separate words. Raises DataError if there are no words.
    """
    words: list[list[str]] = []
    places: list[str] = []
    for number, line in enumerate(lines, 1):
        if line.strip():
            place = f"{name}, line {number}"
            words.append(check_words(_WORD.findall(line) if punctuation else line.split(), place))
            places.append(place)
    if not words:
        raise DataError(f"{name}: expected one sentence per line. Received: none")
    return TaggedDataset(name, words, None, None, None, places)
