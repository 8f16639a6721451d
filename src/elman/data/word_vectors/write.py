"""Writing of files of word vectors in the formats of word2vec, GloVe and fastText. Does not import torch."""

from __future__ import annotations

import gzip
import os
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from elman.data.word_vectors.source import FORMATS
from elman.data.word_vectors.table import WordTable
from elman.errors import ConfigError, DataError
from elman.files import atomic_file

__all__ = ["format_of", "write_table"]

_ROWS = 1024
_BLANKS = " \t\r\n"


def format_of(path: str | os.PathLike[str], format: str = "auto") -> str:
    """Return the format of a file to write: the given one, or that of its suffix.

    .bin is word2vec-binary, .vec fasttext, anything else word2vec; .gz may follow. Raises ConfigError for an unknown
    format.
    """
    if format not in ("auto", *FORMATS):
        raise ConfigError(f"expected a format among auto, {', '.join(FORMATS)}. Received: {format!r}")
    if format != "auto":
        return format
    name = Path(path)
    suffix = Path(name.stem).suffix if name.suffix == ".gz" else name.suffix
    return {".bin": "word2vec-binary", ".vec": "fasttext"}.get(suffix.lower(), "word2vec")


def write_table(table: WordTable, path: str | os.PathLike[str], format: str = "auto") -> None:
    """Write the words and vectors of a table to a file atomically; compressed if its name ends in .gz.

    Numbers are written with as few digits as read back to the same float32. Raises DataError for words that a line of
    the format cannot have, before anything is written, and for numbers that are not finite; ConfigError for an unknown
    format; StorageError.
    """
    kind = format_of(path, format)
    _check_words(table.words, table.name, kind)
    with atomic_file(path) as target:
        if Path(path).suffix == ".gz":
            # Without a time, equal vectors give equal files.
            with gzip.GzipFile(fileobj=target, mode="wb", mtime=0, filename="", compresslevel=6) as packed:
                for piece in _pieces(table, kind):
                    packed.write(piece)
        else:
            for piece in _pieces(table, kind):
                target.write(piece)


def _check_words(words: Sequence[str], name: str, kind: str) -> None:
    odd = next((word for word in words if not word or any(blank in word for blank in _BLANKS)), None)
    if odd is not None:
        raise DataError(
            f"{name}: expected words without white space, which separates the columns of a file of {kind}. "
            f"Received: {odd[:40]!r}"
        )
    unpaired = next((word for word in words if any("\ud800" <= letter <= "\udfff" for letter in word)), None)
    if unpaired is not None:
        raise DataError(f"{name}: expected words that are Unicode text. Received: {unpaired[:40]!r}")


def _pieces(table: WordTable, kind: str) -> Iterator[bytes]:
    """Yield the bytes of a file."""
    if kind != "glove":
        yield f"{len(table)} {table.size}\n".encode()
    for first in range(0, len(table), _ROWS):
        rows_NE = np.ascontiguousarray(table.matrix_VE[first : first + _ROWS], "<f4")
        words = table.words[first : first + _ROWS]
        bad = ~np.isfinite(rows_NE).all(axis=1)
        if bad.any():
            raise DataError(f"{table.name}: expected finite numbers. Received: others for {words[int(bad.argmax())]!r}")
        if kind == "word2vec-binary":
            yield b"".join(
                word.encode() + b" " + row.tobytes() + b"\n" for word, row in zip(words, rows_NE, strict=True)
            )
            continue
        texts = rows_NE.astype("U")
        yield "".join(f"{word} {' '.join(row)}\n" for word, row in zip(words, texts, strict=True)).encode()
