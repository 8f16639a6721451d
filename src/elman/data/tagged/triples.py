"""Folders with words, tags and sentence labels in `seq.in`, `seq.out` and `label`, one sentence per line."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

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
    for number, line in enumerate(lines, 1):
        place = f"{words_file}, line {number}"
        words.append(check_words(line.split(), place))
        places.append(place)
        if tag_lines is not None:
            tags.append(tag_lines[number - 1].split())
            if len(tags[-1]) != len(words[-1]):
                raise DataError(
                    f"{folder / TAGS}, line {number}: expected a tag for each of the {len(words[-1])} words. "
                    f"Received: {len(tags[-1])}"
                )
        if intent_lines is not None and not intent_lines[number - 1].strip():
            raise DataError(f"{folder / INTENTS}, line {number}: expected a label. Received: an empty line")
    if not words:
        raise DataError(f"{words_file}: expected one sentence per line. Received: none")
    intents = None if intent_lines is None else [line.strip() for line in intent_lines]
    return TaggedDataset(str(folder), words, None, tags if tag_lines is not None else None, intents, places)
