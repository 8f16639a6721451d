"""From paths to `Tagged`: which format a file is in, and its lines. Imports no torch."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from elman.data.decoding import check_encoding, lines_of, text_in
from elman.data.inputs import find_files
from elman.data.sources import Paths
from elman.data.tagged.columns import read_columns, read_plain
from elman.data.tagged.config import TaggedConfig
from elman.data.tagged.conllu import read_conllu
from elman.data.tagged.frames import LABELS_SUFFIX, is_frames, read_frames
from elman.data.tagged.tagged import Tagged, joined
from elman.data.tagged.triples import WORDS, read_triples
from elman.errors import ConfigError, DataError

__all__ = ["FORMATS", "format_of", "plain_format_of", "read_part", "read_tagged", "read_untagged"]

FORMATS = ("auto", "conllu", "columns", "triples", "frames", "plain")


def read_tagged(
    paths: Sequence[str | os.PathLike[str]],
    *,
    format: str = "auto",
    word_column: int = 1,
    tag_column: str = "",
    sequence_column: str = "sequence",
    time_column: str = "time",
    encoding: str = "utf-8",
    errors: str = "strict",
    with_tags: bool = True,
    punctuation: bool = False,
) -> Tagged:
    """The sequences in files, folders and globs, in order.

    format     one of FORMATS; `auto` goes by the name: .conllu; a folder with seq.in; .npy, .npz, .csv, .tsv and .jsonl
               (frames); everything else `columns`. `plain` is a sentence a line without tags
    with_tags  whether tags are needed; without, they are not looked at
    punctuation  plain: signs at the ends of words become words of their own

    `.gz` is read as it is, and - is standard input. The other arguments are those of the readers. Raises DataError
    with file and line, EncodingError, StorageError, ConfigError.
    """
    if format not in FORMATS:
        raise ConfigError(f"expected a format among {', '.join(FORMATS)}. Received: {format!r}")
    if format == "plain" and with_tags:
        raise ConfigError("expected a format with tags. Received: 'plain'")
    check_encoding(encoding)
    parts: list[Tagged] = []

    def lines(path: Path, name: str) -> list[str]:
        return lines_of(text_in(path, name, encoding=encoding, errors=errors))

    for each in paths:
        folder = Path(os.fspath(each)).expanduser()
        if format in ("auto", "triples") and (folder / WORDS).is_file():
            parts.append(read_triples(folder, lambda path: lines(path, str(path)), with_tags=with_tags))
            continue
        if format == "triples":
            raise DataError(f"expected a folder with {WORDS}, seq.out and label. Received: {folder}")
        for file in find_files([each]):
            try:
                kind = format_of(file.path) if format == "auto" else format
                if kind == "frames":
                    if file.path.name.endswith(LABELS_SUFFIX):
                        continue
                    parts.append(
                        read_frames(
                            file.path,
                            sequence_column=sequence_column,
                            time_column=time_column,
                            tag_column=tag_column,
                            encoding=encoding,
                            errors=errors,
                            with_tags=with_tags,
                        )
                    )
                elif kind == "conllu":
                    text = lines(file.path, file.name)
                    parts.append(read_conllu(text, file.name, tag_column=tag_column or "upos", with_tags=with_tags))
                elif kind == "plain":
                    parts.append(read_plain(lines(file.path, file.name), file.name, punctuation=punctuation))
                else:
                    text = lines(file.path, file.name)
                    parts.append(
                        read_columns(
                            text, file.name, word_column=word_column, tag_column=tag_column, with_tags=with_tags
                        )
                    )
            finally:
                if file.spooled:
                    file.path.unlink(missing_ok=True)
    if not parts:
        raise DataError("expected at least one file of sequences. Received: none")
    return joined(parts)


def read_part(
    paths: Paths,
    config: TaggedConfig,
    *,
    format: str = "",
    with_tags: bool = True,
    encoding: str = "",
    errors: str = "",
    punctuation: bool = False,
) -> Tagged:
    """The sequences in `paths`, read as `config` says, or in another `format` or encoding; as `read_tagged`."""
    return read_tagged(
        paths,
        format=format or config.format,
        word_column=config.word_column,
        tag_column=config.tag_column,
        sequence_column=config.sequence_column,
        time_column=config.time_column,
        encoding=encoding or config.encoding,
        errors=errors or config.errors,
        with_tags=with_tags,
        punctuation=punctuation,
    )


def read_untagged(
    paths: Sequence[str], config: TaggedConfig, *, format: str, encoding: str = "", punctuation: bool = False
) -> Tagged:
    """What is to be tagged, as `read_part`; where `auto` finds no format with tags, a file has a sentence a line."""
    parts = []
    for path in paths:
        kind = plain_format_of(path) if format == "auto" else format
        parts.append(
            read_part([path], config, format=kind, with_tags=False, encoding=encoding, punctuation=punctuation)
        )
    return joined(parts)


def format_of(path: Path) -> str:
    """The format of a file by its name, `.gz` left out."""
    plain = path.with_suffix("") if path.suffix == ".gz" else path
    if plain.suffix.lower() in (".conllu", ".conllup"):
        return "conllu"
    return "frames" if is_frames(path) else "columns"


def plain_format_of(path: str) -> str:
    """The format of what is to be tagged, by its name: as `format_of`, but plain text in place of columns."""
    place = Path(path).expanduser()
    if (place / WORDS).is_file():
        return "triples"
    found = format_of(place)
    return "plain" if found == "columns" else found
