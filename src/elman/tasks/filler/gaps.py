"""Texts with gaps: where the gaps are, and the tokens around them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from elman.data.vocabulary import END_ID, UNKNOWN_ID, Vocabulary, WordVocabulary
from elman.errors import ConfigError, DataError

__all__ = ["GappedText", "gap_pattern", "hidden_ids", "read_gaps"]

# The usual mark: three or more underscores.
_USUAL = r"_{3,}"
_SHOWN = 80


@dataclass(frozen=True)
class GappedText:
    """A text with gaps.

    pieces  the text before, between and after the gaps
    ids     its tokens; a gap is the unknown token
    places  the index of each gap among the tokens
    """

    pieces: tuple[str, ...]
    ids: tuple[int, ...]
    places: tuple[int, ...]

    def filled(self, words: Sequence[str]) -> str:
        """Return the text with these words in its gaps."""
        return "".join([piece + word for piece, word in zip(self.pieces, [*words, ""], strict=True)])


def gap_pattern(gap: str) -> re.Pattern[str]:
    """Return the pattern of the gap's mark: `gap`, or three or more underscores if it is empty.

    Raises ConfigError for a mark of white space, or with white space at its ends.
    """
    if not isinstance(gap, str) or gap != gap.strip():
        raise ConfigError(f"expected a mark of gaps without white space at its ends. Received: {gap!r}")
    return re.compile(re.escape(gap) if gap else _USUAL)


def read_gaps(text: str, vocabulary: WordVocabulary, gap: str = "") -> GappedText:
    """Find the gaps of a text.

    Raises DataError for a text without a gap or without a word, and for a gap that is part of a word.
    """
    pattern = gap_pattern(gap)
    shown = "three or more underscores, such as ___" if not gap else repr(gap)
    pieces = pattern.split(text)
    if len(pieces) == 1:
        raise DataError(f"expected a text with a gap, marked by {shown}. Received: {text[:_SHOWN]!r}")
    stand_in = _stand_in(vocabulary.in_form(text))
    marked = stand_in.join(pieces)
    words = vocabulary.split(marked)
    places = tuple(place for place, word in enumerate(words) if word == stand_in)
    if len(places) != len(pieces) - 1:
        # An address with a gap is a word of its own, [URL].
        inside = next((word for word in words if stand_in in word and word != stand_in), None)
        written = text if inside is None else inside.replace(stand_in, gap or "___")
        how = ", which this model splits at white space only" * (vocabulary.tokenizer == "whitespace")
        raise DataError(f"expected gaps that are words of their own{how}. Received: {written[:_SHOWN]!r}")
    if all(word in (stand_in, "\n") for word in words):
        raise DataError(f"expected at least one word next to the gaps. Received: {text[:_SHOWN]!r}")
    ids = vocabulary.encode(marked).tolist()
    for place in places:
        ids[place] = UNKNOWN_ID
    return GappedText(tuple(pieces), tuple(ids), places)


def hidden_ids(vocabulary: Vocabulary) -> list[int]:
    """Return the ids of the tokens that are no words: the unknown word, the end of a document, and a line end."""
    return [UNKNOWN_ID, END_ID, *(number for number in vocabulary.encode("\n").tolist() if number != UNKNOWN_ID)]


def _stand_in(text: str) -> str:
    """Return a word that is not in a text."""
    word = "gap"
    lower = text.lower()
    while word in lower:
        word += "q"
    return word
