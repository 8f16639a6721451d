"""Vocabulary of characters (Unicode code points)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from types import MappingProxyType
from typing import Any, ClassVar

import numpy as np

from elman.data.vocabulary.base import (
    END,
    END_ID,
    MAX_SIZE,
    UNKNOWN,
    UNKNOWN_ID,
    Ids,
    Vocabulary,
    any_joins,
    check_count,
    check_fields,
    check_flag,
    check_stored_form,
    display,
    stored_form,
)
from elman.data.vocabulary.unicode_forms import KEEP, check_form, in_form
from elman.errors import ArtifactError, DataError

__all__ = ["CharacterVocabulary"]

CODE_POINTS = 0x110000
# All letters with case are below this code point.
PAIRS_END = 0x20000
SURROGATES = slice(0xD800, 0xE000)
SPECIALS = 2
REPLACEMENT = "\ufffd"


class CharacterVocabulary(Vocabulary):
    """Vocabulary with one token per character, in the order of code points after the special tokens.

    With `lowercase`, each letter is replaced by its lower case, or by the first character of it if that has two. Texts
    are brought into `unicode_form` before.
    """

    kind: ClassVar[str] = "characters"
    unit: ClassVar[str] = "character"
    per_character: ClassVar[bool] = True
    option_names: ClassVar[Mapping[str, str]] = MappingProxyType(
        {"min_count": "min_count", "lowercase": "lowercase", "unicode_form": "unicode_form"}
    )

    def __init__(self, characters: str, *, lowercase: bool = False, unicode_form: str = KEEP) -> None:
        self.unicode_form = check_form(unicode_form)
        self.characters = characters
        self.lowercase = lowercase
        codes = _code_points(characters)
        self._numbers = np.full(_table_size(codes, lowercase), UNKNOWN_ID, dtype=np.int64)
        self._numbers[codes] = np.arange(SPECIALS, SPECIALS + len(codes))
        if lowercase:
            self._numbers[:PAIRS_END] = self._numbers[_small_codes()]

    @classmethod
    def learn(
        cls,
        pieces: Iterable[str],
        *,
        lowercase: bool = False,
        min_count: int = 1,
        max_size: int = MAX_SIZE,
        unicode_form: str = KEEP,
    ) -> CharacterVocabulary:
        """Learn the characters that occur at least `min_count` times; the most frequent if more than `max_size`.

        Raises ConfigError for an option out of range, DataError when no character is left.
        """
        check_flag("lowercase", lowercase)
        check_form(unicode_form)
        check_count("min_count", min_count, 1, 1 << 62)
        check_count("max_size", max_size, SPECIALS + 1)
        counts = np.zeros(CODE_POINTS, dtype=np.int64)
        for piece in pieces:
            found = np.bincount(_code_points(in_form(piece, unicode_form)))
            counts[: len(found)] += found
        if lowercase:
            folded = np.bincount(_small_codes(), weights=counts[:PAIRS_END], minlength=PAIRS_END)
            counts[:PAIRS_END] = folded.astype(np.int64)
        counts[SURROGATES] = 0
        codes = np.flatnonzero(counts >= min_count)
        if len(codes) > max_size - SPECIALS:
            codes = np.sort(codes[np.argsort(-counts[codes], kind="stable")[: max_size - SPECIALS]])
        if not len(codes):
            raise DataError(f"expected a character that occurs at least {min_count} times in the text. Received: none")
        return cls(_text(codes), lowercase=lowercase, unicode_form=unicode_form)

    @property
    def size(self) -> int:
        return SPECIALS + len(self.characters)

    def encode(self, text: str) -> Ids:
        codes = _code_points(self.in_form(text))
        numbers: Ids = self._numbers.take(np.minimum(codes, len(self._numbers) - 1))
        return numbers

    def decode_stream(self, ids: Iterable[int]) -> Iterator[str]:
        for number in ids:
            number = self.check_number(number)
            if number >= SPECIALS:
                yield self.characters[number - SPECIALS]
            else:
                yield REPLACEMENT if number == UNKNOWN_ID else ""

    def token(self, number: int) -> str:
        number = self.check_number(number)
        if number < SPECIALS:
            return END if number == END_ID else UNKNOWN
        return display(self.characters[number - SPECIALS])

    def entries(self) -> tuple[str, ...]:
        return (UNKNOWN, END, *self.characters)

    def extended(self, other: CharacterVocabulary) -> CharacterVocabulary:
        """Return a vocabulary of the characters of both, in the order of code points."""
        both = sorted({*self.characters, *other.characters})
        if len(both) == len(self.characters):
            return self
        return CharacterVocabulary("".join(both), lowercase=self.lowercase, unicode_form=self.unicode_form)

    def count_unknown(self, text: str) -> dict[str, int]:
        text = self.in_form(text)
        missing = np.flatnonzero(self.encode(text) == UNKNOWN_ID)
        return dict(Counter(text[place] for place in missing))

    def to_json(self) -> dict[str, Any]:
        return {
            "kind": self.kind,
            "lowercase": self.lowercase,
            **stored_form(self.unicode_form),
            "characters": self.characters,
        }

    def has_joining(self) -> bool:
        return any_joins(self.characters)

    @classmethod
    def from_json(cls, content: object) -> CharacterVocabulary:
        """Create from the result of `to_json`. Raises ArtifactError for other values."""
        types = {"kind": str, "lowercase": bool, "characters": str, "unicode_form": str}
        if isinstance(content, dict):
            content = {"unicode_form": KEEP, **content}
        fields = check_fields(content, types, "a character vocabulary")
        characters: str = fields["characters"]
        if not 1 <= len(characters) <= MAX_SIZE - SPECIALS:
            raise ArtifactError(f"expected 1 to {MAX_SIZE - SPECIALS} characters. Received: {len(characters)}")
        codes = _code_points(characters).astype(np.int64)
        if (np.diff(codes) <= 0).any() or ((codes >= SURROGATES.start) & (codes < SURROGATES.stop)).any():
            raise ArtifactError(
                "expected the characters of a vocabulary in the order of their code points, each once. "
                f"Received: {characters[:40]!r}"
            )
        form = check_stored_form(fields["unicode_form"])
        return cls(characters, lowercase=fields["lowercase"], unicode_form=form)


def _code_points(text: str) -> np.ndarray[Any, np.dtype[np.uint32]]:
    # Lone surrogates can occur in command-line arguments; they are unknown characters, not an error.
    return np.frombuffer(text.encode("utf-32-le", "surrogatepass"), dtype="<u4")


def _text(codes: np.ndarray[Any, Any]) -> str:
    return codes.astype("<u4").tobytes().decode("utf-32-le")


@cache
def _small_codes() -> np.ndarray[Any, np.dtype[np.int64]]:
    """Return the code point of the lower case for each code point below `PAIRS_END`."""
    return np.array([ord(chr(code).lower()[0]) for code in range(PAIRS_END)], dtype=np.int64)


def _table_size(codes: np.ndarray[Any, Any], lowercase: bool) -> int:
    # One more entry than the highest code point: all higher code points share it, as unknown.
    return max(int(codes.max(initial=0)) + 1, PAIRS_END if lowercase else 0) + 1
