"""Analogies as text, such as `king - man + woman`. Does not import torch."""

from __future__ import annotations

from collections.abc import Sequence

from elman.errors import ConfigError

__all__ = ["parse_expression"]

# U+2212 is the minus sign of typeset text.
_SIGNS = {"+": 1, "-": -1, "\u2212": -1}


def parse_expression(text: str) -> tuple[list[str], list[str]]:
    """Return the words that are added and those that are subtracted. Signs have white space on both sides.

    Raises ConfigError for a missing word or sign, and for fewer than two words.
    """
    signs: Sequence[str] = tuple(_SIGNS)
    plus: list[str] = []
    minus: list[str] = []
    parts = text.split()
    sign = 1
    expects_word = True
    for place, part in enumerate(parts):
        if part in signs and (not expects_word or not place):
            sign, expects_word = _SIGNS[part], True
        elif part in signs:
            raise _no_analogy(f"a word after {parts[place - 1]!r}", text)
        elif not expects_word:
            raise _no_analogy(f"+ or - between {parts[place - 1]!r} and {part!r}", text)
        else:
            (plus if sign > 0 else minus).append(part)
            expects_word = False
    if expects_word:
        raise _no_analogy(f"a word after {parts[-1]!r}" if parts else "words", text)
    if len(plus) + len(minus) < 2:
        raise _no_analogy("at least two words, with spaces around + and -", text)
    return plus, minus


def _no_analogy(expected: str, text: str) -> ConfigError:
    return ConfigError(f"expected {expected} in an analogy such as 'king - man + woman'. Received: {text[:80]!r}")
