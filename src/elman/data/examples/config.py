"""Options for reading, splitting and encoding labelled texts and series. Does not import torch."""

from __future__ import annotations

from elman.data import shared_options as shared
from elman.data.examples import readers
from elman.data.vocabulary.kinds import token_kinds
from elman.options import option, section

__all__ = ["FORMATS", "ExamplesConfig"]

FORMATS = ("auto", *readers.known())


@section
class ExamplesConfig:
    """Options for reading and splitting labelled texts and series."""

    format: str = option(
        "auto",
        "format of the data: a table of texts, lines of label and text, a folder or file per class, a table of series, "
        "one series a row, a .ts file, NumPy or idx arrays; auto: detect it from names and columns",
        choices=FORMATS,
        former=("form",),
    )
    text_column: str = option("text", "tables: the column of the texts")
    label_column: str = option("label", "tables: the column of the labels")
    header: bool = option(True, "tables: the first row has the column names; without, they are 1, 2, and so on")
    delimiter: str = option("", "separator of cells, or of label and text in a line (default: a tab, or detected)")
    quoting: str = shared.quoting()
    label_first: bool = option(True, "lines: the label is before the text, not after it")
    series_column: str = option("series", "tables of series: the column that identifies the series of a row")
    time_column: str = option("time", "tables of series: the column of the time; empty if rows are in order")
    value_columns: tuple[str, ...] = option((), "tables of series: the columns of values (default: all others)")
    labels: str = option(
        "", "lines and arrays: a file of labels (default: the one that is named like the data, such as train_labels)"
    )
    images: str = option(
        "rows",
        "arrays: read an image as its rows, its columns, or pixel by pixel",
        choices=("rows", "columns", "pixels"),
    )
    missing: str = option(
        "refuse",
        "series: refuse missing values, or interpolate them from their neighbours",
        choices=("refuse", "interpolate"),
    )
    bad_rows: str = shared.bad_rows("rows or lines of texts")
    decimal: str = shared.decimal()
    encoding: str = option("utf-8", "the encoding of texts and tables")
    errors: str = shared.errors()
    pattern: str = option("*", "which files of a folder to read, such as *.txt")
    split: tuple[float, ...] | None = shared.split((0.9, 0.1, 0.0))
    stratify: bool = option(True, "keep the proportions of the classes in every part")


@section
class InputConfig:
    """Options for tokenising texts and scaling series."""

    tokens: str = option("words", "texts: what a token is", choices=token_kinds("words"))
    lowercase: bool = shared.lowercase(True)
    unicode_form: str = shared.unicode_form()
    min_count: int = shared.min_count()
    vocabulary_size: int = shared.vocabulary_size()
    tokenizer: str = shared.tokenizer()
    punctuation: str = shared.punctuation()
    max_length: int = option(1000, "texts: longer ones are cut after this many tokens; 0 for no limit", least=0)
    standardise: str = option(
        "auto",
        "series: subtract the mean and divide by the standard deviation of each channel of the training data, of all "
        "its channels together, or of each series itself; auto: channels, unless all values are from 0 to 1",
        choices=("auto", "none", "channels", "all", "series"),
    )
