"""The beginning of a held-out document, and what really follows it."""

from __future__ import annotations

import random
import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

from elman.data.corpus import open_inputs
from elman.data.hard_wraps import is_hard_wrapped
from elman.data.text_config import TextConfig
from elman.data.vocabulary import Vocabulary
from elman.errors import ConfigError, DataError

if TYPE_CHECKING:
    from elman.tasks.language_model.model import LanguageModel

__all__ = ["Passage", "passage_of"]

# Characters of a document that show whether its lines are wrapped.
_LINES = 200_000
_PIECE = re.compile(r"\S+\s*|\s+")


class Passage(NamedTuple):
    """The beginning of a document, and what follows.

    document  its number in the file, from 1
    prompt    its beginning, without white space at the end
    followed  what follows, without white space at both ends
    tokens    the number of tokens that follow
    wrapped   whether the lines of the document are wrapped at a width
    """

    document: int
    prompt: str
    followed: str
    tokens: int
    wrapped: bool = False


def passage_of(
    model: LanguageModel,
    path: str,
    prompt_length: int,
    length: int,
    document: int | None,
    seed: int,
    *,
    encoding: str = "",
    errors: str = "",
) -> Passage:
    """Return a passage of a file: a prompt of so many tokens, and at most `length` tokens that follow.

    Texts are cut at white space only, unless tokens are characters. By default the document is drawn by `seed` among
    those in which at least half of `length` follows, or else among all that are longer than the prompt. Raises
    ConfigError for a number that no document has, DataError if the document, or every one, ends within the prompt.
    """
    reading = model._reading(encoding, errors)
    found = [
        _passage(model.vocabulary, number, text, prompt_length, length) for number, text in _documents(path, reading)
    ]
    if document is not None:
        if document > len(found):
            raise ConfigError(f"{path}: expected document from 1 to {len(found)}. Received: {document}")
        found = found[document - 1 : document]
    long = [passage for passage in found if passage.tokens]
    if not long:
        which = "a document" if document is None else f"document {document}"
        raise DataError(
            f"{path}: expected {which} of more than prompt_length={prompt_length} {model.vocabulary.unit}s. "
            "Received: shorter text"
        )
    return random.Random(seed).choice([each for each in long if 2 * each.tokens >= length] or long)


def _documents(path: str, reading: TextConfig) -> Iterator[tuple[int, str]]:
    """Yield the number and the text of each document of a file."""
    source = open_inputs([path], reading, other_texts=True)
    if source is None:
        raise ConfigError("expected a file of held-out text. Received: none")
    number, parts = 0, list[str]()
    with source:
        for piece in source.pieces():
            for place, text in enumerate(piece.stretches()):
                # The first stretch of a piece may go on with a document.
                if place or piece.starts[:1] == (0,):
                    if parts:
                        yield number, "".join(parts)
                    number, parts = number + 1, []
                parts.append(text)
    if parts:
        yield number, "".join(parts)


def _passage(vocabulary: Vocabulary, number: int, text: str, prompt_length: int, length: int) -> Passage:
    """Cut a document after at least `prompt_length` tokens, and again after at most `length` more."""
    pieces = list(text) if vocabulary.per_character else _PIECE.findall(text)
    prompt, at = _taken(vocabulary, pieces, 0, prompt_length, over=True)
    followed, end = _taken(vocabulary, pieces, at, length, over=False)
    count = len(vocabulary.encode("".join(pieces[:end]))) - len(vocabulary.encode("".join(pieces[:at]).rstrip()))
    tokens = count if followed.strip() else 0
    return Passage(number, prompt.rstrip(), followed.strip(), tokens, is_hard_wrapped(text[:_LINES]))


def _taken(vocabulary: Vocabulary, pieces: list[str], begin: int, tokens: int, *, over: bool) -> tuple[str, int]:
    """Return the text of the pieces from `begin` on with so many tokens, or a few more with `over`, and its end."""
    count, end = 0, begin
    while end < len(pieces) and count < tokens:
        more = len(vocabulary.encode(pieces[end]))
        if not over and count + more > tokens:
            break
        count, end = count + more, end + 1
    return "".join(pieces[begin:end]), end
