"""Files with one word per line, tags in a column, and a blank line after each sentence, as in CoNLL's shared tasks."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence, Set

from elman.data.bad_rows import collect, usable
from elman.data.blank_lines import is_blank
from elman.data.tagged.tagged import TaggedDataset, check_words
from elman.display import invisible
from elman.errors import ConfigError, DataError

__all__ = ["has_columns", "read_columns"]

# Marks a new document in files of CoNLL 2003.
_DOCUMENT = "-DOCSTART-"
# Share of the lines of a file in columns whose tag is known.
_KNOWN_TAGS = 0.8


def read_columns(
    lines: Iterable[str], name: str, *, word_column: int = 1, tag_column: str = "", with_tags: bool = True
) -> TaggedDataset:
    """Return the sentences in the lines of a file.

    Columns are separated by tabs if the file's first line has one, else by white space. They count from 1; the tag is
    in the last column unless `tag_column` has another number. Lines that begin with -DOCSTART- are left out.
    Raises DataError with file and line, also for numbers of words in place of words; ConfigError if `tag_column` is not
    a number.
    """
    if tag_column and not (tag_column.isascii() and tag_column.isdigit() and int(tag_column)):
        raise ConfigError(f"expected the number of the tags' column, from 1. Received: {tag_column!r}")
    words: list[list[str]] = []
    tags: list[list[str]] = []
    places: list[str] = []
    now: list[str] = []
    now_tags: list[str] = []
    # The first error of the sentence.
    broken: DataError | None = None
    begun, width, tabs = 0, 0, False
    problems: dict[int, DataError] = {}
    for number, line in enumerate([*lines, ""], 1):
        where = f"{name}, line {number}"
        if is_blank(line):
            sentence = len(words) + len(problems)
            if broken is None and now:
                try:
                    words.append(check_words(now, f"{name}, line {begun}"))
                    tags.append(now_tags)
                    places.append(f"{name}, line {begun}")
                except DataError as error:
                    broken = error
            if broken is not None:
                collect(problems, sentence, broken)
            now, now_tags, broken = [], [], None
            continue
        if line.startswith(_DOCUMENT):
            continue
        tabs = tabs if width else "\t" in line
        cells = _cells(line, tabs)
        width = width or len(cells)
        if len(cells) != width:
            unseen = invisible(line.replace("\t", " "))
            problem = DataError(f"{where}: expected {width} columns, as above. Received: {len(cells)}{unseen}")
            broken = broken or problem
            continue
        column = int(tag_column) if tag_column else width
        for what, place in [("words", word_column)] + [("tags", column)] * with_tags:
            if place > width:
                raise DataError(f"{where}: expected the {what} in column {place}. Received: {width} columns")
            if not cells[place - 1].strip():
                problem = DataError(f"{where}: expected the {what} in column {place}. Received: an empty cell")
                broken = broken or problem
        if with_tags and column == word_column:
            raise DataError(f"{where}: expected words and tags in different columns. Received: both in {column}")
        begun = begun if now else number
        now.append(cells[word_column - 1].strip())
        now_tags.append(cells[column - 1].strip())
    usable(len(words) + len(problems), problems)
    if not words:
        raise DataError(f"{name}: expected words with tags, one word per line. Received: none")
    if width > 2 and _are_numbers(words):
        raise DataError(
            f"{name}: expected words in column {word_column}; word_column names another one. "
            f"Received: the numbers of the words, from 1 in each of the {len(words):,} sentences"
        )
    return TaggedDataset(name, words, None, tags if with_tags else None, None, places)


def _cells(line: str, tabs: bool) -> list[str]:
    return line.split("\t") if tabs else line.split()


def _are_numbers(words: Sequence[Sequence[str]]) -> bool:
    """Return whether the words of every sentence are 1, 2, 3 and so on."""
    return max(map(len, words)) > 1 and all(
        word == str(number) for sentence in words for number, word in enumerate(sentence, 1)
    )


def has_columns(lines: Sequence[str], *, word_column: int, tag_column: str, tags: Set[str]) -> bool | None:
    """Return whether lines are words with tags in columns, and not sentences; None if it is unclear.

    They are if all have the same number of columns, and the tags' column has mostly the known `tags`. It is unclear
    if all have the same number of columns with tabs between them, or with blank lines between groups of lines.
    """
    filled = [line for line in lines if not is_blank(line) and not line.startswith(_DOCUMENT)]
    groups = sum(is_blank(before) and not is_blank(line) for before, line in itertools.pairwise(["", *lines]))
    if not filled:
        return False
    tabs = "\t" in filled[0]
    rows = [_cells(line, tabs) for line in filled]
    width = len(rows[0])
    column = int(tag_column) if tag_column.isdecimal() else width
    if width < 2 or any(len(row) != width for row in rows):
        return False
    if word_column <= width and column <= width and column != word_column:
        known = sum(row[column - 1].strip() in tags for row in rows)
        if known >= _KNOWN_TAGS * len(rows):
            return True
    return None if tabs or (groups > 1 and len(filled) >= 2 * groups) else False
