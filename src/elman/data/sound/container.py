"""Detection of sound files that are cut short, which decoders read without an error.

Only the container is read (RIFF of WAV files, pages of Ogg files), not the samples.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import BinaryIO

from elman.display import invisible
from elman.errors import DataError, StorageError

__all__ = ["check_whole"]

# Length fields of WAV files that were written to a pipe, so that their length was not known: by ffmpeg (and of RF64
# files, longer than 4 GB), by arecord, and by sox, which rounds down to whole samples of all channels.
_ENDLESS = frozenset({0xFFFFFFFF, 0x80000000, 0x7FFFFFFF, *range(0x7FFFF000 - 0x100, 0x7FFFF001)})
# The maximum size of an Ogg page, in bytes.
_LONGEST_PAGE = 65307
_PAGE_HEADER = 27


def check_whole(path: Path, name: str) -> None:
    """Raise DataError for a WAV or Ogg file that is cut short or empty, StorageError for one that cannot be read.

    `name` is the file's name in messages. Files of other kinds are not checked.
    """
    try:
        with path.open("rb") as file:
            size = os.fstat(file.fileno()).st_size
            start = file.read(12)
            if not start:
                raise DataError(f"{name}: expected a sound file. Received: an empty file")
            if start[:4] in (b"RIFF", b"RF64") and start[8:] == b"WAVE":
                _check_wave(file, size, name)
            elif start[:4] == b"OggS":
                _check_ogg(file, size, name)
    except (FileNotFoundError, NotADirectoryError) as error:
        raise DataError(f"{name}: expected a sound file. Received: no file of this name{invisible(name)}") from error
    except (OSError, ValueError) as error:
        if isinstance(error, DataError):
            raise
        reason = getattr(error, "strerror", None) or error
        raise StorageError(f"cannot read {name}{invisible(name)}: {reason}") from error


def _check_wave(file: BinaryIO, size: int, name: str) -> None:
    """Check that the data chunk is as long as its header says."""
    place, large = 12, 0
    while True:
        file.seek(place)
        header = file.read(8)
        if len(header) < 8:
            raise DataError(f"{name}: expected samples in the WAV file; the file is cut short. "
                            f"Received: {size:,} bytes without them")  # fmt: skip
        kind, length = header[:4], int.from_bytes(header[4:], "little")
        if kind == b"ds64":
            large = int.from_bytes(file.read(16)[8:], "little")
        if kind == b"data":
            break
        place += 8 + length + length % 2
    found = size - place - 8
    if length in _ENDLESS:
        length = large
    if found < length:
        raise DataError(f"{name}: expected {length:,} bytes of samples, as its header says; the file is cut short. "
                        f"Received: {found:,}")  # fmt: skip


def _check_ogg(file: BinaryIO, size: int, name: str) -> None:
    """Check that the last page is complete."""
    # Two maximum page lengths from the end contain the start of the last page.
    file.seek(max(0, size - 2 * _LONGEST_PAGE))
    tail = file.read()
    begin = tail.rfind(b"OggS")
    page = tail[begin:] if begin >= 0 else b""
    # The header's last byte counts the segments; their lengths follow, and then the segments themselves.
    segments = page[_PAGE_HEADER - 1] if len(page) >= _PAGE_HEADER else 0
    lengths = page[_PAGE_HEADER : _PAGE_HEADER + segments]
    expected = _PAGE_HEADER + segments + sum(lengths)
    if len(lengths) < segments or len(page) < expected:
        raise DataError(f"{name}: expected a last page of at least {expected:,} bytes; the file is cut short. "
                        f"Received: {len(page):,}")  # fmt: skip
