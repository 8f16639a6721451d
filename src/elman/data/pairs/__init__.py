"""Pairs of source and target sentences: reading, vocabularies, and batches.

pairs       the data class `Pairs`, and checks     tables      pairs in columns of a table
archive     text files on disk, in zip archives    read        pairs from paths
parts       training, validation and test parts    languages   language codes in file names
vocabulary  tokens of both sides                   remarks     warnings about sentences to translate
encoded     token ids, and batches (imports torch)

The public names load on first use.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from elman.lazy import lazy_names

if TYPE_CHECKING:
    from elman.data.pairs.pairs import Pairs, joined, pairs_from
    from elman.data.pairs.read import FORMATS, HEADERS, read_pairs
    from elman.data.pairs.vocabulary import PairVocabulary

__all__ = [
    "FORMATS",
    "HEADERS",
    "PairVocabulary",
    "Pairs",
    "joined",
    "pairs_from",
    "read_pairs",
]

__getattr__, __dir__ = lazy_names(
    __name__,
    {
        ".pairs": ("Pairs", "joined", "pairs_from"),
        ".read": ("FORMATS", "HEADERS", "read_pairs"),
        ".vocabulary": ("PairVocabulary",),
    },
)
