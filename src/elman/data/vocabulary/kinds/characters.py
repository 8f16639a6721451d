"""A vocabulary whose tokens are characters (Unicode code points). Knows nothing about words or files."""

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
    check_count,
    check_fields,
    check_flag,
    display,
)
from elman.errors import ArtifactError, DataError

__all__ = ["CharacterVocabulary"]

CODE_POINTS = 0x110000
# All pairs of capital and small letters stand before this code point.
PAIRS_END = 0x20000
SURROGATES = slice(0xD800, 0xE000)
SPECIALS = 2
REPLACEMENT = "\ufffd"


class CharacterVocabulary(Vocabulary):
    """One token a character, numbered by code point after the special tokens.

    With `lowercase`, every capital letter is read as its small letter (of a pair of letters, the first).
    """

    kind: ClassVar[str] = "characters"
    unit: ClassVar[str] = "character"
    per_character: ClassVar[bool] = True
    option_names: ClassVar[Mapping[str, str]] = MappingProxyType({"min_count": "min_count", "lowercase": "lowercase"})

    def __init__(self, characters: str, *, lowercase: bool = False) -> None:
        self.characters = characters
        self.lowercase = lowercase
        codes = _code_points(characters)
        self._numbers = np.full(_table_size(codes, lowercase), UNKNOWN_ID, dtype=np.int64)
        self._numbers[codes] = np.arange(SPECIALS, SPECIALS + len(codes))
        if lowercase:
            self._numbers[:PAIRS_END] = self._numbers[_small_codes()]

    @classmethod
    def learn(
        cls, pieces: Iterable[str], *, lowercase: bool = False, min_count: int = 1, max_size: int = MAX_SIZE
    ) -> CharacterVocabulary:
        """The characters that occur at least `min_count` times; of more than `max_size`, the most frequent.

        Raises ConfigError for an option out of range, DataError when no character is left.
        """
        check_flag("lowercase", lowercase)
        check_count("min_count", min_count, 1, 1 << 62)
        check_count("max_size", max_size, SPECIALS + 1)
        counts = np.zeros(CODE_POINTS, dtype=np.int64)
        for piece in pieces:
            found = np.bincount(_code_points(piece))
            counts[: len(found)] += found
        if lowercase:
            folded = np.bincount(_small_codes(), weights=counts[:PAIRS_END], minlength=PAIRS_END)
            counts[:PAIRS_END] = folded.astype(np.int64)
        counts[SURROGATES] = 0
        codes = np.flatnonzero(counts >= min_count)
        if len(codes) > max_size - SPECIALS:
            codes = np.sort(codes[np.argsort(-counts[codes], kind="stable")[: max_size - SPECIALS]])
        if not len(codes):
            raise DataError(f"expected a character that occurs at least {min_count} times in the text; received none")
        return cls(_text(codes), lowercase=lowercase)

    @property
    def size(self) -> int:
        return SPECIALS + len(self.characters)

    def encode(self, text: str) -> Ids:
        codes = _code_points(text)
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

    def count_unknown(self, text: str) -> dict[str, int]:
        missing = np.flatnonzero(self.encode(text) == UNKNOWN_ID)
        return dict(Counter(text[place] for place in missing))

    def to_json(self) -> dict[str, Any]:
        return {"kind": self.kind, "lowercase": self.lowercase, "characters": self.characters}

    @classmethod
    def from_json(cls, content: object) -> CharacterVocabulary:
        """Raises ArtifactError for anything that `to_json` would not have made."""
        fields = check_fields(content, {"kind": str, "lowercase": bool, "characters": str}, "a character vocabulary")
        characters: str = fields["characters"]
        if not 1 <= len(characters) <= MAX_SIZE - SPECIALS:
            raise ArtifactError(f"expected 1 to {MAX_SIZE - SPECIALS} characters; received {len(characters)}")
        codes = _code_points(characters).astype(np.int64)
        if (np.diff(codes) <= 0).any() or ((codes >= SURROGATES.start) & (codes < SURROGATES.stop)).any():
            raise ArtifactError(
                "expected the characters of a vocabulary in the order of their code points, each once; "
                f"received {characters[:40]!r}"
            )
        return cls(characters, lowercase=fields["lowercase"])


def _code_points(text: str) -> np.ndarray[Any, np.dtype[np.uint32]]:
    # Lone surrogates can come from a command line's arguments; they are unknown, not an error.
    return np.frombuffer(text.encode("utf-32-le", "surrogatepass"), dtype="<u4")


def _text(codes: np.ndarray[Any, Any]) -> str:
    return codes.astype("<u4").tobytes().decode("utf-32-le")


@cache
def _small_codes() -> np.ndarray[Any, np.dtype[np.int64]]:
    """For every code point before `PAIRS_END`, that of its small letter."""
    return np.array([ord(chr(code).lower()[0]) for code in range(PAIRS_END)], dtype=np.int64)


def _table_size(codes: np.ndarray[Any, Any], lowercase: bool) -> int:
    # One entry more than the highest code point: all above it share the last one, unknown.
    return max(int(codes.max(initial=0)) + 1, PAIRS_END if lowercase else 0) + 1
