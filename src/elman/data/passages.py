"""Passages of an encoded text: places where they may begin, and ends at the end of a word."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from itertools import accumulate
from typing import NamedTuple

import numpy as np

from elman.data.token_file import TokenFile
from elman.data.vocabulary import Vocabulary
from elman.data.vocabulary.base import Ids
from elman.data.vocabulary.word_parts import is_inside_word

__all__ = ["BEGINNINGS", "Passage", "cut_passage", "occurs_in", "passages"]

# Where passages may begin: after the end of a sentence or a line, or at any word.
BEGINNINGS = {
    "sentence": re.compile(r"(?:[.!?…][\"'’”)\]]*\s+|[。！？][」』”]*\s*|\n\s*)(?=\S)"),
    "word": re.compile(r"\s+(?=\w)"),
}
_CHUNK = 1 << 22


class Passage(NamedTuple):
    """Token ids of a passage and of what precedes it in its document."""

    start: int
    ids: list[int]
    context: list[int]


def passages(
    ids: Ids,
    vocabulary: Vocabulary,
    length: int,
    *,
    beginning: str,
    context: int,
    random: np.random.Generator,
) -> Iterator[Passage]:
    """Yield passages of at most `length` characters, and hardly fewer, in random order; none overlaps another.

    beginning  where they begin, one of `BEGINNINGS`
    context    number of tokens of the context, at most; it does not reach into the document before

    A passage has no unknown token and no end of a document in it.
    """
    pieces = _pieces(ids, vocabulary)
    offsets = [0, *accumulate(map(len, pieces))]
    text = "".join(pieces)
    stops = np.flatnonzero((ids == vocabulary.unknown_id) | (ids == vocabulary.end_id))
    ends = np.flatnonzero(ids == vocabulary.end_id)
    taken = np.zeros(len(ids), dtype=np.bool_)
    starts = _starts(text, pieces, offsets, BEGINNINGS[beginning])
    for start in random.permutation(np.array(starts, dtype=np.int64)).tolist():
        # One more token shows whether the last word ends within the passage.
        stop = bisect_left(offsets, offsets[start] + length + 1, start) + 1
        before = int(np.searchsorted(stops, start))
        free = before == len(stops) or stops[before] >= stop
        if stop > len(ids) or not free or taken[start:stop].any():
            continue
        found = cut_passage(ids[start:stop].tolist(), vocabulary, length)
        if not found:
            continue
        taken[start:stop] = True
        ended = int(np.searchsorted(ends, start))
        first = max(start - context, int(ends[ended - 1]) + 1 if ended else 0)
        yield Passage(start, found, ids[first:start].tolist())


def cut_passage(ids: Sequence[int], vocabulary: Vocabulary, length: int) -> list[int]:
    """Return the tokens at the beginning that have at most `length` characters and end at the end of a word.

    White space at either end is not counted. The list is empty if there is no such end.
    """
    pieces = _pieces(ids, vocabulary)
    offsets = list(accumulate(map(len, pieces)))
    text = "".join(pieces)
    lead = len(text) - len(text.lstrip())
    for count in range(min(bisect_left(offsets, lead + length + 1) + 1, len(ids) - 1), 0, -1):
        end = offsets[count - 1]
        if text[end - 1 : end].isspace() or is_inside_word(text[end - 1 : end], text[end : end + 1]):
            continue
        shown = vocabulary.generated(ids[:count]).strip()
        if shown and len(shown) <= length:
            return list(ids[:count])
    return []


def occurs_in(tokens: TokenFile, ids: Sequence[int]) -> bool:
    """Return whether a text has these tokens in a row."""
    width = tokens.dtype.itemsize
    wanted = np.asarray(ids).astype(tokens.dtype).tobytes()
    for first in range(0, max(1, len(tokens)), _CHUNK):
        raw = tokens.read(first, min(len(tokens), first + _CHUNK + len(ids))).astype(tokens.dtype).tobytes()
        at = raw.find(wanted)
        while at >= 0:
            if at % width == 0:
                return True
            at = raw.find(wanted, at + 1)
    return False


def _pieces(ids: Ids | Sequence[int], vocabulary: Vocabulary) -> list[str]:
    """Return the text of each token; that of one that is held back comes with a later one."""
    pieces = list(vocabulary.generated_stream(map(int, ids)))
    return [*pieces[: len(ids) - 1], "".join(pieces[len(ids) - 1 :])]


def _starts(text: str, pieces: Sequence[str], offsets: Sequence[int], beginning: re.Pattern[str]) -> list[int]:
    """Return the tokens whose text begins, after white space, where a passage may begin."""
    tokens = {
        offset + len(piece) - len(piece.lstrip()): number
        for number, (piece, offset) in enumerate(zip(pieces, offsets, strict=False))
        if piece.strip()
    }
    found = (match.end() for match in beginning.finditer(text))
    return [tokens[place] for place in found if place in tokens]
