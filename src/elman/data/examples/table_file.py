"""Examples in the rows of a file: one text or one series per row, or series with one row per time step."""

from __future__ import annotations

from dataclasses import replace

from elman.data.decoding import lines_of, text_in
from elman.data.examples.base import Examples
from elman.data.examples.config import ExamplesConfig
from elman.data.examples.labels import label_file
from elman.data.examples.rows_file import holds_rows, series_of_rows
from elman.data.examples.series_table import series_of_table
from elman.data.examples.texts import texts_of_table
from elman.data.inputs import InputFile
from elman.data.read import read_lines
from elman.data.suffixes import table_kind
from elman.data.table import Table, read_table, separator_of, table_of_text

__all__ = ["has_series_rows", "read_series_rows", "read_series_table", "read_table_file"]


def read_table_file(file: InputFile, config: ExamplesConfig, *, labelled: bool) -> Examples:
    """Read the texts of a table.

    With the format "auto", its series if it has a series and no text column, or if its first row has numbers only.
    """
    if config.format == "auto" and config.header and holds_rows(_first_cells(file, config), config.decimal):
        return series_of_rows(_table(file, replace(config, header=False)).whole(), config, labelled=labelled)
    table = _table(file, config)
    series = config.series_column in table.columns and config.text_column not in table.columns
    if config.format == "auto" and series:
        return series_of_table(table.whole(), config, labelled=labelled)
    return texts_of_table(table, config, labelled=labelled)


def read_series_table(file: InputFile, config: ExamplesConfig, *, labelled: bool) -> Examples:
    """Read the series of a table."""
    return series_of_table(_table(file, config).whole(), config, labelled=labelled)


def read_series_rows(file: InputFile, config: ExamplesConfig, *, labelled: bool) -> Examples:
    """Read the series in the rows of a table without names of columns, or in the lines of another file."""
    is_table = table_kind(file.path) is not None
    table = _table(file, replace(config, header=False)) if is_table else _table_of_lines(file, config)
    return series_of_rows(table, config, labelled=labelled)


def has_series_rows(file: InputFile, config: ExamplesConfig) -> bool:
    """Return whether the lines of a file that is no table are series: if its first line has three numbers or more.

    A tab, or the option `delimiter`, separates a label from a text. Lines with a file of labels are texts.
    """
    if config.delimiter or label_file(file.path, config) is not None:
        return False
    line = _first_line(file, config)
    return "\t" not in line and holds_rows(_cells(line, config), config.decimal)


def _table_of_lines(file: InputFile, config: ExamplesConfig) -> Table:
    text = text_in(file.path, file.name, encoding=config.encoding, errors=config.errors)
    rows = "\n".join("\t".join(_cells(line, config)) for line in lines_of(text))
    return table_of_text(rows, file.name, kind="tsv", header=False, quoting="off", decimal=config.decimal)


def _cells(line: str, config: ExamplesConfig) -> list[str]:
    """Return the cells of a line; without a semicolon or a comma between them, they are separated by white space."""
    separators = ";" if config.decimal == "," else ";,"
    delimiter = config.delimiter or next((each for each in separators if each in line), " ")
    return line.split() if delimiter == " " else [cell.strip() for cell in line.split(delimiter)]


def _first_line(file: InputFile, config: ExamplesConfig) -> str:
    return next(read_lines(file.path, encoding=config.encoding, errors=config.errors), "")


def _first_cells(file: InputFile, config: ExamplesConfig) -> list[str]:
    """Return the cells of the first line."""
    line = _first_line(file, config)
    return line.split(config.delimiter or separator_of(line, table_kind(file.path), config.decimal))


def _table(file: InputFile, config: ExamplesConfig) -> Table:
    table = read_table(
        file.path,
        header=config.header,
        delimiter=config.delimiter,
        quoting=config.quoting,
        decimal=config.decimal,
        encoding=config.encoding,
        errors=config.errors,
        skips=True,
    )
    return replace(table, name=file.name)
