"""Text files on disk and in zip archives, as blocks of bytes. Archives are never unpacked to disk."""

from __future__ import annotations

import gzip
import lzma
import zipfile
import zlib
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path, PurePosixPath
from typing import IO, NamedTuple

from elman.data.decoding import lines_of, raw_blocks, text_of
from elman.data.inputs import InputFile
from elman.errors import DataError, StorageError

__all__ = ["TextFile", "is_archive", "members_of", "text_file"]

_BLOCK = 1 << 20
# Protection against zip bombs. An unpacked member may have at most LARGEST bytes, and if it has more than _FREE bytes,
# at most _RATIO times its compressed size; real text compresses to a third or a tenth.
LARGEST = 1 << 30
_FREE = 16 << 20
_RATIO = 100
# Files without data that many archives contain.
_NOTES = frozenset({"readme", "license", "licence", "about", "copying", "changelog"})


class TextFile(NamedTuple):
    """A text file: the path that its format is detected from, its name in messages, and a function for its bytes."""

    path: Path
    name: str
    blocks: Callable[[], Iterator[bytes]]

    def text(self, encoding: str, errors: str) -> str:
        """Return the whole text, with "\\n" at line ends and without a byte-order mark."""
        return text_of(self.blocks(), self.name, encoding=encoding, errors=errors)

    def lines(self, encoding: str, errors: str) -> list[str]:
        """Return the lines of the text. Raises DataError for an empty file."""
        text = self.text(encoding, errors)
        if not text:
            raise DataError(f"{self.name}: expected sentences. Received: an empty file")
        return lines_of(text)


def text_file(file: InputFile) -> TextFile:
    """Return a file on disk, compressed with gzip or not."""
    return TextFile(file.path, file.name, partial(raw_blocks, file.path, file.name, _BLOCK))


def is_archive(path: Path) -> bool:
    """Return whether a file is a zip archive, by its suffix."""
    return path.suffix.lower() == ".zip"


def members_of(file: InputFile) -> list[TextFile]:
    """Return the files in a zip archive, sorted by name, without hidden files and notes such as README.

    Raises DataError for a damaged or encrypted archive, and for one without such files.
    """
    try:
        with zipfile.ZipFile(file.path) as archive:
            found = [member for member in archive.infolist() if not member.is_dir() and _is_data(member.filename)]
    except zipfile.BadZipFile as error:
        raise DataError(f"{file.name}: expected a complete zip archive. Received: {error}") from error
    except OSError as error:
        raise StorageError(f"cannot read {file.name}: {error.strerror or error}") from error
    if not found:
        raise DataError(f"{file.name}: expected a text or a table in the archive. Received: none")
    members = []
    for member in sorted(found, key=lambda member: member.filename):
        name = f"{file.name} ({_shown(member.filename)})"
        if member.flag_bits & 1:
            raise DataError(f"{name}: expected an archive without a password. Received: an encrypted file")
        members.append(TextFile(Path(member.filename), name, partial(_blocks, file, member, name)))
    return members


def _is_data(member: str) -> bool:
    parts = PurePosixPath(member).parts
    stem = parts[-1].split(".")[0].lower() if parts else ""
    return bool(parts) and not any(part.startswith((".", "_")) for part in parts) and stem not in _NOTES


def _shown(member: str) -> str:
    return "".join(character if character.isprintable() else "?" for character in member[:100])


def _blocks(file: InputFile, member: zipfile.ZipInfo, name: str) -> Iterator[bytes]:
    size = 0
    most = min(LARGEST, max(_FREE, member.compress_size * _RATIO))
    try:
        with zipfile.ZipFile(file.path) as archive, archive.open(member) as packed:
            stream: IO[bytes] = gzip.GzipFile(fileobj=packed) if member.filename.endswith(".gz") else packed  # type: ignore[assignment]
            while data := stream.read(_BLOCK):
                size += len(data)
                if size > most:
                    raise DataError(
                        f"{name}: expected at most {most} bytes unpacked, from {member.compress_size} in the archive. "
                        "Received: more"
                    )
                yield data
    except (zipfile.BadZipFile, zlib.error, lzma.LZMAError, EOFError, NotImplementedError, RuntimeError) as error:
        raise DataError(f"{name}: expected a file that can be unpacked. Received: {error}") from error
    except OSError as error:
        # gzip.BadGzipFile and the errors of bz2 are OSErrors without errno.
        if error.errno is None:
            raise DataError(f"{name}: expected a file that can be unpacked. Received: {error}") from error
        raise StorageError(f"cannot read {file.name}: {error.strerror or error}") from error
