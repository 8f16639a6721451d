"""Options for reading items with captions. Imports neither torch nor numpy."""

from __future__ import annotations

from elman.data import shared_options as shared
from elman.data.vocabulary.kinds import token_kinds
from elman.options import option, section

__all__ = ["CaptionDataConfig", "CaptionTextConfig"]


@section
class CaptionDataConfig:
    """Options for reading items with captions."""

    format: str = option(
        "auto",
        "format of the files; auto: detect it from their names",
        choices=("auto", "table", "arrays", "pictures"),
    )
    items: str = option(
        "auto",
        "arrays: kind of the items; auto: vectors for 2 dimensions, images for 3 or 4",
        choices=("auto", "vectors", "images", "maps"),
    )
    caption_columns: tuple[str, ...] = option(("caption",), "tables: the columns of captions")
    image_column: str = option("image", "tables: column with the names of image files, if there is one")
    feature_columns: tuple[str, ...] = option((), "tables: the feature columns of vectors (default: all others)")
    color: str = option("rgb", "image files: read three channels, or one", choices=("rgb", "grey"))
    image_size: tuple[int, ...] = option((), "image files: height and width to resize to, such as 64,96")
    quoting: str = shared.quoting()
    bad_rows: str = shared.bad_rows("tables: rows")
    decimal: str = shared.decimal()
    encoding: str = shared.encoding()
    errors: str = shared.errors()
    held_out: float | None = shared.held_out(0.1, "items")


@section
class CaptionTextConfig:
    """Options for the tokens of captions."""

    tokens: str = option("words", "what a token is", choices=token_kinds("words"))
    lowercase: bool = shared.lowercase(True)
    unicode_form: str = shared.unicode_form()
    min_count: int = option(1, "words and characters: minimum count of a token; rarer ones become [UNK]", least=1)
    vocabulary_size: int = shared.vocabulary_size()
    tokenizer: str = shared.tokenizer()
    max_length: int = option(
        100,
        "maximum tokens of a caption; longer ones are left out of training and never generated",
        least=1,
        most=10000,
    )
    bleu_tokenizer: str = shared.bleu_tokenizer("13a")
