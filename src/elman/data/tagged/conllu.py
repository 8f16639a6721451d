"""Files of CoNLL-X and CoNLL-U: ten columns with one word per line, and a blank line after each sentence.

CoNLL-U Plus names its columns in a comment on the first line.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from elman.data.bad_rows import collect, usable
from elman.data.blank_lines import is_blank
from elman.data.tagged.tagged import TaggedDataset, check_words
from elman.errors import ConfigError, DataError
from elman.options import suggestion

__all__ = ["COLUMNS", "is_conllu", "read_conllu"]

COLUMNS = ("id", "form", "lemma", "upos", "xpos", "feats", "head", "deprel", "deps", "misc")
# Start of the comment with the label of a sentence, and of the one with the names of the columns.
_INTENT = "# intent ="
_NAMES = "# global.columns ="


def is_conllu(lines: Iterable[str]) -> bool:
    """Return whether lines are in ten columns of which the first numbers the words, or name their columns."""
    for line in lines:
        if line.startswith(_NAMES):
            return True
        if is_blank(line) or line.startswith("#"):
            continue
        cells = _cells(line)
        return len(cells) == len(COLUMNS) and (cells[0] in ("1", "0.1") or cells[0].startswith("1-"))
    return False


def read_conllu(lines: Iterable[str], name: str, *, tag_column: str = "upos", with_tags: bool = True) -> TaggedDataset:
    """Return the sentences in the lines of a file, with words from the column `form` and tags from `tag_column`.

    `tag_column` is a name or a number from 1. Multiword tokens (`1-2`), empty nodes (`1.1`) and all comments except
    `# intent = LABEL` are left out. Raises DataError with file and line; ConfigError for an unknown column.
    """
    lines = list(lines)
    names = _names(lines)
    number_place, form, column = _places(names, tag_column if with_tags else "form", name)
    words: list[list[str]] = []
    tags: list[list[str]] = []
    intents: list[str | None] = []
    places: list[str] = []
    now: list[str] = []
    now_tags: list[str] = []
    intent: str | None = None
    # The first error of the sentence, and those of all sentences.
    broken: DataError | None = None
    problems: dict[int, DataError] = {}
    begun = 0
    for number, line in enumerate([*lines, ""], 1):
        where = f"{name}, line {number}"
        if is_blank(line):
            sentence = len(words) + len(problems)
            if broken is None and now:
                try:
                    words.append(check_words(now, f"{name}, line {begun}"))
                    tags.append(now_tags)
                    intents.append(intent)
                    places.append(f"{name}, line {begun}")
                except DataError as error:
                    broken = error
            if broken is not None:
                collect(problems, sentence, broken)
            now, now_tags, intent, broken = [], [], None, None
            continue
        if line.startswith("#"):
            if line.startswith(_INTENT):
                intent = line[len(_INTENT) :].strip()
            continue
        cells = _cells(line)
        if len(cells) != len(names):
            problem = f"{where}: expected {len(names)} columns with tabs between them. Received: {len(cells)}"
            broken = broken or DataError(problem)
            continue
        if number_place is not None:
            place = cells[number_place]
            if "-" in place or "." in place:
                continue
            if place != str(len(now) + 1):
                problem = f"{where}: expected the word's number {len(now) + 1}. Received: {place!r}"
                broken = broken or DataError(problem)
        if with_tags and not cells[column]:
            problem = f"{where}: expected a tag in the column {names[column]}. Received: an empty cell"
            broken = broken or DataError(problem)
        begun = begun if now else number
        now.append(cells[form])
        now_tags.append(cells[column])
    usable(len(words) + len(problems), problems)
    if not words:
        raise DataError(f"{name}: expected sentences in CoNLL-U. Received: none")
    if with_tags and all(tag == "_" for each in tags for tag in each):
        raise DataError(
            f"{name}: expected tags in the column {names[column]}; tag_column names another one. "
            "Received: '_', no tag, for every word"
        )
    return TaggedDataset(name, words, None, tags if with_tags else None, _all_or_none(intents, places), places)


def _cells(line: str) -> list[str]:
    """Return the cells of a line, with tabs between them; some files of CoNLL-X have spaces."""
    return line.split("\t") if "\t" in line else line.split()


def _names(lines: Sequence[str]) -> Sequence[str]:
    """Return the names of the columns: those of the first line, if it has any."""
    first = next((line for line in lines if not is_blank(line)), "")
    return first[len(_NAMES) :].lower().split() if first.startswith(_NAMES) else COLUMNS


def _places(names: Sequence[str], tag_column: str, name: str) -> tuple[int | None, int, int]:
    """Return the places of the columns of the words' numbers (None if absent), of words and of tags."""
    if "form" not in names:
        raise DataError(f"{name}: expected a column form among the names of the columns. Received: {' '.join(names)}")
    known = [each for each in names if each not in ("id", "form")]
    column = tag_column.lower()
    if column.isdecimal() and 1 <= int(column) <= len(names):
        column = names[int(column) - 1]
    if column not in known and tag_column != "form":
        raise ConfigError(
            f"expected a column of CoNLL-U among {', '.join(known)}. Received: {tag_column!r}."
            f"{suggestion(tag_column, known)}"
        )
    return names.index("id") if "id" in names else None, names.index("form"), names.index(column)


def _all_or_none(intents: Sequence[str | None], places: Sequence[str]) -> list[str] | None:
    """Return the labels of the sentences, None if there are none. Raises DataError if only some have one."""
    known = [each for each in intents if each]
    if known and len(known) < len(intents):
        missing = places[next(row for row, each in enumerate(intents) if not each)]
        raise DataError(f"{missing}: expected a comment {_INTENT!r} above all sentences or none. Received: none here")
    return known or None
