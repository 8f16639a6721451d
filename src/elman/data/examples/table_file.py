"""Examples in a table file: one text per row, or series with one row per time step."""

from __future__ import annotations

from dataclasses import replace

from elman.data.examples.base import Examples
from elman.data.examples.config import ExamplesConfig
from elman.data.examples.rows_file import holds_rows, series_of_rows
from elman.data.examples.series_table import series_of_table
from elman.data.examples.texts import texts_of_table
from elman.data.inputs import InputFile
from elman.data.read import read_lines
from elman.data.suffixes import table_kind
from elman.data.table import Table, read_table, separator_of

__all__ = ["read_series_table", "read_table_file"]


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


def _first_cells(file: InputFile, config: ExamplesConfig) -> list[str]:
    """Return the cells of the first line."""
    line = next(read_lines(file.path, encoding=config.encoding, errors=config.errors), "")
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
