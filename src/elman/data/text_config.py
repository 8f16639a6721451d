"""How a text is read, split and cut into tokens: the options. Imports neither torch nor numpy."""

from __future__ import annotations

from dataclasses import dataclass

from elman.data.vocabulary.kinds import token_kinds
from elman.options import option

__all__ = ["TextConfig"]


@dataclass(frozen=True)
class TextConfig:
    """How a text is read, split and cut into tokens."""

    tokens: str = option("characters", "what a token is", choices=token_kinds("characters"))
    encoding: str = option("utf-8", "the text's encoding")
    errors: str = option("strict", "what to do with bytes that are not text", choices=("strict", "replace", "ignore"))
    pattern: str = option("*", "which files of a folder to read, such as *.txt")
    documents: str = option(
        "files", "what a document is: the state starts anew at each", choices=("files", "lines", "paragraphs")
    )
    split: tuple[float, ...] = option((0.9, 0.05, 0.05), "shares for training, validation and test")
    split_by: str = option(
        "position", "cut the text at a position, or between documents", choices=("position", "documents")
    )
    lowercase: bool = option(False, "characters and words: make everything lower case")
    min_count: int = option(1, "characters and words: rarer tokens become [UNK]", least=1)
    vocabulary_size: int = option(
        0, "words and subwords: most tokens to keep; 0 for no limit (subwords: 4096)", least=0
    )
    word_rule: str = option(
        "regex", "words: find words and punctuation, or split at white space", choices=("regex", "whitespace")
    )
    punctuation: str = option("keep", "words: keep or drop punctuation", choices=("keep", "drop"))
    numbers: bool = option(False, "words: numbers become [NUM]")
    urls: bool = option(False, "words: web addresses become [URL]")
