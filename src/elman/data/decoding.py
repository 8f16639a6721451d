"""Decoding of the bytes of a file to text, as a whole or in pieces.

Only "\\n" and "\\r\\n" end a line; both become "\\n", and a carriage return elsewhere stays in its line. A byte-order
mark at the start is dropped. An error for a byte that cannot be decoded gives its offset (in a .gz file: the offset in
the decompressed data).
"""

from __future__ import annotations

import codecs
import difflib
import encodings.aliases
import gzip
import io
import zlib
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import BinaryIO

from elman.errors import ConfigError, DataError, EncodingError, StorageError

__all__ = [
    "check_encoding",
    "decoded_blocks",
    "line_pieces",
    "lines_of",
    "raw_blocks",
    "stream_lines",
    "text_in",
    "text_of",
]

BYTE_ORDER_MARK = "\ufeff"
# Encodings whose ordinary text has zero bytes, and the same encodings without a byte-order mark.
WIDE = {"utf_16": "utf-16-le", "utf_32": "utf-32-le"}
# Bytes per read when a whole file is read.
_BLOCK = 1 << 20
# Maximum number of bytes that are read from a stream before its lines are yielded.
_MAX_AT_ONCE = 1 << 16


def check_encoding(encoding: str) -> str:
    """Return the normalised name of a text encoding. Raises ConfigError with a suggestion for an unknown name."""
    try:
        info = codecs.lookup(encoding)
    except (LookupError, ValueError, TypeError):
        info = None
    # base64, zip and rot13 are codecs too, but not between bytes and text.
    if info is None or not getattr(info, "_is_text_encoding", True) or info.incrementaldecoder is None:
        known = sorted({*encodings.aliases.aliases, *encodings.aliases.aliases.values(), "utf-8", "latin-1"})
        near = difflib.get_close_matches(str(encoding).lower(), known, n=1)
        hint = f"; did you mean {near[0]!r}?" if near else ", such as 'utf-8' or 'latin-1'."
        raise ConfigError(f"expected the name of a text encoding{hint} Received: {encoding!r}")
    return info.name


def raw_blocks(path: Path, name: str, block: int, report: Callable[[int], None] | None = None) -> Iterator[bytes]:
    """Yield the bytes of a file in blocks of at most `block` bytes; a .gz file is decompressed.

    `report` is called with the number of bytes on disk that each block took. Raises StorageError if the file cannot be
    read, DataError if a .gz file is damaged.
    """
    try:
        with path.open("rb") as disk:
            file: BinaryIO = gzip.GzipFile(fileobj=disk, mode="rb") if path.suffix == ".gz" else disk  # type: ignore[assignment]
            before = 0
            while data := file.read(block):
                if report is not None:
                    position = disk.tell()
                    report(position - before)
                    before = position
                yield data
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise DataError(f"{name} is not a whole gzip file (damaged or cut short?). Received: {error}") from error
    except OSError as error:
        raise StorageError(f"cannot read {name}: {error.strerror or error}") from error


def decoded_blocks(blocks: Iterable[bytes], name: str, *, encoding: str, errors: str) -> Iterator[str]:
    """Decode the blocks of one file. `errors` is strict, replace or ignore.

    Raises EncodingError with the file and the byte offset; DataError if the file looks binary, or if its only line ends
    are carriage returns.
    """
    decoder = codecs.getincrementaldecoder(encoding)(errors)
    newlines = _LineEnds(name)
    wide = next((plain for prefix, plain in WIDE.items() if encoding.replace("-", "_").startswith(prefix)), None)
    end = 0  # offset after the bytes decoded so far
    first = True
    for data in blocks:
        if end == 0 and errors == "strict" and encoding == "utf-8":
            _check_not_utf16(data, name)
        if wide is None and (zero := data.find(0)) >= 0:
            raise _binary(name, end + zero)
        end += len(data)
        text = _decode(decoder, data, False, end, name, encoding)
        if wide is not None and (zero := text.find("\0")) >= 0:
            pending = len(decoder.getstate()[0])
            raise _binary(name, end - pending - len(text[zero:].encode(wide, "surrogatepass")))
        if first and text:
            first = False
            text = text.removeprefix(BYTE_ORDER_MARK)
        if text := newlines.decode(text):
            yield text
    text = _decode(decoder, b"", True, end, name, encoding)
    if text := newlines.decode(text, final=True):
        yield text


class _LineEnds:
    """Replaces "\\r\\n" by "\\n" in a text that arrives in pieces; `name` is the name of its file in messages."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._held = ""  # a carriage return at the end of a piece
        self._returns = self._line_feeds = False

    def decode(self, piece: str, final: bool = False) -> str:
        """Return the next piece. Raises DataError if the last piece ends a text with carriage returns as line ends."""
        text = self._held + piece
        self._held = ""
        if not final and text.endswith("\r"):
            text, self._held = text[:-1], "\r"
        if "\r" in text:
            text = text.replace("\r\n", "\n")
            self._returns = self._returns or "\r" in text
        self._line_feeds = self._line_feeds or "\n" in text
        if final and self._returns and not self._line_feeds:
            raise DataError(
                f"{self._name}: expected lines that end with a line feed (\\n), or with a carriage return and a line "
                "feed (\\r\\n). Received: carriage returns (\\r) as the only line ends"
            )
        return text


def text_of(blocks: Iterable[bytes], name: str, *, encoding: str, errors: str) -> str:
    """Decode the blocks of a file to one text. Raises ConfigError for an unknown encoding, and as `decoded_blocks`."""
    return "".join(decoded_blocks(blocks, name, encoding=check_encoding(encoding), errors=errors))


def text_in(path: Path, name: str, *, encoding: str, errors: str) -> str:
    """Read the whole text in a file, `.gz` or not. Raises as `text_of` and `raw_blocks`."""
    return text_of(raw_blocks(path, name, _BLOCK), name, encoding=encoding, errors=errors)


def lines_of(text: str) -> list[str]:
    """Split a decoded text into lines without their ends. The last may have no line end; an empty text has no lines."""
    return text.removesuffix("\n").split("\n") if text else []


def _decode(decoder: codecs.IncrementalDecoder, data: bytes, final: bool, end: int, name: str, encoding: str) -> str:
    try:
        return decoder.decode(data, final)
    except UnicodeDecodeError as error:
        # The decoder may have kept bytes of earlier blocks: `error.object` always ends where the data ends.
        offset = end - len(error.object) + error.start
        found = bytes(error.object[error.start : error.start + 4])
        raise EncodingError(
            f"{name}: the bytes at offset {offset} are not {encoding} text ({error.reason}); name the file's encoding "
            f"with --encoding, or read on with --errors replace. Received: {found.hex(' ')}"
        ) from error
    except UnicodeError as error:
        raise EncodingError(
            f"{name}: not {encoding} text before offset {end}; name the file's encoding with --encoding, or read on "
            f"with --errors replace. Received: {error}"
        ) from error


def _check_not_utf16(data: bytes, name: str) -> None:
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        raise EncodingError(
            f"{name}: the bytes at offset 0 are not utf-8 text but the byte-order mark of utf-16; read it with "
            f"--encoding utf-16. "
            f"Received: {data[:2].hex(' ')}"
        )


def _binary(name: str, offset: int) -> DataError:
    return DataError(f"{name} looks like a binary file; expected text. Received: a zero byte at offset {offset}")


def line_pieces(blocks: Iterable[str], limit: int) -> Iterator[str]:
    """Regroup text so that every piece except the last ends at a line end.

    A line of more than `limit` characters is cut before a space if it has one, else at the limit.
    """
    kept = ""
    for block in blocks:
        cut = block.rfind("\n") + 1
        if cut:
            yield kept + block[:cut]
            kept = block[cut:]
        else:
            kept += block
        while len(kept) > limit:
            space = kept.rfind(" ", 1, limit + 1)
            cut = space if space > 0 else limit
            yield kept[:cut]
            kept = kept[cut:]
    if kept:
        yield kept


def stream_lines(stream: io.BufferedIOBase, name: str, *, encoding: str, errors: str) -> Iterator[list[str]]:
    """Yield the lines of a stream as they arrive, without their ends: lists of one or more lines.

    Raises ConfigError for an unknown encoding, and as `decoded_blocks`.
    """
    blocks = iter(lambda: stream.read1(_MAX_AT_ONCE), b"")
    rest = ""
    for piece in decoded_blocks(blocks, name, encoding=check_encoding(encoding), errors=errors):
        *lines, rest = (rest + piece).split("\n")
        if lines:
            yield lines
    if rest:
        yield [rest]
