"""Unicode forms of texts: the same letter may be one character, or a character and the combining marks after it."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator
from functools import cache
from typing import Protocol

from elman.data.vocabulary.marks import marks
from elman.display import counted
from elman.errors import ConfigError

__all__ = [
    "FORMS",
    "KEEP",
    "check_form",
    "in_form",
    "joins",
    "letters_in_two_forms",
    "pieces_in_form",
    "two_forms_note",
]

KEEP = "keep"
FORMS = (KEEP, "nfc", "nfkc")
# Characters after which the search for letters in two forms ends.
_SEARCHED = 1 << 22


def check_form(form: str) -> str:
    """Return the form. Raises ConfigError for an unknown one."""
    if form not in FORMS:
        raise ConfigError(f"expected unicode_form to be one of {', '.join(FORMS)}. Received: {form!r}")
    return form


def in_form(text: str, form: str) -> str:
    """Return the text in a form: as it is (keep), in normalization form C (nfc) or in form KC (nfkc)."""
    if form == KEEP or text.isascii():
        return text
    return unicodedata.normalize(form.upper(), text)  # type: ignore[arg-type]


def pieces_in_form(pieces: Iterable[str], form: str) -> Iterator[str]:
    """Yield a text that arrives in pieces in a form, as if it were one piece; pieces may become longer or shorter."""
    held = ""
    for piece in pieces:
        text = held + piece
        cut = len(text) if form == KEEP else _last_start(text, form)
        if cut:
            yield in_form(text[:cut], form)
        held = text[cut:]
    if held:
        yield in_form(held, form)


def _last_start(text: str, form: str) -> int:
    """Return the index of the last character that does not join the one before it, whatever follows."""
    at = len(text) - 1
    while at > 0 and joins(in_form(text[at], form)[0]):
        at -= 1
    return max(at, 0)


def joins(character: str) -> bool:
    """Return whether a character may be composed with the one before it: a mark, or a vowel or final of Hangul."""
    return not character.isascii() and (unicodedata.category(character)[0] == "M" or "\u1160" <= character <= "\u11ff")


def letters_in_two_forms(texts: Iterable[str]) -> dict[str, str]:
    """Return the letters that texts have both as one character and as several, with these.

    Only about the first four million characters are searched.
    """
    composed: set[str] = set()
    apart: dict[str, str] = {}
    searched = 0
    for text in texts:
        if text.isascii():
            continue
        text = text[:_SEARCHED]
        composed.update(text)
        if not unicodedata.is_normalized("NFC", text):
            for found in _sequences().findall(text):
                apart.update((letter, found) for letter in unicodedata.normalize("NFC", found) if letter not in found)
        searched += len(text)
        if searched > _SEARCHED:
            break
    return {letter: found for letter, found in sorted(apart.items()) if letter in composed}


@cache
def _sequences() -> re.Pattern[str]:
    """Return the pattern of a character with the characters that may be composed with it."""
    return re.compile(rf"[^\s][{marks()}\u1160-\u11ff]+")


class _Formed(Protocol):
    """Protocol of a vocabulary of texts in a Unicode form."""

    @property
    def unicode_form(self) -> str: ...

    def has_joining(self) -> bool: ...


def two_forms_note(vocabularies: Iterable[_Formed], texts: Callable[[], Iterable[str]]) -> str | None:
    """Return a sentence on letters that the texts have in two Unicode forms, or None if they are kept in one form.

    The texts are read only if a vocabulary has characters that can be composed.
    """
    if not any(each.unicode_form == KEEP and each.has_joining() for each in vocabularies):
        return None
    letters = letters_in_two_forms(texts())
    if not letters:
        return None
    letter, apart = next(iter(letters.items()))
    several = " ".join(f"U+{ord(each):04X}" for each in apart)
    are = "is" if len(letters) == 1 else "are"
    return (
        f"{counted(len(letters), 'letter')} of the training texts {are} in two Unicode forms, which are different "
        f"tokens, such as {letter} as U+{ord(letter):04X} and as {several}; the option unicode_form=nfc makes them one"
    )
