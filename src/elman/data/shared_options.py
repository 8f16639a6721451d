"""Options of data that several tasks have in the same words, each declared once. Imports neither torch nor numpy.

A section takes one as its field: `errors: str = shared_options.errors()`.
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
    """The encoding of texts."""
    return option("utf-8", "the text's encoding")


def errors() -> Any:
    """What happens to bytes that are not text."""
    return option("strict", "what to do with bytes that are not text", choices=("strict", "replace", "ignore"))


def held_out(share: float, items: str) -> Any:
    """The share that is kept for validation; `items` is what the help calls the examples."""
    return option(share, f"share of the {items} kept for validation, where no such data is given", least=0.0, most=0.9)


def lowercase(default: bool, kinds: str = "words and characters") -> Any:
    """Whether tokens are in lower case; `kinds` of tokens take it."""
    return option(default, f"{kinds}: make everything lower case")


def min_count(kinds: str = "words and characters") -> Any:
    """How often a token has to occur; `kinds` of tokens take it."""
    return option(1, f"{kinds}: rarer tokens become [UNK]", least=1)


def vocabulary_size() -> Any:
    """The size of a vocabulary of words or subwords."""
    return option(0, "words and subwords: most tokens to keep; 0 for no limit (subwords: 4096)", least=0)


def word_rule() -> Any:
    """How words are found."""
    help = "words: find words and punctuation, or split at white space"
    return option("regex", help, choices=("regex", "whitespace"))


def punctuation() -> Any:
    """Whether signs are tokens beside words."""
    return option("keep", "words: keep or drop punctuation", choices=("keep", "drop"))
