"""Folders with words, tags and sentence labels in `seq.in`, `seq.out` and `label`, one sentence per line."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from elman.data.bad_rows import collect, picked, usable
from elman.data.tagged.tagged import TaggedDataset, check_words
from elman.errors import DataError

__all__ = ["INTENTS", "TAGS", "WORDS", "read_triples"]

WORDS, TAGS, INTENTS = "seq.in", "seq.out", "label"


def read_triples(folder: Path, read: Callable[[Path], Sequence[str]], *, with_tags: bool = True) -> TaggedDataset:
    """Read the sentences of a folder; `read` returns the lines of a file. The file `label` may be missing.

    Raises DataError with file and line if the files do not match.
    """
    words_file = folder / WORDS
    lines = read(words_file)
    tag_lines = read(folder / TAGS) if with_tags else None
    intent_lines = read(folder / INTENTS) if with_tags and (folder / INTENTS).exists() else None
    for name, other in ((TAGS, tag_lines), (INTENTS, intent_lines)):
        if other is not None and len(other) != len(lines):
            raise DataError(f"{folder / name}: expected {len(lines)} lines, as in {WORDS}. Received: {len(other)}")
    words: list[list[str]] = []
    tags: list[list[str]] = []
    places: list[str] = []
    problems: dict[int, DataError] = {}
    for row, line in enumerate(lines):
        place = f"{words_file}, line {row + 1}"
        words.append(line.split())
        places.append(place)
        try:
            check_words(words[-1], place)
        except DataError as error:
            collect(problems, row, error)
        if tag_lines is not None:
            tags.append(tag_lines[row].split())
            if len(tags[-1]) != len(words[-1]):
                problem = DataError(
                    f"{folder / TAGS}, line {row + 1}: expected a tag for each of the {len(words[-1])} words. "
                    f"Received: {len(tags[-1])}"
                )
                collect(problems, row, problem)
        if intent_lines is not None and not intent_lines[row].strip():
            problem = DataError(f"{folder / INTENTS}, line {row + 1}: expected a label. Received: an empty line")
            collect(problems, row, problem)
    if not words:
        raise DataError(f"{words_file}: expected one sentence per line. Received: none")
    kept = usable(len(words), problems)
    words, tags, places = picked(words, kept), picked(tags, kept if tags else None), picked(places, kept)
    intents = None if intent_lines is None else [line.strip() for line in picked(intent_lines, kept)]
    return TaggedDataset(str(folder), words, None, tags if tag_lines is not None else None, intents, places)
