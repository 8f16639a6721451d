"""Texts: from files to tokens to batches. Importing this does not import torch; `elman.data.stream` does.

read         which files, which encoding, where documents begin     (inputs, decoding)
vocabulary   characters, words or subwords, and their numbers
tokens       a text as files of tokens in three parts               (split, token_file)
stream       batches for truncated BPTT and for evaluation          (torch)
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from elman.cache import cache_folder
from elman.data.read import Piece, Scan, TextSource, open_text
from elman.data.token_file import TokenFile
from elman.data.tokens import Corpus, prepare
from elman.data.vocabulary import (
    CharacterVocabulary,
    SubwordVocabulary,
    Vocabulary,
    WordVocabulary,
    describe_unknown,
    learn_vocabulary,
    vocabulary_from_json,
)

if TYPE_CHECKING:
    from elman.data.stream import Lanes, sequential

__all__ = [
    "CharacterVocabulary",
    "Corpus",
    "Lanes",
    "Piece",
    "Scan",
    "SubwordVocabulary",
    "TextSource",
    "TokenFile",
    "Vocabulary",
    "WordVocabulary",
    "cache_folder",
    "describe_unknown",
    "learn_vocabulary",
    "open_text",
    "prepare",
    "sequential",
    "vocabulary_from_json",
]


def __getattr__(name: str) -> Any:
    if name in ("Lanes", "sequential"):
        from elman.data import stream

        return getattr(stream, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
