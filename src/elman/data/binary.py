"""Readers of `.npy`, `.npz` and idx files that do not trust the sizes in the headers."""

from __future__ import annotations

import io
import math
import tokenize
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from elman.data.decoding import raw_blocks
from elman.errors import DataError, StorageError

__all__ = ["ByteReader", "open_bytes", "read_idx", "read_npy", "read_npz"]

_BLOCK = 1 << 20
_NPY = b"\x93NUMPY"
_IDX = {0x08: "u1", 0x09: "i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}


class ByteReader:
    """Sequential reader of the bytes of a file. `name` is the file's name in messages."""

    def __init__(self, blocks: Iterator[bytes], name: str) -> None:
        self.name = name
        self._blocks = blocks
        self._kept = b""

    def take(self, count: int) -> bytearray:
        """Return the next `count` bytes. Memory grows as they arrive. Raises DataError if the file is shorter."""
        taken = bytearray()
        while len(taken) < count:
            block = self._kept or next(self._blocks, b"")
            if not block:
                raise DataError(f"{self.name}: expected {count:,} more bytes; the file is cut short. "
                                f"Received: {len(taken):,}")  # fmt: skip
            missing = count - len(taken)
            taken += block[:missing]
            self._kept = block[missing:]
        return taken

    def end(self) -> None:
        """Raise DataError unless all bytes have been read."""
        if rest := self._kept or next(self._blocks, b""):
            raise DataError(f"{self.name}: expected the file's end after its array. Received: {len(rest):,} more bytes")


def open_bytes(path: Path, name: str) -> ByteReader:
    """Open a file for reading; a `.gz` file is decompressed."""
    return ByteReader(raw_blocks(path, name, _BLOCK), name)


def read_npy(source: ByteReader) -> npt.NDArray[Any]:
    """Return the array in an `.npy` file.

    Raises DataError if the file is in another format, is truncated, has bytes after its array, or holds Python objects
    (which could run code).
    """
    start = source.take(8)
    if start[:6] != _NPY or start[6] not in (1, 2, 3):
        raise DataError(f"{source.name}: expected a NumPy file (.npy). Received: the bytes {start.hex(' ')}")
    size = source.take(2 if start[6] == 1 else 4)
    header = source.take(int.from_bytes(size, "little"))
    read = np.lib.format.read_array_header_1_0 if start[6] == 1 else np.lib.format.read_array_header_2_0
    try:
        shape, by_columns, dtype = read(io.BytesIO(size + header))
    except (ValueError, SyntaxError, tokenize.TokenError, RecursionError, MemoryError) as error:
        raise DataError(f"{source.name}: expected the header of a NumPy file. Received: {error}") from error
    if dtype.hasobject:
        raise DataError(f"{source.name}: expected an array of numbers or texts; Python objects are not read, because "
                        f"they can run code. Received: {dtype}")  # fmt: skip
    if dtype.itemsize == 0 or any(length < 0 for length in shape):
        raise DataError(f"{source.name}: expected an array of numbers or texts. Received: {dtype} of shape {shape}")
    flat = np.frombuffer(source.take(math.prod(shape) * dtype.itemsize), dtype=dtype)
    source.end()
    return flat.reshape(shape[::-1]).T if by_columns else flat.reshape(shape)


def read_npz(path: Path, name: str) -> dict[str, npt.NDArray[Any]]:
    """Return the arrays in an `.npz` file by name. Raises DataError as `read_npy`, and for a damaged archive."""
    try:
        with zipfile.ZipFile(path) as archive:
            arrays = {}
            for member in archive.namelist():
                with archive.open(member) as opened:
                    blocks = iter(lambda read=opened.read: read(_BLOCK), b"")  # type: ignore[misc]
                    arrays[member.removesuffix(".npy")] = read_npy(ByteReader(blocks, f"{name}, {member}"))
            return arrays
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError) as error:
        raise DataError(f"{name}: expected a whole .npz file (damaged or cut short?). Received: {error}") from error
    except OSError as error:
        raise StorageError(f"cannot read {name}: {error.strerror or error}") from error


def read_idx(source: ByteReader) -> npt.NDArray[Any]:
    """Return the array in an idx file (the format of MNIST).

    The file has a magic number with the type and the number of dimensions, the size of each dimension, and the values.
    Raises DataError if the file is in another format, is truncated, or has bytes after its array.
    """
    magic = source.take(4)
    if magic[:2] != b"\0\0" or magic[2] not in _IDX or not 1 <= magic[3] <= 8:
        raise DataError(f"{source.name}: expected the magic number of an idx file, such as 00 00 08 03. "
                        f"Received: {magic.hex(' ')}")  # fmt: skip
    dtype = np.dtype(_IDX[magic[2]])
    shape = tuple(int(length) for length in np.frombuffer(source.take(4 * magic[3]), dtype=">u4"))
    flat = np.frombuffer(source.take(math.prod(shape) * dtype.itemsize), dtype=dtype)
    source.end()
    return flat.reshape(shape).astype(dtype.newbyteorder("="), copy=False)
