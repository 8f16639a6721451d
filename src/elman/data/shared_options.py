"""Declarations of data options that several tasks share. Imports neither torch nor numpy.

A section uses one as a field: `errors: str = shared_options.errors()`.
"""

from __future__ import annotations

from typing import Any

from elman.data.bad_rows import BAD_ROWS
from elman.data.cells import QUOTING
from elman.options import option

__all__ = [
    "BLEU_TOKENIZERS",
    "bad_rows",
    "bleu_tokenizer",
    "decimal",
    "encoding",
    "errors",
    "held_out",
    "lowercase",
    "min_count",
    "punctuation",
    "quoting",
    "split",
    "tokenizer",
    "unicode_form",
    "vocabulary_size",
]


# sacrebleu's tokenizers that need no download.
BLEU_TOKENIZERS = ("13a", "intl", "zh", "ja-mecab", "ko-mecab", "char", "none")


def bad_rows(rows: str = "rows") -> Any:
    """Declare what happens to rows that cannot be used; `rows` is their name in the help."""
    help = (
        f"{rows} that cannot be used, such as an empty text: leave them out with a remark (skip), stop at the first "
        "(error), or leave out up to 1 % of a file, or of data in memory (auto)"
    )
    return option("auto", help, choices=BAD_ROWS, absent="error")


def bleu_tokenizer(known: str) -> Any:
    """Declare the tokenizer of BLEU; `known` says what "auto" chooses by."""
    return option("auto", f"BLEU: sacrebleu's tokenizer; auto: {known}", choices=("auto", *BLEU_TOKENIZERS))


def decimal() -> Any:
    """Declare the decimal sign of numbers in tables."""
    return option(".", "tables: decimal sign of numbers, a point or a comma", choices=(".", ","))


def encoding() -> Any:
    """Declare the encoding of texts."""
    return option("utf-8", "text encoding of the files")


def errors() -> Any:
    """Declare the handling of bytes that cannot be decoded."""
    return option("strict", "how to handle bytes that cannot be decoded", choices=("strict", "replace", "ignore"))


def quoting(before: str = "on") -> Any:
    """Declare whether quotation marks enclose the cells of tables; `before` is what earlier versions did."""
    help = "tables: whether quotation marks enclose cells, or are text; auto: on in .csv, off in .tsv"
    return option("auto", help, choices=QUOTING, absent=before)


def held_out(share: float, items: str) -> Any:
    """Declare the fraction kept for validation; `items` is the name of the examples in the help."""
    return option(
        None,
        f"share of the {items} held out for validation, if no validation data is given (default: {share}, or 0 if test "
        "data is given)",
        least=0.0,
        most=0.9,
        automatic=share,
    )


def split(shares: tuple[float, float, float]) -> Any:
    """Declare the fractions for training, validation and test."""
    written = ",".join(str(share) for share in shares)
    return option(
        None,
        f"shares for training, validation and test (default: {written}, or 1,0,0 if validation or test data is given)",
        automatic=shares,
    )


def lowercase(default: bool, kinds: str = "words and characters") -> Any:
    """Declare the option for lower-case tokens; `kinds` are the kinds of tokens that have it."""
    return option(default, f"{kinds}: make everything lower case")


def unicode_form() -> Any:
    """Declare the Unicode form of texts."""
    help = "Unicode form of texts: keep, nfc (a letter and its marks are one character), nfkc (also plain letters)"
    return option("keep", help, choices=("keep", "nfc", "nfkc"))


def min_count(kinds: str = "words and characters") -> Any:
    """Declare the minimum count of a token; `kinds` are the kinds of tokens that have it."""
    return option(1, f"{kinds}: minimum count of a token; rarer ones become [UNK]", least=1)


def vocabulary_size() -> Any:
    """Declare the size of a vocabulary of words or subwords."""
    return option(0, "words and subwords: maximum number of tokens; 0 for no limit (subwords: 4096)", least=0)


def tokenizer() -> Any:
    """Declare how texts are split into words."""
    help = "words: regex separates words and punctuation, whitespace splits at white space only"
    return option("regex", help, choices=("regex", "whitespace"), former=("tokeniser", "word_rule"))


def punctuation() -> Any:
    """Declare whether punctuation marks are tokens."""
    return option("keep", "words: keep or drop punctuation", choices=("keep", "drop"))
