"""Reading examples from paths: detects the format of each file and joins the files."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from elman.data.examples import readers
from elman.data.examples.base import Examples, join
from elman.data.examples.config import ExamplesConfig
from elman.data.examples.table_file import has_series_rows
from elman.data.examples.texts import check_no_picture, check_texts
from elman.data.inputs import input_files
from elman.data.readers import reader_of
from elman.data.table import checked_delimiter
from elman.display import Progress
from elman.errors import ConfigError
from elman.options import suggestion

__all__ = ["read_examples"]


def read_examples(
    paths: Sequence[str | os.PathLike[str]] | str | os.PathLike[str],
    config: ExamplesConfig,
    *,
    labelled: bool = True,
    blank: bool = False,
    texts: bool = True,
    progress: Progress | None = None,
) -> Examples:
    """Read the examples in files, folders, globs, or on standard input ("-"), concatenated in the order given.

    Args:
        paths: what to read.
        config: the options. With the format "auto", a folder is expected to have a subfolder or a file per class. Files
            are recognised by their suffix: .csv, .tsv, .tab, .jsonl and .ndjson are tables (of series if there is a
            series column and no text column); .ts, .npy, .npz and .idx (or idx3 within the name) are series or arrays;
            installed readers add other suffixes; all other files are lines, or series if their first line has numbers
            only. All but .npz may end with .gz.
        labelled: whether each example must have a label. If False, `labels` is None for data without labels.
        blank: whether lines without labels may be empty; otherwise those at the end of a file are left out.
        texts: whether lines of numbers without labels are texts, and not series.
        progress: called with "reading" and the fraction of the files that has been read.

    Raises DataError with file and place for data that cannot be used; EncodingError, StorageError, ConfigError.
    """
    named = [os.fspath(path) for path in ([paths] if isinstance(paths, str | os.PathLike) else paths)]
    config = replace(config, delimiter=checked_delimiter(config.delimiter))
    known = readers.known()
    if config.format not in ("auto", *known):
        raise ConfigError(
            f"expected a format among auto, {', '.join(known)}. Received: {config.format!r}."
            f"{suggestion(config.format, known)}"
        )
    asked = known.get(config.format)
    whole = asked or reader_of(known, *(Path(path).expanduser() for path in named), whole=True)
    if whole is not None and whole.whole:
        found: Examples = whole.read(named, config)
        return found
    with input_files(named, pattern=config.pattern) as files:
        parts: list[Examples] = []
        for number, file in enumerate(files, 1):
            reader = asked or reader_of(known, file.path)
            if reader is None:
                check_no_picture(file)
                rows = (labelled or not texts) and has_series_rows(file, config)
                reader = known["series-rows" if rows else "lines"]
            part: Examples = reader.read(file, config, labelled=labelled)
            parts.append(part if labelled or blank else check_texts(part, last=False))
            if progress is not None:
                progress("reading", number / len(files))
        return join(parts)
