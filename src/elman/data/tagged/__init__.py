"""Sequences with a tag per time step, from files and from Python objects.

tagged      the data class `TaggedDataset`, and checks   conllu    CoNLL-U files
columns     words and tags in columns                    triples   seq.in, seq.out, label
plain       sentences without tags                       notation  tags that break the notation of spans
frames      NumPy files and long tables                  readers   the formats by name
read        sequences from paths                         write     writing predictions
spans       spans in IOB and similar tags                options   arguments of the readers
vocabulary  ids of words, characters and tags            encoded   batches (imports torch)

The public names load on first use.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from elman.lazy import lazy_names

if TYPE_CHECKING:
    from elman.data.tagged.config import FORMATS, TaggedDataConfig
    from elman.data.tagged.plain import read_plain
    from elman.data.tagged.read import plain_format_of, read_part, read_tagged, read_untagged
    from elman.data.tagged.tagged import Frames, TaggedDataset, joined, tagged_from
    from elman.data.tagged.write import TagPrediction

__all__ = [
    "FORMATS",
    "Frames",
    "TagPrediction",
    "TaggedDataConfig",
    "TaggedDataset",
    "joined",
    "plain_format_of",
    "read_part",
    "read_plain",
    "read_tagged",
    "read_untagged",
    "tagged_from",
]

__getattr__, __dir__ = lazy_names(
    __name__,
    {
        ".config": ("FORMATS", "TaggedDataConfig"),
        ".plain": ("read_plain",),
        ".read": ("plain_format_of", "read_part", "read_tagged", "read_untagged"),
        ".tagged": ("Frames", "TaggedDataset", "joined", "tagged_from"),
        ".write": ("TagPrediction",),
    },
    former={"Tagged": "TaggedDataset", "TaggedConfig": "TaggedDataConfig", "TaggedSequence": "TagPrediction"},
)
