"""Declarations of data options that several tasks share. Imports neither torch nor numpy.

A section uses one as a field: `errors: str = shared_options.errors()`.
"""

from __future__ import annotations

from typing import Any

from elman.options import option

__all__ = [
    "encoding",
    "errors",
    "held_out",
    "lowercase",
    "min_count",
    "punctuation",
    "vocabulary_size",
    "word_rule",
]


def encoding() -> Any:
    """Declare the encoding of texts."""
    return option("utf-8", "the text's encoding")


def errors() -> Any:
    """Declare the handling of bytes that cannot be decoded."""
    return option("strict", "what to do with bytes that are not text", choices=("strict", "replace", "ignore"))


def held_out(share: float, items: str) -> Any:
    """Declare the fraction kept for validation; `items` is the name of the examples in the help."""
    return option(share, f"share of the {items} kept for validation, where no such data is given", least=0.0, most=0.9)


def lowercase(default: bool, kinds: str = "words and characters") -> Any:
    """Declare the option for lower-case tokens; `kinds` are the kinds of tokens that have it."""
    return option(default, f"{kinds}: make everything lower case")


def min_count(kinds: str = "words and characters") -> Any:
    """Declare the least count of a token; `kinds` are the kinds of tokens that have it."""
    return option(1, f"{kinds}: rarer tokens become [UNK]", least=1)


def vocabulary_size() -> Any:
    """Declare the size of a vocabulary of words or subwords."""
    return option(0, "words and subwords: most tokens to keep; 0 for no limit (subwords: 4096)", least=0)


def word_rule() -> Any:
    """Declare the rule for finding words."""
    help = "words: find words and punctuation, or split at white space"
    return option("regex", help, choices=("regex", "whitespace"))


def punctuation() -> Any:
    """Declare whether punctuation marks are tokens."""
    return option("keep", "words: keep or drop punctuation", choices=("keep", "drop"))
