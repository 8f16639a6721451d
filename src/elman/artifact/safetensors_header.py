"""Validation of the header of a safetensors file, before any tensor is allocated.

A safetensors file has eight bytes with the header's length (little endian), the header (JSON), and the tensors' bytes.
Does not import torch.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple, NoReturn

from elman.artifact.strict import open_plain_file, shown, strict_json
from elman.errors import ArtifactError

__all__ = ["DIGEST", "ITEM_SIZES", "MAX_TENSORS", "Header", "TensorEntry", "check_header", "read_header"]

# Metadata key of a digest of all names, dtypes, shapes and bytes.
DIGEST = "sha256"
MAX_HEADER_BYTES = 8 * 1024 * 1024
MAX_TENSORS = 10_000
MAX_DIMENSIONS = 32
# Every tensor needs three lists and objects; the rest allows for brackets in names.
MAX_CONTAINERS = 5 * MAX_TENSORS
# Sizes and strides are signed 64-bit integers, even for empty tensors.
MAX_SPAN = 2**63 - 1

# Bytes per element of each allowed dtype.
ITEM_SIZES = {
    "F64": 8,
    "F32": 4,
    "F16": 2,
    "BF16": 2,
    "I64": 8,
    "I32": 4,
    "I16": 2,
    "I8": 1,
    "U8": 1,
    "BOOL": 1,
}


class TensorEntry(NamedTuple):
    """One tensor of a file: safetensors dtype, shape, number of bytes, and their offset in the file."""

    dtype: str
    shape: tuple[int, ...]
    nbytes: int
    offset: int


class Header(NamedTuple):
    """The tensors of a file by name, in the order of their bytes, and the file's metadata."""

    tensors: dict[str, TensorEntry]
    metadata: dict[str, str]


def check_header(path: str | os.PathLike[str]) -> dict[str, TensorEntry]:
    """Return the tensors in the safetensors file `path` by name. Reads only the header.

    Raises ArtifactError unless the header is at most 8 MiB of strict JSON with at most 10,000 tensors of known dtypes,
    whose bytes match their shapes, are contiguous, and end at the end of the file.
    """
    with open_plain_file(Path(path)) as file:
        return read_header(file, path).tensors


def read_header(file: BinaryIO, where: str | os.PathLike[str]) -> Header:
    """Like `check_header`, for an open file at its beginning; `where` names it in errors."""
    try:
        size = os.fstat(file.fileno()).st_size
        prefix = file.read(8)
        length = int.from_bytes(prefix, "little")
        if len(prefix) < 8:
            _refuse(where, f"expected at least 8 bytes. Received: {len(prefix)}")
        if length > MAX_HEADER_BYTES:
            _refuse(where, f"expected a header of at most {MAX_HEADER_BYTES} bytes. Received: {length}")
        if 8 + length > size:
            _refuse(where, f"expected a header of {length} bytes. Received: a file of {size} bytes")
        content = file.read(length)
    except OSError as error:
        raise ArtifactError(f"cannot read {where}: {error.strerror or error}") from error
    if not content.startswith(b"{"):
        _refuse(where, f"expected a header that begins with '{{'. Received: {content[:1]!r}")
    entries = strict_json(content, where, MAX_CONTAINERS)
    metadata = _checked_metadata(entries.pop("__metadata__", {}), where)
    if len(entries) > MAX_TENSORS:
        _refuse(where, f"expected at most {MAX_TENSORS} tensors. Received: {len(entries)}")
    start = 8 + length
    tensors = sorted(
        ((name, _checked_entry(name, entry, start, where)) for name, entry in entries.items()),
        key=lambda item: (item[1].offset, item[1].nbytes),
    )
    position = start
    for name, entry in tensors:
        if entry.offset != position:
            _refuse(where, f"expected the tensor {shown(name)} to begin at byte {position}. Received: {entry.offset}")
        position += entry.nbytes
    if position != size:
        _refuse(where, f"expected a file of {position} bytes. Received: {size} bytes")
    return Header(dict(tensors), metadata)


def _refuse(where: str | os.PathLike[str], problem: str) -> NoReturn:
    raise ArtifactError(f"{where} is broken: {problem}")


def _checked_metadata(metadata: Any, where: str | os.PathLike[str]) -> dict[str, str]:
    if not isinstance(metadata, dict) or not all(isinstance(value, str) for value in metadata.values()):
        _refuse(where, f"expected an object of strings as __metadata__. Received: {type(metadata).__name__}")
    return metadata


def _is_count(value: Any) -> bool:
    # bool is a subclass of int, but true is not a size.
    return type(value) is int and 0 <= value <= MAX_SPAN


def _checked_entry(name: str, entry: Any, start: int, where: str | os.PathLike[str]) -> TensorEntry:
    """Check the entry of one tensor; its offset is counted from the beginning of the file."""
    if not isinstance(entry, dict) or entry.keys() != {"dtype", "shape", "data_offsets"}:
        received = shown(sorted(entry) if isinstance(entry, dict) else entry)
        _refuse(where, f"expected dtype, shape and data_offsets for the tensor {shown(name)}. Received: {received}")
    dtype, shape, offsets = entry["dtype"], entry["shape"], entry["data_offsets"]
    if not isinstance(dtype, str) or dtype not in ITEM_SIZES:
        _refuse(where, f"expected one of {', '.join(ITEM_SIZES)} as dtype of {shown(name)}. Received: {shown(dtype)}")
    if not isinstance(shape, list) or len(shape) > MAX_DIMENSIONS or not all(map(_is_count, shape)):
        _refuse(
            where,
            f"expected at most {MAX_DIMENSIONS} sizes as the shape of {shown(name)}. Received: {shown(shape)}",
        )
    if not isinstance(offsets, list) or len(offsets) != 2 or not all(map(_is_count, offsets)):
        _refuse(where, f"expected two offsets for the tensor {shown(name)}. Received: {shown(offsets)}")
    nbytes = span = ITEM_SIZES[dtype]
    for length in shape:
        nbytes *= length
        span *= max(length, 1)
    if span > MAX_SPAN:
        _refuse(where, f"expected a shape that fits a 64-bit size for {shown(name)}. Received: {shown(shape)}")
    begin, end = offsets
    if end - begin != nbytes:
        _refuse(where, f"expected {nbytes} bytes for the tensor {shown(name)}. Received: {end - begin}")
    return TensorEntry(dtype, tuple(shape), nbytes, start + begin)
