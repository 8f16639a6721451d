"""Texts with alternatives in braces: `I saw a {bare|bear} in the wood`."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from itertools import product
from typing import NamedTuple

from elman.errors import ConfigError, DataError

__all__ = ["MOST_SENTENCES", "Sentence", "sentences_of"]

# Sentences that a text may have by default, all combinations of its alternatives.
MOST_SENTENCES = 1024
_SIGNS = re.compile(r"\\([{}|\\])|[{}|]|[^{}|\\]+|\\")


class Sentence(NamedTuple):
    """A sentence, with the alternative of each pair of braces that is in it."""

    text: str
    alternatives: tuple[str, ...]


def sentences_of(text: str, limit: int = MOST_SENTENCES) -> list[Sentence]:
    r"""Return every combination of the alternatives of a text, the last braces changing first.

    An alternative may be empty: of two spaces around it, or one at either end of the sentence, one is left out. `\{`,
    `\}`, `\|` and `\\` are the signs themselves.

    Raises DataError for a text without alternatives, braces that are not closed or inside others, fewer than two
    alternatives, and one that is given twice; ConfigError for more than `limit` combinations.
    """
    if not isinstance(limit, int) or isinstance(limit, bool) or limit < 2:
        raise ConfigError(f"expected limit to be a whole number from 2. Received: {limit!r}")
    parts = _parts(text)
    choices = [part for part in parts if not isinstance(part, str)]
    if not choices:
        raise DataError(
            f"expected alternatives in braces, such as a {{bare|bear}}, in the text. Received: {text[:80]!r}"
        )
    number = math.prod(map(len, choices))
    if number > limit:
        raise ConfigError(
            f"expected at most limit = {limit:,} combinations of alternatives. Received: {number:,} in {text[:80]!r}"
        )
    found: dict[str, Sentence] = {}
    for picked in product(*choices):
        made = _joined(parts, picked)
        found.setdefault(made, Sentence(made, picked))
    return list(found.values())


def _parts(text: str) -> list[str | list[str]]:
    """Return the fixed texts and, between them, the lists of alternatives."""
    parts: list[str | list[str]] = [""]
    inside: list[str] | None = None
    for found in _SIGNS.finditer(text):
        sign = found[0]
        if sign == "{":
            if inside is not None:
                raise DataError(rf"expected no braces inside others; \{{ is the sign itself. Received: {text[:80]!r}")
            inside = [""]
        elif sign == "}":
            if inside is None:
                raise DataError(rf"expected {{ before }}; \}} is the sign itself. Received: {text[:80]!r}")
            parts += [_checked(inside, text), ""]
            inside = None
        elif sign == "|" and inside is not None:
            inside.append("")
        elif inside is not None:
            inside[-1] += found[1] or sign
        else:
            parts[-1] = str(parts[-1]) + (found[1] or sign)
    if inside is not None:
        raise DataError(rf"expected }} after {{; \{{ is the sign itself. Received: {text[:80]!r}")
    return parts


def _checked(alternatives: list[str], text: str) -> list[str]:
    if len(alternatives) < 2:
        raise DataError(
            rf"expected at least two alternatives with | between them in braces; \{{ and \}} are the signs themselves. "
            f"Received: {alternatives[0][:40]!r} in {text[:80]!r}"
        )
    twice = next((each for place, each in enumerate(alternatives) if each in alternatives[:place]), None)
    if twice is not None:
        raise DataError(f"expected every alternative once. Received: {twice[:40]!r} twice in {text[:80]!r}")
    return alternatives


def _joined(parts: Sequence[str | list[str]], picked: Sequence[str]) -> str:
    """Return the sentence with these alternatives, without the second space where one is empty."""
    made = ""
    left = iter(picked)
    trims = False
    for part in parts:
        if isinstance(part, str):
            made += part[1:] if trims and part.startswith(" ") and (not made or made.endswith(" ")) else part
            trims = False
        else:
            each = next(left)
            made += each
            trims = trims or not each
    if not picked[-1] and parts[-1] == "":
        made = made.removesuffix(" ")
    return made
