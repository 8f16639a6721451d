"""Files of token ids with random access.

A file is a header of 128 bytes followed by the ids, little-endian, in 1, 2 or 4 bytes each. Ids are read with `pread`
and not mapped to memory, so that a file that is truncated while in use gives an error, not a crash.
"""

from __future__ import annotations

import os
import struct
import weakref
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import BinaryIO, NamedTuple

import numpy as np
import numpy.typing as npt

from elman.errors import ConfigError, DataError, StorageError

__all__ = ["TokenFile", "TokenWriter", "smallest_dtype"]

MAGIC = b"elmantok"
VERSION = 1
HEADER_SIZE = 128
# magic, version, bytes per token, tokens, characters, documents, key; followed by their checksum
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
    """Return the smallest unsigned dtype for the ids of a vocabulary of `size` tokens."""
    return np.dtype("<u1" if size <= 1 << 8 else "<u2" if size <= 1 << 16 else "<u4")


class TokenFile:
    """Token ids of one part of a corpus, on disk.

    `characters` is the number of characters of the encoded text, `documents` the number of documents with text in the
    part. Raises DataError if the file is incomplete or was written with another `key` (a SHA-256 in hexadecimal),
    StorageError if it cannot be read.
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
            raise DataError(f"expected a file of tokens with a whole header. Received: {self.path} of {size} bytes")
        header = _Header._make(HEADER.unpack_from(raw))
        expected = HEADER_SIZE + header.tokens * header.width
        if header[:2] != (MAGIC, VERSION) or header.width not in (1, 2, 4) or header.key != bytes.fromhex(key):
            raise DataError(f"expected the file of tokens {key[:12]}. Received: another, {self.path}")
        if size != expected:
            raise DataError(f"expected {expected} bytes in the file of tokens {self.path}. Received: {size}")
        self.dtype = np.dtype(f"<u{header.width}")
        self.characters = header.characters
        self.documents = header.documents
        self._tokens = header.tokens

    def __len__(self) -> int:
        return self._tokens

    def read(self, start: int, stop: int) -> npt.NDArray[np.int64]:
        """Return the tokens from `start` to before `stop` as a new int64 array. Raises ConfigError if out of range."""
        if not 0 <= start <= stop <= self._tokens:
            raise ConfigError(f"expected a range within {self._tokens} tokens. Received: {start} to {stop}")
        width = self.dtype.itemsize
        wanted = (stop - start) * width
        offset = HEADER_SIZE + start * width
        try:
            data = os.pread(self._descriptor, wanted, offset)
            # Linux reads at most 2 GiB per call.
            while (
                data
                and len(data) < wanted
                and (more := os.pread(self._descriptor, wanted - len(data), offset + len(data)))
            ):
                data += more
        except OSError as error:
            raise StorageError(f"cannot read {self.path}: {error.strerror or error}") from error
        if len(data) < wanted:
            raise DataError(f"the file of tokens {self.path} was cut short while in use. Received: {len(data)} bytes")
        return np.frombuffer(data, dtype=self.dtype).astype(np.int64)

    def blocks(self, size: int = 1 << 20) -> Iterator[npt.NDArray[np.int64]]:
        """Yield all tokens in blocks of at most `size`. Raises as `read`."""
        for start in range(0, self._tokens, size):
            yield self.read(start, min(start + size, self._tokens))

    def read_rows(self, starts: Sequence[int], counts: Sequence[int], width: int) -> npt.NDArray[np.int64]:
        """Return a new int64 array with rows of `width` tokens: `counts[i]` tokens from `starts[i]`, then zeros.

        Raises as `read`.
        """
        rows = np.zeros((len(starts), width), dtype=self.dtype)
        size = self.dtype.itemsize
        for row, start, count in zip(rows, starts, counts, strict=True):
            if not 0 <= start <= start + count <= self._tokens or count > width:
                raise ConfigError(f"expected a range within {self._tokens} tokens. Received: {count} from {start}")
            try:
                got = os.preadv(self._descriptor, [row[:count].data], HEADER_SIZE + start * size)
            except OSError as error:
                raise StorageError(f"cannot read {self.path}: {error.strerror or error}") from error
            if got < count * size:
                row[:count] = self.read(start, start + count)  # reads the rest, or raises the error
        return rows.astype(np.int64)

    def close(self) -> None:
        """Close the file; nothing can be read afterwards."""
        self._close()


class TokenWriter:
    """Sequential writer of the file that `TokenFile` reads. Call `finish` at the end."""

    def __init__(self, file: BinaryIO, *, key: str, dtype: np.dtype[np.unsignedinteger]) -> None:
        self.characters = 0
        self.documents = 0
        self._file = file
        self._key = key
        self._dtype = dtype
        self._tokens = 0
        file.write(bytes(HEADER_SIZE))

    def append(self, ids: npt.NDArray[np.int64]) -> None:
        """Append tokens."""
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
