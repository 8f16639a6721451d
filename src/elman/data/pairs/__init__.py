"""Pairs of sentences, from files or Python's own lists, to tokens and batches.

pairs       what is read, and checks           tables      columns of a table
archive     files on disk and in zip archives  read        which of these a path is
parts       what is held out                   languages   what the names of files tell
vocabulary  tokens of both sides               remarks     what a person should know of sentences
encoded     numbers, and batches of them   (torch)

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
