"""From what a person names to examples: which form a file has, and several files joined."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from elman.data.examples.base import Examples, join
from elman.data.examples.config import ExamplesConfig
from elman.data.examples.labels import bare_suffix, is_idx
from elman.data.inputs import InputFile, find_files
from elman.data.table import Table, read_table, table_kind
from elman.errors import ConfigError

__all__ = ["read_examples"]

# Called with what is being done and which share of it is done, from 0 to 1.
Progress = Callable[[str, float], None]


def read_examples(
    paths: Sequence[str | os.PathLike[str]] | str | os.PathLike[str],
    config: ExamplesConfig,
    *,
    labelled: bool = True,
    progress: Progress | None = None,
) -> Examples:
    """The examples in files, folders, globs, or on standard input ("-"), joined in the order given.

    Args:
        paths: what to read.
        config: how to read it. In the form "auto", a folder has a folder or a file for each class; the suffixes .csv,
            .tsv, .tab, .jsonl and .ndjson stand for tables, of series where there is a series column and no text
            column; .ts, .npy, .npz and .idx (or idx3 within the name) for what they say, and all others for lines.
            Each may be followed by .gz, but for .npz.
        labelled: whether each example must have a label; else `labels` is None where the data has none.
        progress: hears "reading" and the share of the files that is read.

    Raises DataError with file and place for data that cannot be used; EncodingError, StorageError, ConfigError.
    """
    named = [os.fspath(path) for path in ([paths] if isinstance(paths, str | os.PathLike) else paths)]
    # A shell passes "\\t" on as two characters.
    delimiter = config.delimiter.replace("\\t", "\t")
    if len(delimiter) > 1 or delimiter in ('"', "\n", "\r"):
        raise ConfigError(f"expected a delimiter of one character, no quote and no line end. Received: {delimiter!r}")
    config = replace(config, delimiter=delimiter)
    folders = [path for path in named if Path(path).expanduser().is_dir()]
    if config.form == "folder" or (config.form == "auto" and folders and len(folders) == len(named)):
        # Imported here, as below, so that each form costs only its own reader.
        from elman.data.examples.texts import classes_of_files

        return classes_of_files(named, config)
    files = find_files(named, pattern=config.pattern)
    try:
        parts = []
        for number, file in enumerate(files, 1):
            parts.append(_read(file, config, labelled))
            if progress is not None:
                progress("reading", number / len(files))
        return join(parts)
    finally:
        for file in files:
            if file.spooled:
                file.path.unlink(missing_ok=True)


def _read(file: InputFile, config: ExamplesConfig, labelled: bool) -> Examples:
    form = _form(file) if config.form == "auto" else config.form
    if form == "ts":
        from elman.data.examples.ts_file import read_ts

        return read_ts(file, config, labelled=labelled)
    if form in ("numpy", "idx"):
        from elman.data.examples.arrays import read_idx_file, read_numpy_file

        return (read_numpy_file if form == "numpy" else read_idx_file)(file, config, labelled=labelled)
    from elman.data.examples.texts import lines_with_labels, texts_of_table

    if form == "lines":
        return lines_with_labels(file, config, labelled=labelled)
    table = _table(file, config)
    series = config.series_column in table.columns and config.text_column not in table.columns
    if form == "series-table" or (config.form == "auto" and series):
        from elman.data.examples.series_table import series_of_table

        return series_of_table(table, config, labelled=labelled)
    return texts_of_table(table, config, labelled=labelled)


def _form(file: InputFile) -> str:
    """The form of a file by its name."""
    if table_kind(file.path):
        return "table"
    if is_idx(file.path):
        return "idx"
    return {".ts": "ts", ".npy": "numpy", ".npz": "numpy"}.get(bare_suffix(file.path), "lines")


def _table(file: InputFile, config: ExamplesConfig) -> Table:
    table = read_table(
        file.path, header=config.header, delimiter=config.delimiter, encoding=config.encoding, errors=config.errors
    )
    return replace(table, name=file.name)
