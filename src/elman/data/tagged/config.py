"""Options for reading tagged sentences or frames. Imports neither numpy nor torch."""

from __future__ import annotations

from elman.data import shared_options as shared
from elman.data.tagged import readers
from elman.options import option, section

__all__ = ["FORMATS", "UNTAGGED_FORMATS", "TaggedDataConfig"]

_KNOWN = readers.known()
FORMATS = ("auto", *_KNOWN)
_WITH_TAGS = tuple(name for name, reader in _KNOWN.items() if reader.labelled)
# Formats of data to be tagged, those without tags first.
UNTAGGED_FORMATS = ("auto", *(name for name in _KNOWN if name not in _WITH_TAGS), *_WITH_TAGS)


@section
class TaggedDataConfig:
    """Options for reading sentences or frames, and for the vocabulary of words."""

    format: str = option(
        "auto",
        "format of the files; auto: detect it from their names",
        choices=("auto", *_WITH_TAGS),
    )
    decimal: str = shared.decimal()
    encoding: str = shared.encoding()
    errors: str = shared.errors()
    word_column: int = option(1, "columns: number of the column of the words", least=1)
    tag_column: str = option(
        "", "number or name, such as xpos, of the column of the tags (default: upos, the last, or label)"
    )
    sequence_column: str = option("sequence", "frames in a table: the column that identifies the sequence")
    time_column: str = option("time", "frames in a table: the column that orders the frames of a sequence")
    strict: bool = option(False, "stop with an error at a tag that breaks the notation of spans, such as 0 for O")
    quoting: str = shared.quoting()
    bad_rows: str = shared.bad_rows("sentences")
    held_out: float | None = shared.held_out(0.1, "sentences")
    lowercase: bool = option(True, "word embeddings: make words lower case (character embeddings keep the case)")
    unicode_form: str = shared.unicode_form()
    digits: bool = option(True, "word embeddings: replace every digit by 0")
    standardise: bool = option(True, "frames: scale each feature to mean 0 and standard deviation 1 in training data")
    min_count: int = option(1, "word embeddings: minimum count of a word; rarer ones become unknown", least=1)
