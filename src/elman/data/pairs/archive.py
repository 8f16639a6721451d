"""Text files on disk and inside zip archives, as blocks of bytes. Nothing is ever unpacked to disk."""

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
# A member may be this large when unpacked, and this many times as large as in the archive: text is packed to a third
# or a tenth, and what is packed to far less was made to fill the memory.
LARGEST = 1 << 30
_FREE = 16 << 20
_RATIO = 100
# What lies beside the data in many archives.
_NOTES = frozenset({"readme", "license", "licence", "about", "copying", "changelog"})


class TextFile(NamedTuple):
    """A text that can be read: the path by which its form is told, its name in messages, and its bytes."""

    path: Path
    name: str
    blocks: Callable[[], Iterator[bytes]]

    def text(self, encoding: str, errors: str) -> str:
        """The whole text, with "\\n" at line ends and without a byte-order mark. Raises EncodingError, DataError."""
        return text_of(self.blocks(), self.name, encoding=encoding, errors=errors)

    def lines(self, encoding: str, errors: str) -> list[str]:
        """The lines of the text. Raises DataError for an empty file."""
        text = self.text(encoding, errors)
        if not text:
            raise DataError(f"{self.name}: expected sentences. Received: an empty file")
        return lines_of(text)


def text_file(file: InputFile) -> TextFile:
    """A file on disk, `.gz` or not."""
    return TextFile(file.path, file.name, partial(raw_blocks, file.path, file.name, _BLOCK))


def is_archive(path: Path) -> bool:
    """Whether a file is a zip archive by its name."""
    return path.suffix.lower() == ".zip"


def members_of(file: InputFile) -> list[TextFile]:
    """The files in a zip archive that may hold sentences, by name: no notes such as README, and nothing hidden.

    Raises DataError for what is no archive, for an encrypted one, and for one with nothing in it.
    """
    try:
        with zipfile.ZipFile(file.path) as archive:
            found = [member for member in archive.infolist() if not member.is_dir() and _is_data(member.filename)]
    except zipfile.BadZipFile as error:
        raise DataError(f"{file.name} is not a whole zip archive (damaged or cut short?). Received: {error}") from error
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
    return "".join(sign if sign.isprintable() else "?" for sign in member[:100])


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
        # gzip.BadGzipFile and bz2's complaints are OSErrors without a number.
        if error.errno is None:
            raise DataError(f"{name}: expected a file that can be unpacked. Received: {error}") from error
        raise StorageError(f"cannot read {file.name}: {error.strerror or error}") from error
