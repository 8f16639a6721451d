"""Vocabulary of words, punctuation marks and newlines."""

from __future__ import annotations

import re
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
    UNKNOWN_WORDS,
    Ids,
    Vocabulary,
    any_joins,
    check_count,
    check_fields,
    check_flag,
    display,
    stored_form,
)
from elman.data.vocabulary.marks import EMOJI_PATTERN, marks
from elman.data.vocabulary.spacing import Detokenizer
from elman.data.vocabulary.unicode_forms import KEEP, check_form
from elman.errors import ArtifactError, ConfigError, DataError
from elman.former import former_keywords

__all__ = ["WordVocabulary"]

TOKENIZERS = ("regex", "whitespace")
PUNCTUATION = ("keep", "drop")
NUMBER = "[NUM]"
URL = "[URL]"
RESERVED = frozenset({UNKNOWN, END, NUMBER, URL})
_NO_WORDS = RESERVED | UNKNOWN_WORDS
# With more distinct words than this, the rarest are dropped while counting, to bound the memory.
MAX_COUNTED = 2_000_000

URL_PATTERN = r"(?:https?://|www\.)[^\s]*[^\s.,;:!?()\[\]{}'\"’”»]"
NUMBER_PATTERN = r"\d+(?:[.,]\d+)*"


class WordVocabulary(Vocabulary):
    """Vocabulary with one token per word, the most frequent first.

    The tokenizer "regex" finds words (with apostrophes inside) and numbers (with points and commas inside); any other
    character is a token. "whitespace" splits at white space only, for text that is already tokenized. A newline is a
    token. `numbers` and `urls` replace numbers by [NUM] and URLs by [URL]; `punctuation="drop"` removes tokens without
    a letter, digit or newline. Texts are brought into `unicode_form` first. With `emoji`, an emoji of several code
    points is one token; vocabularies of earlier versions cut it. With `unknown_words`, <unk> is one token, the unknown
    one; learnt vocabularies never list it.
    """

    kind: ClassVar[str] = "words"
    unit: ClassVar[str] = "word"
    option_names: ClassVar[Mapping[str, str]] = MappingProxyType(
        {
            "min_count": "min_count",
            "lowercase": "lowercase",
            "tokenizer": "tokenizer",
            "punctuation": "punctuation",
            "numbers": "numbers",
            "urls": "urls",
            "unicode_form": "unicode_form",
            "vocabulary_size": "max_size",
        }
    )

    # Pickled vocabularies of earlier versions have none.
    unknown_words: bool = False

    @former_keywords({"tokeniser": "tokenizer"})
    def __init__(
        self,
        words: list[str],
        *,
        tokenizer: str = "regex",
        lowercase: bool = False,
        punctuation: str = "keep",
        numbers: bool = False,
        urls: bool = False,
        emoji: bool = False,
        unknown_words: bool = False,
        unicode_form: str = KEEP,
    ) -> None:
        if tokenizer not in TOKENIZERS:
            raise ConfigError(f"expected tokenizer to be one of {', '.join(TOKENIZERS)}. Received: {tokenizer!r}")
        if punctuation not in PUNCTUATION:
            raise ConfigError(f"expected punctuation to be one of {', '.join(PUNCTUATION)}. Received: {punctuation!r}")
        self.tokenizer = tokenizer
        self.lowercase = check_flag("lowercase", lowercase)
        self.punctuation = punctuation
        self.numbers = check_flag("numbers", numbers)
        self.urls = check_flag("urls", urls)
        self.words = words
        self._specials = [UNKNOWN, END] + [NUMBER] * numbers + [URL] * urls
        self._numbers = {word: number for number, word in enumerate(words, len(self._specials))}
        self.emoji = check_flag("emoji", emoji)
        self.unicode_form = check_form(unicode_form)
        self.unknown_words = check_flag("unknown_words", unknown_words)
        self._pattern = _pattern(tokenizer, urls, emoji, unknown_words)

    @classmethod
    @former_keywords({"tokeniser": "tokenizer"})
    def learn(
        cls,
        pieces: Iterable[str],
        *,
        tokenizer: str = "regex",
        lowercase: bool = False,
        punctuation: str = "keep",
        min_count: int = 1,
        max_size: int = MAX_SIZE,
        numbers: bool = False,
        urls: bool = False,
        unicode_form: str = KEEP,
    ) -> WordVocabulary:
        """Learn the words that occur at least `min_count` times: at most `max_size` tokens with the special ones.

        With more than two million distinct words, the rarest are dropped while counting. Raises ConfigError for an
        option out of range, DataError if no word is left.
        """
        check_count("min_count", min_count, 1, 1 << 62)
        check_count("max_size", max_size, 5)
        options: dict[str, Any] = {"tokenizer": tokenizer, "lowercase": lowercase, "punctuation": punctuation}
        options |= {
            "numbers": numbers,
            "urls": urls,
            "emoji": True,
            "unknown_words": True,
            "unicode_form": unicode_form,
        }
        empty = cls([], **options)
        counts: Counter[str] = Counter()
        rarest = 0
        for piece in pieces:
            counts.update(empty.split(piece))
            while len(counts) > MAX_COUNTED:
                rarest += 1
                counts = Counter({word: count for word, count in counts.items() if count > rarest})
        most = max_size - len(empty._specials)
        kept = [
            (-count, word)
            for word, count in counts.items()
            if count >= min_count and word not in _NO_WORDS and empty._special_of(word) == UNKNOWN_ID
        ]
        words = [word for _, word in sorted(kept)[:most]]
        if not words:
            raise DataError(f"expected a word that occurs at least {min_count} times in the text. Received: none")
        # Without emoji and <unk>, the vocabulary is that of earlier versions.
        joined = re.compile(EMOJI_PATTERN)
        cuts = tokenizer == "regex"
        found = cuts and any(joined.fullmatch(word) for word in words if not word.isascii())
        unknown = cuts and not UNKNOWN_WORDS.isdisjoint(counts)
        return cls(words, **options | {"emoji": found, "unknown_words": unknown})

    @property
    def size(self) -> int:
        return len(self._specials) + len(self.words)

    def in_case(self, text: str) -> str:
        """Return `text` in the Unicode form and the case of the words."""
        text = self.in_form(text)
        return text.lower() if self.lowercase else text

    def split(self, text: str) -> list[str]:
        """Split `text` into words."""
        words: list[str] = self._pattern.findall(self.in_case(text))
        if self.punctuation == "drop":
            words = [word for word in words if word == "\n" or any(map(str.isalnum, word))]
        return words

    def encode(self, text: str) -> Ids:
        known = self._numbers
        words = self.split(text)
        # Numbers and URLs are never in the table, so only words that are not in it are checked.
        ids = [known[word] if word in known else self._special_of(word) for word in words]
        return np.array(ids, dtype=np.int64)

    def decode_stream(self, ids: Iterable[int]) -> Iterator[str]:
        detokenizer = Detokenizer()
        for number in ids:
            number = self.check_number(number)
            if number == END_ID:
                yield detokenizer.rest()
                detokenizer = Detokenizer()
            else:
                yield detokenizer.place(self._plain(number))
        if rest := detokenizer.rest():
            yield rest

    def token(self, number: int) -> str:
        return display(self._plain(self.check_number(number)))

    def entries(self) -> tuple[str, ...]:
        return (*self._specials, *self.words)

    def extended(self, other: WordVocabulary) -> WordVocabulary:
        """Return this vocabulary followed by the words of another one that it lacks; ids do not change."""
        # Words that this vocabulary would split, such as emoji in one of an earlier version, never occur.
        new = [word for word in other.words if word not in self._numbers and self._special_of(word) == UNKNOWN_ID]
        new = [word for word in new if self.split(word) == [word]]
        if not new:
            return self
        stored = {"emoji": False, "unknown_words": False, "unicode_form": KEEP, **self.to_json()}
        return self.from_json({**stored, "words": [*self.words, *new]})

    def count_unknown(self, text: str) -> dict[str, int]:
        return dict(
            Counter(
                word for word in self.split(text) if word not in self._numbers and self._special_of(word) == UNKNOWN_ID
            )
        )

    def to_json(self) -> dict[str, Any]:
        return {
            "kind": self.kind,
            "tokeniser": self.tokenizer,
            "lowercase": self.lowercase,
            "punctuation": self.punctuation,
            "numbers": self.numbers,
            "urls": self.urls,
            **({"emoji": True} if self.emoji else {}),
            **({"unknown_words": True} if self.unknown_words else {}),
            **stored_form(self.unicode_form),
            "words": self.words,
        }

    def has_joining(self) -> bool:
        return any(map(any_joins, self.words))

    @classmethod
    def from_json(cls, content: object) -> WordVocabulary:
        """Create from the result of `to_json`. Raises ArtifactError for other values."""
        types = {"kind": str, "tokeniser": str, "lowercase": bool, "punctuation": str, "numbers": bool, "urls": bool}
        types |= {"emoji": bool, "unknown_words": bool, "unicode_form": str}
        if isinstance(content, dict):
            content = {"emoji": False, "unknown_words": False, "unicode_form": KEEP, **content}
        fields = check_fields(content, {**types, "words": list}, "a word vocabulary")
        words = fields["words"]
        if not 1 <= len(words) <= MAX_SIZE - 4:
            raise ArtifactError(f"expected 1 to {MAX_SIZE - 4} words. Received: {len(words)}")
        if not all(type(word) is str and word and word not in RESERVED for word in words):
            raise ArtifactError("expected words that are texts, not empty and not special tokens. Received: others")
        if len(set(words)) != len(words):
            raise ArtifactError("expected every word of a vocabulary once. Received: some twice")
        # Files keep the key that they have always had.
        options = {"tokenizer" if name == "tokeniser" else name: fields[name] for name in types if name != "kind"}
        try:
            return cls(words, **options)
        except ConfigError as error:
            raise ArtifactError(f"a word vocabulary that cannot be used: {error}") from error

    def _special_of(self, word: str) -> int:
        """Return the id of a word that is not in the table: [NUM], [URL] or unknown."""
        if self.numbers and word[0].isdigit() and re.fullmatch(NUMBER_PATTERN, word):
            return self._specials.index(NUMBER)
        if self.urls and re.fullmatch(URL_PATTERN, word):
            return self._specials.index(URL)
        return UNKNOWN_ID

    def _plain(self, number: int) -> str:
        special = len(self._specials)
        return self._specials[number] if number < special else self.words[number - special]


@cache
def _pattern(tokenizer: str, urls: bool, emoji: bool, unknown_words: bool) -> re.Pattern[str]:
    if tokenizer == "whitespace":
        return re.compile(r"\n|[^\s]+")
    word = rf"\w+(?:[{marks()}]+\w*|['’]\w+)*"
    address = URL_PATTERN + "|" if urls else ""
    pictures = EMOJI_PATTERN + "|" if emoji else ""
    unknown = "|".join(sorted(UNKNOWN_WORDS)) + "|" if unknown_words else ""
    return re.compile(rf"{address}{pictures}{unknown}{NUMBER_PATTERN}(?!\w)|{word}|\n|[^\s]")
