"""Reading of files of word vectors, through the cache where they are large. Does not import torch."""

from __future__ import annotations

import codecs
import hashlib
import json
import logging
import os
import time
from collections.abc import Iterator
from contextlib import ExitStack
from itertools import chain
from pathlib import Path

import numpy as np

from elman.cache import cache_folder, clean_cache, limit_cache, mark_used
from elman.data.decoding import WIDE, check_encoding
from elman.data.inputs import InputFile
from elman.data.word_vectors.blocks import VectorBlock, binary_blocks, text_blocks, utf8_blocks
from elman.data.word_vectors.mapped import VERSION, MappedWriter, open_mapped
from elman.data.word_vectors.source import VectorStream, detect, one_file
from elman.data.word_vectors.table import WordTable
from elman.display import Progress
from elman.errors import ConfigError, DataError, StorageError
from elman.files import atomic_file, make_folder

__all__ = ["read_table"]

_log = logging.getLogger("elman.data")

# Vectors of more bytes are kept in a file of the cache and mapped to memory.
_MOST_IN_MEMORY = 1 << 26
# A file that was changed so shortly before could change again without a new time of change.
_SETTLED_SECONDS = 1.0


def read_table(
    path: str | os.PathLike[str],
    *,
    format: str = "auto",
    encoding: str = "utf-8",
    errors: str = "strict",
    progress: Progress | None = None,
) -> WordTable:
    """Return the words and vectors of a file: word2vec (text or binary), GloVe or fastText's .vec; gzip or not.

    format     one of `FORMATS`, or "auto" to recognise it; the text formats differ in their first line only
    encoding   of the words
    errors     what to do with bytes that are not text: "strict", "replace" or "ignore"

    The first vector of a word that occurs twice is used, and a remark is logged. A large file is read once, a block at
    a time, into a file of the cache folder, which is mapped to memory then and afterwards.

    Raises DataError with the file and the line, or the number of the word, for anything else than a word and its
    finite numbers, for a number of words or numbers other than in the first line, and for other kinds of files;
    EncodingError for words that are not text; ConfigError and StorageError.
    """
    encoding = check_encoding(encoding)
    if errors not in ("strict", "replace", "ignore"):
        raise ConfigError(f"expected errors to be strict, replace or ignore. Received: {errors!r}")
    with one_file(path) as file:
        key = _key(file, format, encoding, errors)
        cached = _cached(file, key)
        if cached is None:
            cached = _read(file, key, format, encoding, errors, progress)
    table, duplicates = cached
    if duplicates:
        _log.warning(
            "%s: left out %d vectors of words that occurred before; the first vector of a word is used",
            file.name,
            duplicates,
        )
    return table


def _key(file: InputFile, format: str, encoding: str, errors: str) -> bytes:
    """Return the digest by which the cache knows a file: its identity, size, times of change, and how it is read."""
    found = file.path.stat()
    identity = [os.path.realpath(file.path), found.st_dev, found.st_ino]
    state = [found.st_size, found.st_mtime_ns, found.st_ctime_ns]
    content = json.dumps([VERSION, *identity, *state, format, encoding, errors])
    return hashlib.sha256(content.encode("utf-8", "surrogateescape")).digest()


def _path(key: bytes) -> Path:
    return cache_folder() / "vectors" / f"{key.hex()[:40]}.vectors"


def _cached(file: InputFile, key: bytes) -> tuple[WordTable, int] | None:
    """Return the table from the cache, or None."""
    try:
        path = _path(key)
    except StorageError:  # a small file needs no cache
        return None
    if not path.is_file():
        return None
    try:
        found = open_mapped(path, key, file.name)
    except DataError:
        path.unlink(missing_ok=True)
        return None
    mark_used(path)
    return found


def _read(
    file: InputFile, key: bytes, format: str, encoding: str, errors: str, progress: Progress | None
) -> tuple[WordTable, int]:
    """Read a file to memory, or to a file of the cache as soon as its vectors take too much of it."""
    with VectorStream(file, progress) as stream:
        blocks = _blocks(stream, format, encoding, errors)
        kept: list[VectorBlock] = []
        taken = 0
        for block in blocks:
            kept.append(block)
            taken += block.rows_NE.nbytes
            _expect_size(kept[0], block, file.name)
            if taken > _MOST_IN_MEMORY:
                return _to_cache(file, key, kept, blocks)
    if not kept:
        raise DataError(f"{file.name}: expected words and their vectors. Received: none")
    return _in_memory(file.name, kept)


def _expect_size(first: VectorBlock, block: VectorBlock, name: str) -> None:
    if block.rows_NE.shape[1] != first.rows_NE.shape[1]:
        raise DataError(f"{name}: expected vectors of {first.rows_NE.shape[1]} numbers. "
                        f"Received: {block.rows_NE.shape[1]}")  # fmt: skip


def _blocks(stream: VectorStream, format: str, encoding: str, errors: str) -> Iterator[VectorBlock]:
    wide = encoding.replace("_", "-").startswith(tuple(name.replace("_", "-") for name in WIDE))
    source = utf8_blocks(stream.blocks(), stream.name, encoding=encoding, errors=errors)
    if wide:
        # The first line can be read only once it is UTF-8.
        start = next(source, b"")
        head, source = detect(start, stream.name, format), chain([start], source)
    else:
        head = detect(stream.peek().removeprefix(codecs.BOM_UTF8), stream.name, format)
    if head.binary and not wide:
        stream.read(head.length)
        yield from binary_blocks(stream, head, encoding=encoding, errors=errors)
        return
    count = 0
    for block in text_blocks(_after(source, head.length), stream.name, head, encoding=encoding, errors=errors):
        count += len(block.words)
        yield block
    if head.words is not None and count != head.words:
        raise DataError(f"{stream.name}: expected {head.words} words, as its first line says. Received: {count} "
                        "(cut short?)")  # fmt: skip


def _after(blocks: Iterator[bytes], length: int) -> Iterator[bytes]:
    """Yield blocks without the first `length` bytes, which the first block has."""
    for data in blocks:
        yield data[length:]
        length = 0


def _in_memory(name: str, blocks: list[VectorBlock]) -> tuple[WordTable, int]:
    words = [word for block in blocks for word in block.words]
    matrix_VE = np.concatenate([block.rows_NE for block in blocks])
    firsts: dict[str, int] = {}
    for row, word in enumerate(words):
        firsts.setdefault(word, row)
    duplicates = len(words) - len(firsts)
    if duplicates:
        matrix_VE = matrix_VE[list(firsts.values())]
    return WordTable([*firsts], matrix_VE, name=name), duplicates


def _to_cache(
    file: InputFile, key: bytes, kept: list[VectorBlock], blocks: Iterator[VectorBlock]
) -> tuple[WordTable, int]:
    """Write the blocks to a file of the cache and map it. It is not kept for a file that may have changed meanwhile."""
    path = _path(key)
    clean_cache(make_folder(path.parent))
    changed = file.path.stat().st_ctime
    settled = not file.spooled and abs(time.time() - changed) > _SETTLED_SECONDS
    with atomic_file(path) as target:
        writer = MappedWriter(target, key)
        size = kept[0]
        while kept:
            writer.add(kept.pop(0))
        for block in blocks:
            _expect_size(size, block, file.name)
            writer.add(block)
        writer.finish()
    with ExitStack() as stack:
        if not settled or file.path.stat().st_ctime != changed:
            stack.callback(path.unlink, missing_ok=True)  # it stays mapped
        found = open_mapped(path, key, file.name)
    limit_cache(path.parent.parent)
    return found
