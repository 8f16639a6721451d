"""The bytes of a file of word vectors, and which format they have. Does not import torch."""

from __future__ import annotations

import codecs
import gzip
import os
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import BinaryIO, NamedTuple

from elman.data.inputs import InputFile, input_files
from elman.data.word_vectors.lines import header_of, is_number
from elman.display import Progress
from elman.errors import ConfigError, DataError, EncodingError, StorageError

__all__ = ["FORMATS", "Head", "VectorStream", "detect", "one_file"]

# word2vec and fasttext are text with a first line that has the number of words and the dimension; glove has none.
FORMATS = ("word2vec", "word2vec-binary", "glove", "fasttext")
BLOCK = 1 << 20

_GZIP = b"\x1f\x8b"
_FASTTEXT_MODEL = b"\xba\x16\x4f\x2f"
_OTHERS = ((b"PK\x03\x04", "a zip archive, as of numpy or torch"), (b"\x93NUMPY", "a numpy array"))
_PICKLE_PROTOCOLS = range(2, 6)


class Head(NamedTuple):
    """What the start of a file says.

    binary  whether the vectors are binary
    words   the number of words that the first line says; None if it does not
    size    the dimension that the first line says; None if it does not
    length  bytes of the first line if it is a header, else 0
    """

    binary: bool
    words: int | None
    size: int | None
    length: int


@contextmanager
def one_file(path: str | os.PathLike[str], what: str = "word vectors") -> Iterator[InputFile]:
    """Context manager of the one file that a path refers to; "-" and pipes are copied.

    Raises DataError for several files; `what` says what the file has.
    """
    with input_files([path]) as files:
        if len(files) > 1:
            raise DataError(f"{os.fspath(path)}: expected one file of {what}. Received: {len(files)}")
        yield files[0]


class VectorStream:
    """The decompressed bytes of a file; gzip is recognised by its first bytes.

    `total` is the number of bytes, None if the file is compressed. `progress` is called with the share that was read.
    Errors of reading name the file.
    """

    def __init__(self, file: InputFile, progress: Progress | None = None) -> None:
        self.name = file.name
        self._progress = progress
        try:
            self._disk: BinaryIO = file.path.open("rb")
            magic = self._disk.read(len(_GZIP))
            self._disk.seek(0)
        except OSError as error:
            raise StorageError(f"cannot read {self.name}: {error.strerror or error}") from error
        packed = magic == _GZIP
        self._length = os.fstat(self._disk.fileno()).st_size
        self.total = None if packed else self._length
        self._stream: BinaryIO = gzip.GzipFile(fileobj=self._disk, mode="rb") if packed else self._disk  # type: ignore[assignment]
        self._kept = b""

    def __enter__(self) -> VectorStream:
        return self

    def __exit__(self, *error: object) -> None:
        self._disk.close()

    def read(self, count: int = 0) -> bytes:
        """Return at most `count` bytes, by default a block; none at the end."""
        count = count or BLOCK
        if self._kept:
            found, self._kept = self._kept[:count], self._kept[count:]
            return found
        try:
            found = self._stream.read(count)
            if self._progress is not None:
                self._progress("reading vectors", self._disk.tell() / max(self._length, 1))
            return found
        except (gzip.BadGzipFile, EOFError, zlib.error) as error:
            raise DataError(
                f"{self.name} is not a whole gzip file (damaged or cut short?). Received: {error}"
            ) from error
        except OSError as error:
            raise StorageError(f"cannot read {self.name}: {error.strerror or error}") from error

    def peek(self) -> bytes:
        """Return the next bytes, a block of them, without taking them."""
        if not self._kept:
            self._kept = self.read()
        return self._kept

    def blocks(self) -> Iterator[bytes]:
        """Yield the rest of the bytes in blocks."""
        while data := self.read():
            yield data


def detect(start: bytes, name: str, format: str = "auto") -> Head:
    """Return what the first bytes of a file say.

    Raises DataError for a file of another kind, with the way to convert it, and ConfigError for an unknown format.
    """
    if format not in ("auto", *FORMATS):
        raise ConfigError(f"expected a format among auto, {', '.join(FORMATS)}. Received: {format!r}")
    if not start:
        raise DataError(f"{name}: expected words and their vectors. Received: an empty file")
    _refuse_others(start, name)
    line, _, rest = start.partition(b"\n")
    header = None if format == "glove" else header_of(line.decode("utf-8", "replace").rstrip(" \t\r"))
    if header is None:
        if format not in ("auto", "glove"):
            raise DataError(
                f"{name}, line 1: expected the number of words and the dimension, as in a file of {format}. "
                f"Received: {line[:40].decode('utf-8', 'replace')!r}"
            )
        return Head(False, None, None, 0)
    binary = format == "word2vec-binary" or (format == "auto" and not _is_text(rest, header[1]))
    return Head(binary, *header, len(line) + 1)


def _is_text(rest: bytes, size: int) -> bool:
    """Whether what follows a header is lines of text: a word and numbers, or at least printable characters."""
    line = rest.partition(b"\n")[0].rstrip(b" \t\r")
    parts = line.decode("latin-1").replace("\t", " ").split(" ")
    if len(parts) > size and all(map(is_number, parts[-size:])):
        return True
    shown = line[:4096].decode("utf-8", "ignore").replace("\t", " ")
    return shown.isprintable() and len(shown.encode()) > len(line[:4096]) - 4


def _refuse_others(start: bytes, name: str) -> None:
    """Raise DataError for files that other programs write, and that are not vectors in an open format."""
    if start[0] == 0x80 and len(start) > 1 and start[1] in _PICKLE_PROTOCOLS:
        raise DataError(
            f"{name}: expected a file of word vectors; export them from gensim with "
            'kv.save_word2vec_format("vectors.bin", binary=True), where kv is KeyedVectors.load(path) or model.wv. '
            "Received: a pickle, which could run any code and is not opened"
        )
    if start.startswith(_FASTTEXT_MODEL):
        raise DataError(
            f"{name}: expected a file of word vectors, such as the .vec file that fastText writes with its model. "
            "Received: a binary model of fastText"
        )
    for magic, what in _OTHERS:
        if start.startswith(magic):
            raise DataError(f"{name}: expected a file of word vectors, as word2vec, GloVe or fastText write them. "
                            f"Received: {what}")  # fmt: skip
    if start.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        raise EncodingError(
            f"{name}: the bytes at offset 0 are not utf-8 text but the byte-order mark of utf-16; read it with "
            f"--encoding utf-16. Received: {start[:2].hex(' ')}"
        )
