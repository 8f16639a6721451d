"""Reading, encoding and batching of data. The public names load on first use.

read         text from files: paths, encodings and document boundaries   (inputs, decoding)
vocabulary   vocabularies of characters, words or subwords
tokens       a corpus as token files for training, validation and test   (split, token_file)
corpus       a corpus prepared with the options of a language model      (torch)
stream       batches for truncated BPTT and for evaluation               (torch)
table        CSV, TSV and JSON lines as columns of text
readers      registry of file formats and their reader functions
examples     labelled texts and series
tagged       sequences of words or frames with a tag per time step
panel        panels of time series, and their windows
captioned    vectors, images and feature maps with captions
sound        sound files, log-mel features, recordings with transcripts  (soundfile, soxr, torch)
strokes      pen strokes with transcripts
transcripts  sequences of frames with a text each: recordings and strokes
pairs        pairs of source and target sentences
vectors      pretrained word vectors
batches      shuffled batches of whole sequences                         (torch)
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from elman.lazy import lazy_names

if TYPE_CHECKING:
    from elman.cache import cache_folder
    from elman.data.read import TextPiece, TextSource, TextStatistics, open_text
    from elman.data.stream import BPTTBatches, sequential
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
    "BPTTBatches",
    "CharacterVocabulary",
    "Corpus",
    "SubwordVocabulary",
    "TextPiece",
    "TextSource",
    "TextStatistics",
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
        ".read": ("TextPiece", "TextStatistics", "TextSource", "open_text"),
        ".stream": ("BPTTBatches", "sequential"),
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
    former={"Lanes": "BPTTBatches", "Piece": "TextPiece", "Scan": "TextStatistics"},
)
