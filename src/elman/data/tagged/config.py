"""The options of reading tagged sentences or frames. Imports neither numpy nor torch."""

from __future__ import annotations

from dataclasses import dataclass

from elman.data import shared_options as shared
from elman.data.tagged import readers
from elman.options import option

__all__ = ["FORMATS", "UNTAGGED_FORMATS", "TaggedConfig"]

_KNOWN = readers.known()
FORMATS = ("auto", *_KNOWN)
_WITH_TAGS = tuple(name for name, reader in _KNOWN.items() if reader.labelled)
# Of what is to be tagged: text without tags comes first.
UNTAGGED_FORMATS = ("auto", *(name for name in _KNOWN if name not in _WITH_TAGS), *_WITH_TAGS)


@dataclass(frozen=True)
class TaggedConfig:
    """How sentences or frames are read, and how words become numbers."""

    format: str = option(
        "auto",
        "what the files are; auto goes by their names",
        choices=("auto", *_WITH_TAGS),
    )
    encoding: str = shared.encoding()
    errors: str = shared.errors()
    word_column: int = option(1, "columns: which one holds the words", least=1)
    tag_column: str = option(
        "", "which column holds the tags: a number, or a name such as xpos (default: upos, the last, or label)"
    )
    sequence_column: str = option("sequence", "frames in a table: the column that tells sequences apart")
    time_column: str = option("time", "frames in a table: the column that orders a sequence's frames")
    held_out: float = shared.held_out(0.1, "sentences")
    lowercase: bool = option(True, "word embeddings: make words lower case (letters are read as they are)")
    digits: bool = option(True, "word embeddings: make every digit a 0")
    standardise: bool = option(True, "frames: bring each feature to mean 0 and deviation 1, by the training data")
    min_count: int = option(1, "word embeddings: rarer words become unknown", least=1)
