"""Options for reading, splitting and tokenizing a text. Imports neither torch nor numpy."""

from __future__ import annotations

from elman.data import shared_options as shared
from elman.data.vocabulary.kinds import token_kinds
from elman.options import option, section

__all__ = ["TextConfig"]


@section
class TextConfig:
    """Options for reading, splitting and tokenizing a text."""

    tokens: str = option("characters", "what a token is", choices=token_kinds("characters"))
    encoding: str = shared.encoding()
    errors: str = shared.errors()
    pattern: str = option("*", "names of the files of a folder to read, such as *.txt")
    text_column: str = option(
        "", "tables (CSV, TSV, JSON lines): the column of the texts; every row is a document, and none is cut"
    )
    documents: str = option(
        "files",
        "what a document is; the hidden state is reset at the start of each",
        choices=("files", "lines", "paragraphs"),
    )
    split: tuple[float, ...] | None = shared.split((0.9, 0.05, 0.05))
    split_by: str = option(
        "position", "cut the text at a position, or between documents", choices=("position", "documents")
    )
    lowercase: bool = shared.lowercase(False, "characters and words")
    unicode_form: str = shared.unicode_form()
    min_count: int = shared.min_count("characters and words")
    vocabulary_size: int = shared.vocabulary_size()
    tokenizer: str = shared.tokenizer()
    punctuation: str = shared.punctuation()
    numbers: bool = option(False, "words: numbers become [NUM]")
    urls: bool = option(False, "words: web addresses become [URL]")
