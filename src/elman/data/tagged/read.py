"""Reading tagged sequences from paths. Does not import torch."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from elman.data.decoding import check_encoding
from elman.data.inputs import find_files
from elman.data.readers import reader_of
from elman.data.sources import Paths
from elman.data.tagged import readers
from elman.data.tagged.config import TaggedDataConfig
from elman.data.tagged.options import ReadOptions
from elman.data.tagged.tagged import TaggedDataset, joined
from elman.errors import ConfigError, DataError

__all__ = ["plain_format_of", "read_part", "read_tagged", "read_untagged"]


def read_tagged(
    paths: Sequence[str | os.PathLike[str]],
    *,
    format: str = "auto",
    word_column: int = 1,
    tag_column: str = "",
    sequence_column: str = "sequence",
    time_column: str = "time",
    quoting: str = "auto",
    decimal: str = ".",
    encoding: str = "utf-8",
    errors: str = "strict",
    with_tags: bool = True,
    punctuation: bool = False,
    known_tags: frozenset[str] | None = None,
) -> TaggedDataset:
    """Read the sequences in files, folders and globs, in order.

    Files may be compressed (`.gz`); "-" is standard input.

    format       one of FORMATS; `auto`: by the name: .conllu; a folder with seq.in; .npy, .npz, .csv, .tsv and .jsonl
                 are frames; other suffixes of installed readers; all else is `columns`, or CoNLL-X and CoNLL-U if it
                 has ten columns of which the first numbers the words. `plain` is one sentence per line without tags
    with_tags    whether tags are required; if False, they are not read
    punctuation  plain: punctuation at the ends of words becomes separate words
    known_tags   plain: the tags of a model; with them, files in columns or CoNLL-U are recognised by their content

    The other arguments are those of the readers. Raises DataError with file and line, EncodingError, StorageError,
    ConfigError.
    """
    known = readers.known()
    if format not in ("auto", *known):
        raise ConfigError(f"expected a format among auto, {', '.join(known)}. Received: {format!r}")
    requested = known.get(format)
    if with_tags and requested is not None and not requested.labelled:
        raise ConfigError(f"expected a format with tags. Received: {format!r}")
    check_encoding(encoding)
    options = ReadOptions(
        decimal=decimal,
        word_column=word_column,
        tag_column=tag_column,
        sequence_column=sequence_column,
        time_column=time_column,
        quoting=quoting,
        encoding=encoding,
        errors=errors,
        with_tags=with_tags,
        punctuation=punctuation,
        detect=format == "auto",
        known_tags=known_tags,
    )
    parts: list[TaggedDataset] = []
    for each in paths:
        place = Path(os.fspath(each)).expanduser()
        whole = requested or reader_of(known, place, whole=True)
        if whole is not None and whole.whole:
            part = whole.read(place, options)
            parts += [] if part is None else [part]
            continue
        for file in find_files([each]):
            try:
                reader = requested or reader_of(known, file.path) or known["columns"]
                part = reader.read(file, options)
                parts += [] if part is None else [part]
            finally:
                if file.spooled:
                    file.path.unlink(missing_ok=True)
    if not parts:
        raise DataError("expected at least one file of sequences. Received: none")
    return joined(parts)


def read_part(
    paths: Paths,
    config: TaggedDataConfig,
    *,
    format: str = "",
    with_tags: bool = True,
    encoding: str = "",
    errors: str = "",
    punctuation: bool = False,
    known_tags: frozenset[str] | None = None,
) -> TaggedDataset:
    """Read the sequences in `paths` with the options of `config`; `format`, `encoding` and `errors` override these."""
    return read_tagged(
        paths,
        format=format or config.format,
        word_column=config.word_column,
        tag_column=config.tag_column,
        sequence_column=config.sequence_column,
        time_column=config.time_column,
        quoting=config.quoting,
        decimal=config.decimal,
        encoding=encoding or config.encoding,
        errors=errors or config.errors,
        with_tags=with_tags,
        punctuation=punctuation,
        known_tags=known_tags,
    )


def read_untagged(
    paths: Sequence[str],
    config: TaggedDataConfig,
    *,
    format: str,
    encoding: str = "",
    punctuation: bool = False,
    tags: frozenset[str] = frozenset(),
) -> TaggedDataset:
    """Read sequences to be tagged by a model with these `tags`.

    With `auto`, files in no other known format have one sentence per line, unless their content shows that they have
    words in columns.
    """
    parts = []
    for path in paths:
        kind = plain_format_of(path) if format == "auto" else format
        part = read_part(
            [path],
            config,
            format=kind,
            with_tags=False,
            encoding=encoding,
            punctuation=punctuation,
            known_tags=tags if format == "auto" else None,
        )
        parts.append(part)
    return joined(parts)


def plain_format_of(path: str) -> str:
    """Return the format of a file to be tagged, by its name: as for `auto`, but `plain` in place of `columns`."""
    known = readers.known()
    place = Path(path).expanduser()
    found = reader_of(known, place, whole=True) or reader_of(known, place) or known["plain"]
    return found.name
