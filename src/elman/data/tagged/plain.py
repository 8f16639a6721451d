"""Sentences without tags, one per line."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable

from elman.data.blank_lines import is_blank
from elman.data.tagged.tagged import TaggedDataset, check_words
from elman.errors import DataError

__all__ = ["read_plain"]


def read_plain(lines: Iterable[str], name: str, *, punctuation: bool = False) -> TaggedDataset:
    """Return one sentence per line, with words separated by white space; an empty line is a sentence without words.

    With `punctuation`, punctuation marks at the ends of words become separate words. Raises DataError if there are no
    words.
    """
    words: list[list[str]] = []
    places: list[str] = []
    for number, line in enumerate(lines, 1):
        place = f"{name}, line {number}"
        found = [part for word in line.split() for part in (_parts(word) if punctuation else [word])]
        words.append(found if is_blank(line) else check_words(found, place))
        places.append(place)
    if not any(words):
        raise DataError(f"{name}: expected one sentence per line. Received: none")
    return TaggedDataset(name, words, None, None, None, places)


def _parts(word: str) -> list[str]:
    """Return a word with each punctuation mark at its ends as a part of its own."""
    first, last = 0, len(word)
    while first < last and _is_punctuation(word[first]):
        first += 1
    while first < last and _is_punctuation(word[last - 1]):
        last -= 1
    middle = [word[first:last]] if first < last else []
    return [*word[:first], *middle, *word[last:]]


def _is_punctuation(character: str) -> bool:
    # An underscore joins the parts of a name.
    return character != "_" and unicodedata.category(character)[0] == "P"
