"""Tables of word vectors in files of the cache, which are mapped to memory. Does not import torch.

A file is a header, the matrix, and what is needed to find a word without reading all of them: the offsets of the words
in their joined text, their checksums in rising order with the row of each, and the lengths of the vectors.
"""

from __future__ import annotations

import mmap
import os
import struct
import zlib
from array import array
from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from typing import BinaryIO, NamedTuple, overload

import numpy as np
import numpy.typing as npt

from elman.data.word_vectors.blocks import VectorBlock
from elman.data.word_vectors.table import WordTable, vector_norms
from elman.errors import DataError, StorageError

__all__ = ["MappedWords", "MappedWriter", "open_mapped"]

VERSION = 1
HEADER_SIZE = 4096
_MAGIC = b"elmanvec"
# magic, version, dimension, words, bytes of the words' text, words that were left out as duplicates, key
_HEADER = struct.Struct("<8sIIQQQ32s")
_CHECKSUM = struct.Struct("<I")
_ALIGNMENT = 64
# Bytes of the matrix that are handled together.
_BYTES = 1 << 20
# Words that are decoded together when all are iterated over.
_DECODED = 16384


class _Part(NamedTuple):
    """An array of the file: its place, its dtype and its number of items."""

    offset: int
    dtype: np.dtype[np.generic]
    items: int

    def of(self, content: mmap.mmap) -> npt.NDArray[np.generic]:
        return np.frombuffer(content, self.dtype, self.items, self.offset)


def _parts(words: int, size: int, text: int) -> dict[str, _Part]:
    """Return the arrays of a file by name, and its end as `end`."""
    found: dict[str, _Part] = {}
    offset = HEADER_SIZE
    arrays = (
        *(("matrix", "<f4", words * size), ("offsets", "<i8", words + 1), ("checksums", "<u4", words)),
        *(("rows", "<i8", words), ("norms", "<f8", words), ("text", "u1", text)),
    )
    for name, kind, count in arrays:
        dtype = np.dtype(kind)
        found[name] = _Part(offset, dtype, count)
        offset += -(-count * dtype.itemsize // _ALIGNMENT) * _ALIGNMENT
    found["end"] = _Part(offset, np.dtype("u1"), 0)
    return found


class MappedWords(Sequence[str]):
    """The words of a mapped file: decoded when they are read, and found by binary search."""

    def __init__(self, content: mmap.mmap, parts: dict[str, _Part]) -> None:
        self._content = content
        self._start = parts["text"].offset
        self._offsets = parts["offsets"].of(content)
        self._checksums = parts["checksums"].of(content)
        self._rows = parts["rows"].of(content)

    def __len__(self) -> int:
        return len(self._rows)

    @overload
    def __getitem__(self, row: int) -> str: ...
    @overload
    def __getitem__(self, row: slice) -> list[str]: ...
    def __getitem__(self, row: int | slice) -> str | list[str]:
        if isinstance(row, slice):
            first, stop, step = row.indices(len(self))
            if step == 1:
                return list(self._between(first, max(first, stop)))
            return [self[each] for each in range(first, stop, step)]
        number = row + len(self) if row < 0 else row
        if not 0 <= number < len(self):
            raise IndexError(f"expected a row below {len(self)}. Received: {row}")
        return self._bytes(number).decode("utf-8")

    def __iter__(self) -> Iterator[str]:
        return self._between(0, len(self))

    def __reduce__(self) -> tuple[type[list[str]], tuple[list[str]]]:
        """Pickle as a list, because a mapped file cannot be pickled."""
        return list, ([*self],)

    def find(self, word: str) -> int | None:
        """Return the row of `word`, or None."""
        try:
            wanted = word.encode("utf-8")
        except UnicodeEncodeError:  # a lone surrogate
            return None
        checksum = np.uint32(zlib.crc32(wanted))
        place = int(np.searchsorted(self._checksums, checksum))
        while place < len(self) and self._checksums[place] == checksum:
            row = int(self._rows[place])
            if self._bytes(row) == wanted:
                return row
            place += 1
        return None

    def _bytes(self, row: int) -> bytes:
        return self._content[self._start + int(self._offsets[row]) : self._start + int(self._offsets[row + 1])]

    def _between(self, first: int, stop: int) -> Iterator[str]:
        for begin in range(first, stop, _DECODED):
            ends = self._offsets[begin : min(begin + _DECODED, stop) + 1].tolist()
            text = self._content[self._start + ends[0] : self._start + ends[-1]]
            for start, end in pairwise(ends):
                yield text[start - ends[0] : end - ends[0]].decode("utf-8")


class MappedWriter:
    """Writes a file of word vectors a block at a time; it holds the words, but never more than a block of the matrix.

    `file` must be readable by its descriptor. The first vector of a word that occurs twice is kept.
    """

    def __init__(self, file: BinaryIO, key: bytes) -> None:
        self._file = file
        self._key = key
        self._size = 0
        self._text = bytearray()
        self._ends = array("q", [0])
        self._checksums = array("I")
        file.write(bytes(HEADER_SIZE))

    def add(self, block: VectorBlock) -> None:
        """Append words and vectors."""
        self._size = block.rows_NE.shape[1]
        for word in block.words:
            encoded = word.encode("utf-8")
            self._text += encoded
            self._ends.append(len(self._text))
            self._checksums.append(zlib.crc32(encoded))
        self._file.write(np.ascontiguousarray(block.rows_NE, "<f4").data)

    def finish(self) -> None:
        """Write the index and the header, without which the file is not valid."""
        checksums, ends = np.frombuffer(self._checksums, "<u4"), np.frombuffer(self._ends, "<i8")
        order = np.argsort(checksums, kind="stable")
        again = self._again(checksums, order, ends)
        if len(again):
            self._leave_out(again)
            checksums, ends = np.frombuffer(self._checksums, "<u4"), np.frombuffer(self._ends, "<i8")
            order = np.argsort(checksums, kind="stable")
        self._write_index(checksums[order], order, ends, len(again))

    def _write_index(
        self,
        checksums: npt.NDArray[np.uint32],
        order: npt.NDArray[np.int64],
        ends: npt.NDArray[np.int64],
        duplicates: int,
    ) -> None:
        words = len(order)
        parts = _parts(words, self._size, len(self._text))
        arrays = {
            "offsets": ends,
            "checksums": checksums,
            "rows": order,
            "norms": self._norms(words),
            "text": np.frombuffer(self._text, "u1"),
        }
        for name, content in arrays.items():
            self._file.seek(parts[name].offset)
            self._file.write(np.ascontiguousarray(content, parts[name].dtype).data)
        self._file.truncate(parts["end"].offset)
        header = _HEADER.pack(_MAGIC, VERSION, self._size, words, len(self._text), duplicates, self._key)
        self._file.seek(0)
        self._file.write(header + _CHECKSUM.pack(zlib.crc32(header)))

    def _again(
        self, checksums: npt.NDArray[np.uint32], order: npt.NDArray[np.int64], ends: npt.NDArray[np.int64]
    ) -> npt.NDArray[np.int64]:
        """Return the rows of words that an earlier row has too, in rising order."""
        ranked = checksums[order]
        same = np.flatnonzero(ranked[1:] == ranked[:-1])
        again: list[int] = []
        seen: set[bytes] = set()
        last = -1
        for place in same.tolist():
            rows = order[place : place + 2].tolist()
            if place != last:  # the first two of a run of equal checksums
                seen = {bytes(self._text[ends[rows[0]] : ends[rows[0] + 1]])}
            word = bytes(self._text[ends[rows[1]] : ends[rows[1] + 1]])
            if word in seen:
                again.append(rows[1])
            seen.add(word)
            last = place + 1
        return np.sort(np.array(again, dtype=np.int64))

    def _leave_out(self, again: npt.NDArray[np.int64]) -> None:
        """Remove the rows of words that occurred before from the matrix and the words."""
        count = len(self._checksums)
        kept = np.ones(count, dtype=bool)
        kept[again] = False
        ends = np.frombuffer(self._ends, "<i8").tolist()
        text, new_ends = bytearray(), array("q", [0])
        for row in np.flatnonzero(kept).tolist():
            text += self._text[ends[row] : ends[row + 1]]
            new_ends.append(len(text))
        target = 0
        for first, rows in self._matrix(count):
            rows = rows[kept[first : first + len(rows)]]
            self._file.seek(HEADER_SIZE + target * 4 * self._size)
            self._file.write(rows.data)
            target += len(rows)
        checksums = np.frombuffer(self._checksums, "<u4")[kept]
        self._text, self._ends = text, new_ends
        self._checksums = array(self._checksums.typecode, checksums.tobytes())

    def _norms(self, words: int) -> npt.NDArray[np.float64]:
        return np.concatenate([vector_norms(rows) for _, rows in self._matrix(words)])

    def _matrix(self, words: int) -> Iterator[tuple[int, npt.NDArray[np.float32]]]:
        """Yield the matrix, as it is in the file, in blocks of rows with the number of the first."""
        width = 4 * self._size
        rows = max(1, _BYTES // width)
        for first in range(0, words, rows):
            self._file.flush()
            count = min(rows, words - first)
            data = os.pread(self._file.fileno(), count * width, HEADER_SIZE + first * width)
            yield first, np.frombuffer(data, "<f4").reshape(count, self._size)


def open_mapped(path: Path, key: bytes, name: str) -> tuple[WordTable, int]:
    """Return the table in a file of the cache, and how many words were left out of it as duplicates.

    Raises DataError if the file is not whole or has another key, StorageError if it cannot be read.
    """
    try:
        with path.open("rb") as file:
            start = file.read(_HEADER.size + _CHECKSUM.size)
            length = os.fstat(file.fileno()).st_size
            if len(start) != _HEADER.size + _CHECKSUM.size or length < HEADER_SIZE:
                raise _broken(path, length)
            content = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    except OSError as error:
        raise StorageError(f"cannot read {path}: {error.strerror or error}") from error
    magic, version, size, words, text, duplicates, found = _HEADER.unpack_from(start)
    whole = start[_HEADER.size :] == _CHECKSUM.pack(zlib.crc32(start[: _HEADER.size]))
    if not whole or (magic, version, found) != (_MAGIC, VERSION, key):
        raise _broken(path, length)
    parts = _parts(words, size, text)
    if length != parts["end"].offset:
        raise _broken(path, length)
    matrix_VE = np.frombuffer(content, "<f4", words * size, HEADER_SIZE).reshape(words, size)
    norms_V = np.frombuffer(content, "<f8", words, parts["norms"].offset)
    return WordTable(MappedWords(content, parts), matrix_VE, name=name, norms_V=norms_V), duplicates


def _broken(path: Path, length: int) -> DataError:
    return DataError(f"expected a whole file of word vectors in the cache. Received: {path} of {length} bytes")
