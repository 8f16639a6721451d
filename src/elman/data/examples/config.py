"""The options of labelled texts and series: how they are read and split. Imports no torch."""

from __future__ import annotations

from dataclasses import dataclass

from elman.data import shared_options as shared
from elman.data.examples import readers
from elman.data.vocabulary.kinds import token_kinds
from elman.options import option

__all__ = ["FORMS", "ExamplesConfig"]

FORMS = ("auto", *readers.known())


@dataclass(frozen=True)
class ExamplesConfig:
    """How labelled texts and series are read and split."""

    form: str = option(
        "auto",
        "what the data is: a table of texts, lines of label and text, a folder or file a class, a table of series, "
        "a .ts file, NumPy or idx arrays; auto goes by names and columns",
        choices=FORMS,
    )
    text_column: str = option("text", "tables: the column of the texts")
    label_column: str = option("label", "tables: the column of the labels")
    header: bool = option(True, "tables: the first row has the columns' names; without, they are 1, 2, and so on")
    delimiter: str = option("", "what parts cells, or label and text of a line; if not given, a tab or as in the file")
    label_first: bool = option(True, "lines: the label stands before the text, not after it")
    series_column: str = option("series", "tables of series: the column that says to which series a row belongs")
    time_column: str = option("time", "tables of series: the column of the time; none for rows that are in order")
    value_columns: tuple[str, ...] = option((), "tables of series: the columns of values; by default all others")
    labels: str = option(
        "", "lines and arrays: a file of labels; by default the one that is named like the data, such as train_labels"
    )
    images: str = option(
        "rows",
        "arrays: read an image as its rows, its columns, or pixel by pixel",
        choices=("rows", "columns", "pixels"),
    )
    missing: str = option(
        "refuse",
        "series: refuse missing values, or put values between their neighbours there",
        choices=("refuse", "interpolate"),
    )
    encoding: str = option("utf-8", "the encoding of texts and tables")
    errors: str = shared.errors()
    pattern: str = option("*", "which files of a folder to read, such as *.txt")
    split: tuple[float, ...] = option((0.9, 0.1, 0.0), "shares for training, validation and test")
    stratify: bool = option(True, "give each part its share of every class")


@dataclass(frozen=True)
class InputConfig:
    """How a text is cut into tokens, and how the values of a series are scaled."""

    tokens: str = option("words", "texts: what a token is", choices=token_kinds("words"))
    lowercase: bool = shared.lowercase(True)
    min_count: int = shared.min_count()
    vocabulary_size: int = shared.vocabulary_size()
    word_rule: str = shared.word_rule()
    punctuation: str = shared.punctuation()
    max_length: int = option(1000, "texts: of a longer one, read so many tokens only; 0 for no limit", least=0)
    standardise: str = option(
        "auto",
        "series: subtract a mean and divide by a deviation, of each channel of the training data, of all its channels "
        "together, or of each series itself; auto: by channel, unless all values lie between 0 and 1",
        choices=("auto", "none", "channels", "all", "series"),
    )
