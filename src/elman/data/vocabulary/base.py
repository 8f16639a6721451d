"""What every vocabulary is: a numbering of tokens, from text to numbers and back. Knows nothing about files."""

from __future__ import annotations

import hashlib
import json
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any, ClassVar, Self

import numpy as np
import numpy.typing as npt

from elman.errors import ArtifactError, ConfigError, DataError

__all__ = ["END", "END_ID", "MAX_SIZE", "UNKNOWN", "UNKNOWN_ID", "Ids", "Vocabulary", "describe_unknown", "display"]

Ids = npt.NDArray[np.int64]

UNKNOWN = "[UNK]"
END = "[EOS]"
UNKNOWN_ID = 0
END_ID = 1
MAX_SIZE = 1_000_000


class Vocabulary(ABC):
    """A numbering of tokens from 0 to size - 1. Number 0 is the unknown token, number 1 stands between documents.

    `kind` is its name, as that of its module; `unit` is what one token is called in messages; `per_character` says that
    every character is exactly one token. Of the options that tasks may have, `option_names` says which ones the kind
    takes, and what `learn` calls them.
    """

    kind: ClassVar[str]
    unit: ClassVar[str]
    per_character: ClassVar[bool] = False
    option_names: ClassVar[Mapping[str, str]] = MappingProxyType({})
    unknown_id: ClassVar[int] = UNKNOWN_ID
    end_id: ClassVar[int] = END_ID

    @classmethod
    @abstractmethod
    def learn(cls, pieces: Iterable[str]) -> Self:
        """A vocabulary learnt from a text that comes in pieces; a kind has its options as arguments by name."""

    @classmethod
    @abstractmethod
    def from_json(cls, content: object) -> Self:
        """What `to_json` described. Raises ArtifactError for anything else."""

    @property
    @abstractmethod
    def size(self) -> int:
        """How many tokens there are, the special ones included."""

    @abstractmethod
    def encode(self, text: str) -> Ids:
        """The token numbers of `text`, int64, without any end token."""

    def encode_many(self, texts: Sequence[str]) -> list[Ids]:
        """`encode` for each of `texts`."""
        return [self.encode(text) for text in texts]

    @abstractmethod
    def decode_stream(self, ids: Iterable[int]) -> Iterator[str]:
        """The text of `ids` piece by piece, one (maybe empty) piece a token, and a last one if some is held back.

        End tokens give no text. Raises DataError for a number that no token has.
        """

    def decode(self, ids: Iterable[int]) -> str:
        """The text of `ids`."""
        return "".join(self.decode_stream(ids))

    @abstractmethod
    def token(self, number: int) -> str:
        """Token `number` for display: spaces and control characters made visible."""

    @abstractmethod
    def count_unknown(self, text: str) -> dict[str, int]:
        """The parts of `text` that `encode` makes unknown tokens of, in order of appearance, with their counts."""

    @abstractmethod
    def to_json(self) -> dict[str, Any]:
        """All that makes this vocabulary, as plain JSON values; `vocabulary_from_json` reads it."""

    def fingerprint(self) -> str:
        """A hash over everything that decides how text is encoded."""
        content = json.dumps(self.to_json(), sort_keys=True, ensure_ascii=True)
        return hashlib.sha256(content.encode("ascii")).hexdigest()

    def check_number(self, number: int) -> int:
        """`number` as an int. Raises DataError when no token has it."""
        if not 0 <= number < self.size:
            raise DataError(f"expected a token number from 0 to {self.size - 1}; received {number}")
        return int(number)


def describe_unknown(vocabulary: Vocabulary, text: str, what: str = "text") -> str | None:
    """A sentence on what the vocabulary does not know of `text`, or None when it knows all of it."""
    counts = vocabulary.count_unknown(text)
    if not counts:
        return None
    total = sum(counts.values())
    shown = [repr(part) + (f" ({count} times)" if count > 1 else "") for part, count in list(counts.items())[:5]]
    more = f" and {len(counts) - 5} others" if len(counts) > 5 else ""
    units = f"{vocabulary.unit} of the {what} is" if total == 1 else f"{vocabulary.unit}s of the {what} are"
    return f"{total} {units} unknown: {', '.join(shown)}{more}"


def display(text: str) -> str:
    """`text` with spaces and control characters made visible."""
    if text.isprintable():
        return text.replace(" ", "␣")
    return "".join(
        "␣" if sign == " " else sign if sign.isprintable() else sign.encode("unicode_escape").decode("ascii")
        for sign in text
    )


def check_count(name: str, value: object, lowest: int, highest: int = MAX_SIZE) -> int:
    """An option that must be a whole number in a range. Raises ConfigError."""
    if isinstance(value, bool) or not isinstance(value, int) or not lowest <= value <= highest:
        raise ConfigError(f"expected {name} to be a whole number from {lowest} to {highest}; received {value!r}")
    return value


def check_flag(name: str, value: object) -> bool:
    """An option that must be true or false. Raises ConfigError."""
    if not isinstance(value, bool):
        raise ConfigError(f"expected {name} to be true or false; received {value!r}")
    return value


def check_fields(content: object, fields: Mapping[str, type], what: str) -> dict[str, Any]:
    """`content` as a dict that has exactly `fields`, of these types. Raises ArtifactError."""
    if not isinstance(content, dict):
        raise ArtifactError(f"expected {what} to be a JSON object; received {type(content).__name__}")
    if set(content) != set(fields):
        received = ", ".join(sorted(map(str, content))[:20])
        raise ArtifactError(
            f"expected {what} with the fields {', '.join(sorted(fields))}; received {received or 'none'}"
        )
    for name, kind in fields.items():
        if type(content[name]) is not kind:
            received = type(content[name]).__name__
            raise ArtifactError(f"expected {name} of {what} to be of type {kind.__name__}; received {received}")
    return content
