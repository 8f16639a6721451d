"""Abstract base class of vocabularies, which encode text as token ids and decode it."""

from __future__ import annotations

import hashlib
import json
from abc import ABC, abstractmethod
from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any, ClassVar, Self

import numpy as np
import numpy.typing as npt

from elman.data.vocabulary.unicode_forms import FORMS, KEEP, in_form, joins
from elman.errors import ArtifactError, ConfigError, DataError

__all__ = [
    "END",
    "END_ID",
    "MAX_SIZE",
    "UNKNOWN",
    "UNKNOWN_ID",
    "UNKNOWN_WORDS",
    "Ids",
    "Vocabulary",
    "describe_unknown",
    "display",
]

Ids = npt.NDArray[np.int64]

UNKNOWN = "[UNK]"
END = "[EOS]"
UNKNOWN_ID = 0
# Words that corpora such as the Penn Treebank and WikiText have in place of rare ones.
UNKNOWN_WORDS = frozenset({"<unk>", "<UNK>"})
END_ID = 1
MAX_SIZE = 1_000_000


class Vocabulary(ABC):
    """Mapping between text and token ids from 0 to size - 1; id 0 is the unknown token, id 1 the end of a document.

    kind           name of the kind, which is also the name of its module
    unit           noun for a token in messages
    per_character  whether each character is exactly one token
    unicode_form   form that texts are brought into before they are encoded, one of `FORMS`
    option_names   the task options that the kind takes, with the names of the arguments of `learn` for them
    """

    kind: ClassVar[str]
    unit: ClassVar[str]
    per_character: ClassVar[bool] = False
    option_names: ClassVar[Mapping[str, str]] = MappingProxyType({})
    unknown_id: ClassVar[int] = UNKNOWN_ID
    end_id: ClassVar[int] = END_ID
    unicode_form: str = KEEP

    @classmethod
    @abstractmethod
    def learn(cls, pieces: Iterable[str]) -> Self:
        """Learn a vocabulary from a text in pieces; subclasses have their options as keyword arguments."""

    @classmethod
    @abstractmethod
    def from_json(cls, content: object) -> Self:
        """Create from the result of `to_json`. Raises ArtifactError for other values."""

    def in_form(self, text: str) -> str:
        """Return a text in the Unicode form of this vocabulary."""
        return in_form(text, self.unicode_form)

    def has_joining(self) -> bool:
        """Return whether the texts that were learnt from may have characters that can be composed with others."""
        return True

    @property
    @abstractmethod
    def size(self) -> int:
        """Number of tokens, including the special tokens."""

    @abstractmethod
    def encode(self, text: str) -> Ids:
        """Return the token ids of `text` as int64, without end tokens."""

    def encode_start(self, text: str) -> Ids:
        """Return the token ids of a text that goes on; the token after them may begin with its last space."""
        return self.encode(text)

    def held_back(self, text: str) -> str:
        """Return the end of a text that `encode_start` leaves to the next token."""
        del text
        return ""

    def encode_continuation(self, start: str, text: str) -> Ids:
        """Return the token ids of `text` where it follows `start`, which `encode_start` encodes."""
        del start
        return self.encode(text)

    def encode_many(self, texts: Sequence[str]) -> list[Ids]:
        """Return the token ids of each of `texts`, as `encode` does."""
        return [self.encode(text) for text in texts]

    @abstractmethod
    def decode_stream(self, ids: Iterable[int]) -> Iterator[str]:
        """Yield the text of `ids`: one piece, possibly empty, for each token, and a last one for text held back.

        End tokens give no text. Raises DataError for an id out of range.
        """

    def decode(self, ids: Iterable[int]) -> str:
        """Return the text of `ids`. Raises DataError for an id out of range."""
        return "".join(self.decode_stream(ids))

    def generated_stream(self, ids: Iterable[int]) -> Iterator[str]:
        """Yield the text of ids that a network has generated, as `decode_stream` does, without cut characters."""
        return self.decode_stream(ids)

    def generated(self, ids: Iterable[int]) -> str:
        """Return the text of ids that a network has generated, without cut characters."""
        return "".join(self.generated_stream(ids))

    @abstractmethod
    def token(self, number: int) -> str:
        """Return the token with the id `number` for display, with spaces and control characters made visible."""

    def entries(self) -> tuple[Hashable, ...]:
        """Return what each token stands for, by id; tokens of two vocabularies with equal entries are the same."""
        return tuple(map(self.token, range(self.size)))

    def extended(self, other: Self) -> Self:
        """Return this vocabulary with the tokens of another one; itself if no text has a token that it lacks."""
        del other
        return self

    @abstractmethod
    def count_unknown(self, text: str) -> dict[str, int]:
        """Return the parts of `text` that are encoded as unknown tokens, in order of appearance, with their counts."""

    @abstractmethod
    def to_json(self) -> dict[str, Any]:
        """Return the vocabulary as plain JSON values, for `vocabulary_from_json`."""

    def fingerprint(self) -> str:
        """Return a hash of everything that determines how text is encoded."""
        content = json.dumps(self.to_json(), sort_keys=True, ensure_ascii=True)
        return hashlib.sha256(content.encode("ascii")).hexdigest()

    def check_number(self, number: int) -> int:
        """Return `number` as an int. Raises DataError if it is not a token id."""
        if not 0 <= number < self.size:
            raise DataError(f"expected a token id from 0 to {self.size - 1}. Received: {number}")
        return int(number)


def describe_unknown(vocabulary: Vocabulary, text: str, what: str = "text") -> str | None:
    """Return a sentence on the unknown tokens of `text`; None if there are none."""
    counts = vocabulary.count_unknown(text)
    if not counts:
        return None
    total = sum(counts.values())
    shown = [repr(part) + (f" ({count} times)" if count > 1 else "") for part, count in list(counts.items())[:5]]
    more = f" and {len(counts) - 5} others" if len(counts) > 5 else ""
    units = f"{vocabulary.unit} of the {what} is" if total == 1 else f"{vocabulary.unit}s of the {what} are"
    return f"{total} {units} unknown: {', '.join(shown)}{more}"


def display(text: str) -> str:
    """Return `text` with spaces and control characters made visible."""
    if text.isprintable():
        return text.replace(" ", "␣")
    return "".join(
        "␣"
        if character == " "
        else character
        if character.isprintable()
        else character.encode("unicode_escape").decode("ascii")
        for character in text
    )


def check_count(name: str, value: object, lowest: int, highest: int = MAX_SIZE) -> int:
    """Check that an option is a whole number in a range. Raises ConfigError."""
    if isinstance(value, bool) or not isinstance(value, int) or not lowest <= value <= highest:
        raise ConfigError(f"expected {name} to be a whole number from {lowest} to {highest}. Received: {value!r}")
    return value


def check_flag(name: str, value: object) -> bool:
    """Check that an option is true or false. Raises ConfigError."""
    if not isinstance(value, bool):
        raise ConfigError(f"expected {name} to be true or false. Received: {value!r}")
    return value


def check_stored_form(form: str) -> str:
    """Return the Unicode form in a stored vocabulary. Raises ArtifactError for an unknown one."""
    if form not in FORMS:
        raise ArtifactError(f"expected unicode_form among {', '.join(FORMS)} in a vocabulary. Received: {form[:40]!r}")
    return form


def stored_form(form: str) -> dict[str, Any]:
    """Return the JSON entry of a Unicode form; none for texts that are kept, as in files of earlier versions."""
    return {} if form == KEEP else {"unicode_form": form}


def any_joins(text: str) -> bool:
    """Return whether a text has a character that may be composed with the one before it."""
    return not text.isascii() and any(map(joins, text))


def check_fields(content: object, fields: Mapping[str, type], what: str) -> dict[str, Any]:
    """Check that `content` is a dict with exactly `fields`, of these types. Raises ArtifactError."""
    if not isinstance(content, dict):
        raise ArtifactError(f"expected {what} to be a JSON object. Received: {type(content).__name__}")
    if set(content) != set(fields):
        received = ", ".join(sorted(map(str, content))[:20])
        raise ArtifactError(
            f"expected {what} with the fields {', '.join(sorted(fields))}. Received: {received or 'none'}"
        )
    for name, kind in fields.items():
        if type(content[name]) is not kind:
            received = type(content[name]).__name__
            raise ArtifactError(f"expected {name} of {what} to be of type {kind.__name__}. Received: {received}")
    return content
