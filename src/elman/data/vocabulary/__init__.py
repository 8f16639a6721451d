"""Vocabularies of characters, words or subwords, learned from text or read from JSON.

kinds          one module for each kind of vocabulary
base           the abstract base class
making         learns a vocabulary of a given kind, or reads it from JSON
options        conversion of the options of a task to those of a vocabulary
spacing        detokenization: spaces between words
unicode_forms  letters as one character and as several

The public names load on first use.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from elman.lazy import lazy_names

if TYPE_CHECKING:
    from elman.data.vocabulary.base import END_ID, MAX_SIZE, UNKNOWN_ID, Vocabulary, describe_unknown
    from elman.data.vocabulary.kinds import token_kinds, vocabulary_class
    from elman.data.vocabulary.kinds.characters import CharacterVocabulary
    from elman.data.vocabulary.kinds.subwords import SubwordVocabulary
    from elman.data.vocabulary.kinds.words import WordVocabulary
    from elman.data.vocabulary.making import complete_options, learn_vocabulary, vocabulary_from_json

__all__ = [
    "END_ID",
    "MAX_SIZE",
    "UNKNOWN_ID",
    "CharacterVocabulary",
    "SubwordVocabulary",
    "Vocabulary",
    "WordVocabulary",
    "complete_options",
    "describe_unknown",
    "learn_vocabulary",
    "token_kinds",
    "vocabulary_class",
    "vocabulary_from_json",
]

__getattr__, __dir__ = lazy_names(
    __name__,
    {
        ".base": ("END_ID", "MAX_SIZE", "UNKNOWN_ID", "Vocabulary", "describe_unknown"),
        ".kinds": ("token_kinds", "vocabulary_class"),
        ".kinds.characters": ("CharacterVocabulary",),
        ".kinds.subwords": ("SubwordVocabulary",),
        ".kinds.words": ("WordVocabulary",),
        ".making": ("complete_options", "learn_vocabulary", "vocabulary_from_json"),
    },
)
