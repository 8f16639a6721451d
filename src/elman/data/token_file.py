"""Token numbers in a file on disk, read a stretch at a time. Knows nothing about vocabularies, parts or batches.

A file is a header of 128 bytes and then the numbers, little-endian, in 1, 2 or 4 bytes each. Stretches are read with
`pread`: only what is asked for is in memory, and a file that was cut short gives an error, not a crash.
"""

from __future__ import annotations

import os
import struct
import weakref
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import BinaryIO, NamedTuple

import numpy as np
import numpy.typing as npt

from elman.errors import ConfigError, DataError, StorageError

__all__ = ["TokenFile", "TokenWriter", "smallest_dtype"]

MAGIC = b"elmantok"
VERSION = 1
HEADER_SIZE = 128
# magic, version, bytes a token, tokens, characters, documents, key; then the checksum of these
HEADER = struct.Struct("<8sIIQQQ32s")
CHECKSUM = struct.Struct("<I")


class _Header(NamedTuple):
    magic: bytes
    version: int
    width: int
    tokens: int
    characters: int
    documents: int
    key: bytes


def smallest_dtype(size: int) -> np.dtype[np.unsignedinteger]:
    """The smallest unsigned type that holds the numbers of a vocabulary of `size` tokens."""
    return np.dtype("<u1" if size <= 1 << 8 else "<u2" if size <= 1 << 16 else "<u4")


class TokenFile:
    """The token numbers of one part of a corpus, on disk.

    `characters` is the number of characters of text they stand for, `documents` how many documents have text in it.
    Raises DataError when the file is not whole or was not written under `key` (a SHA-256 in hexadecimal), StorageError
    when it cannot be read.
    """

    def __init__(self, path: str | os.PathLike[str], key: str) -> None:
        self.path = Path(path)
        self.key = key
        try:
            self._descriptor = os.open(self.path, os.O_RDONLY)
            self._close = weakref.finalize(self, os.close, self._descriptor)
            size = os.fstat(self._descriptor).st_size
            raw = os.pread(self._descriptor, HEADER_SIZE, 0)
        except OSError as error:
            raise StorageError(f"cannot read {self.path}: {error.strerror or error}") from error
        if len(raw) != HEADER_SIZE or raw[HEADER.size :] != _sealed(raw[: HEADER.size])[HEADER.size :]:
            raise DataError(f"expected a file of tokens with a whole header; received {self.path} of {size} bytes")
        header = _Header._make(HEADER.unpack_from(raw))
        expected = HEADER_SIZE + header.tokens * header.width
        if header[:2] != (MAGIC, VERSION) or header.width not in (1, 2, 4) or header.key != bytes.fromhex(key):
            raise DataError(f"expected the file of tokens {key[:12]}; received another: {self.path}")
        if size != expected:
            raise DataError(f"expected {expected} bytes in the file of tokens {self.path}; received {size}")
        self.dtype = np.dtype(f"<u{header.width}")
        self.characters = header.characters
        self.documents = header.documents
        self._tokens = header.tokens

    def __len__(self) -> int:
        return self._tokens

    def read(self, start: int, stop: int) -> npt.NDArray[np.int64]:
        """The tokens from `start` to before `stop`, a fresh int64 array. Raises ConfigError out of range."""
        if not 0 <= start <= stop <= self._tokens:
            raise ConfigError(f"expected a stretch within {self._tokens} tokens; received {start} to {stop}")
        width = self.dtype.itemsize
        wanted = (stop - start) * width
        offset = HEADER_SIZE + start * width
        try:
            data = os.pread(self._descriptor, wanted, offset)
            # The system reads at most 2 GiB at once.
            while (
                data
                and len(data) < wanted
                and (more := os.pread(self._descriptor, wanted - len(data), offset + len(data)))
            ):
                data += more
        except OSError as error:
            raise StorageError(f"cannot read {self.path}: {error.strerror or error}") from error
        if len(data) < wanted:
            raise DataError(f"the file of tokens {self.path} was cut short while in use; received {len(data)} bytes")
        return np.frombuffer(data, dtype=self.dtype).astype(np.int64)

    def read_rows(self, starts: Sequence[int], counts: Sequence[int], width: int) -> npt.NDArray[np.int64]:
        """Row i: the `counts[i]` tokens from `starts[i]`, then zeros up to `width`; a fresh int64 array.

        One call for a whole batch. Raises as `read`.
        """
        rows = np.zeros((len(starts), width), dtype=self.dtype)
        size = self.dtype.itemsize
        for row, start, count in zip(rows, starts, counts, strict=True):
            if not 0 <= start <= start + count <= self._tokens or count > width:
                raise ConfigError(f"expected a stretch within {self._tokens} tokens; received {count} from {start}")
            try:
                got = os.preadv(self._descriptor, [row[:count].data], HEADER_SIZE + start * size)
            except OSError as error:
                raise StorageError(f"cannot read {self.path}: {error.strerror or error}") from error
            if got < count * size:
                row[:count] = self.read(start, start + count)  # the rest, or the error that says why there is none
        return rows.astype(np.int64)

    def close(self) -> None:
        """Close the file; nothing can be read afterwards."""
        self._close()


class TokenWriter:
    """Writes what `TokenFile` reads, from the first token to the last; `finish` seals it."""

    def __init__(self, file: BinaryIO, *, key: str, dtype: np.dtype[np.unsignedinteger]) -> None:
        self.characters = 0
        self.documents = 0
        self._file = file
        self._key = key
        self._dtype = dtype
        self._tokens = 0
        file.write(bytes(HEADER_SIZE))

    def append(self, ids: npt.NDArray[np.int64]) -> None:
        """Write some tokens."""
        self._file.write(ids.astype(self._dtype).tobytes())
        self._tokens += len(ids)

    def finish(self) -> None:
        """Write the header, without which the file is not valid."""
        header = HEADER.pack(
            MAGIC,
            VERSION,
            self._dtype.itemsize,
            self._tokens,
            self.characters,
            self.documents,
            bytes.fromhex(self._key),
        )
        self._file.seek(0)
        self._file.write(_sealed(header))


def _sealed(header: bytes) -> bytes:
    return (header + CHECKSUM.pack(zlib.crc32(header))).ljust(HEADER_SIZE, b"\0")
