"""Data: from files to tokens or series, and from them to batches. The public names load on first use.

read         which files, which encoding, where documents begin     (inputs, decoding)
vocabulary   characters, words or subwords, and their numbers
tokens       a text as files of tokens in three parts               (split, token_file)
stream       batches for truncated BPTT and for evaluation          (torch)
table        CSV, TSV and JSON lines as columns of text
readers      forms of files by name, and the function that reads each
examples     texts and series with a label each
sound        sound files, log-mel features, recordings with texts   (soundfile, soxr, torch)
strokes      moves of a pen with texts
transcripts  what both are to a network: frames with a text each
pairs        sentences, each with what it is to become
vectors      word vectors of others
batches      shuffled batches of whole sequences                    (torch)
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from elman.lazy import lazy_names

if TYPE_CHECKING:
    from elman.cache import cache_folder
    from elman.data.read import Piece, Scan, TextSource, open_text
    from elman.data.stream import Lanes, sequential
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

__getattr__, __dir__ = lazy_names(
    __name__,
    {
        "elman.cache": ("cache_folder",),
        ".read": ("Piece", "Scan", "TextSource", "open_text"),
        ".stream": ("Lanes", "sequential"),
        ".token_file": ("TokenFile",),
        ".tokens": ("Corpus", "prepare"),
        ".vocabulary": (
            "CharacterVocabulary",
            "SubwordVocabulary",
            "Vocabulary",
            "WordVocabulary",
            "describe_unknown",
            "learn_vocabulary",
            "vocabulary_from_json",
        ),
    },
)
