"""Words within texts: the part of a word that a text ends with, and which tokens end the word before them."""

from __future__ import annotations

import re
from functools import cache

import numpy as np
import numpy.typing as npt

from elman.data.vocabulary.base import Vocabulary
from elman.data.vocabulary.kinds.words import WordVocabulary
from elman.data.vocabulary.marks import marks

__all__ = ["begun_word", "closing_tokens", "is_inside_word", "is_word", "leading_word", "token_bytes"]

# Characters that are looked at for the beginning of the last word.
_LONGEST = 200
_APOSTROPHES = "'’"


def begun_word(text: str, *, at_spaces: bool = False) -> str:
    """Return the word, or part of one, that `text` ends with; empty after a space or a punctuation mark.

    An apostrophe after a letter may be inside the word, as in "don'". With `at_spaces`, words are what stands between
    white space.
    """
    pattern = r"\S+\Z" if at_spaces else rf"{_word()}[{_APOSTROPHES}]?\Z"
    found = re.search(pattern, text[-_LONGEST:])
    return found[0] if found else ""


def leading_word(text: str) -> tuple[str, bool]:
    """Return the word at the beginning of `text`, after white space, and whether more characters may belong to it.

    The word is empty, and cannot become one, where something else stands there.
    """
    found = _leading().match(text)
    if found is None:
        return "", not text or text.isspace()
    rest = text[found.end() :]
    return found[1], not rest or rest in _APOSTROPHES


def is_inside_word(before: str, after: str) -> bool:
    """Return whether the border between two texts is inside a word; an apostrophe after a letter may be in one."""
    letter = rf"[\w{marks()}]"
    ends = re.match(letter, before[-1:]) is not None
    return ends and (re.match(letter, after) is not None or after[:1] in tuple(_APOSTROPHES))


def is_word(text: str) -> bool:
    """Return whether `text` is a word or a number, with apostrophes and combining marks inside."""
    return re.fullmatch(_word(), text) is not None


def token_bytes(vocabulary: Vocabulary) -> list[bytes | None]:
    """Return the UTF-8 bytes of each token of characters or subwords, by its id; None for special tokens."""
    special = {vocabulary.unknown_id, vocabulary.end_id}
    return [
        None if number in special else entry if isinstance(entry, bytes) else str(entry).encode("utf-8", "replace")
        for number, entry in enumerate(vocabulary.entries())
    ]


def closing_tokens(vocabulary: Vocabulary) -> npt.NDArray[np.bool_]:
    """Return for each token, by its id, whether it ends the word before it: the end of a document, white space, marks.

    Every token of a vocabulary of words does. An apostrophe and a part of a character do not, as the word may go on.
    """
    if isinstance(vocabulary, WordVocabulary):
        return np.ones(vocabulary.size, dtype=np.bool_)
    closes = np.array([raw is not None and _ends_word(raw) for raw in token_bytes(vocabulary)], dtype=np.bool_)
    closes[vocabulary.end_id] = True
    return closes


def _ends_word(raw: bytes) -> bool:
    first = raw.decode("utf-8", "ignore")[:1]
    if not first or not raw.startswith(first.encode("utf-8")):
        return False
    return first not in _APOSTROPHES and re.match(rf"[\w{marks()}]", first) is None


@cache
def _word() -> str:
    return rf"\w+(?:[{marks()}]+\w*|[{_APOSTROPHES}]\w+)*"


@cache
def _leading() -> re.Pattern[str]:
    return re.compile(rf"\s*({_word()})")
