"""Streaming reader of text files: paths, encodings and document boundaries."""

from __future__ import annotations

import hashlib
import os
import weakref
from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

from elman.data.decoding import check_encoding, decoded_blocks, line_pieces, raw_blocks
from elman.data.inputs import InputFile, find_files
from elman.data.vocabulary.unicode_forms import KEEP, check_form, pieces_in_form
from elman.display import Progress
from elman.errors import ConfigError, DataError
from elman.former import former_attributes

__all__ = ["DOCUMENTS", "TextPiece", "TextSource", "TextStatistics", "open_text", "read_lines"]

__getattr__ = former_attributes(__name__, {"Piece": "TextPiece", "Scan": "TextStatistics"})

DOCUMENTS = ("files", "lines", "paragraphs")
ERRORS = ("strict", "replace", "ignore")
# Bytes per read. A line of more than LINE_BLOCKS blocks is cut.
BLOCK = 1 << 18
LINE_BLOCKS = 16


class TextPiece(NamedTuple):
    """A non-empty piece of text with the ascending character offsets at which documents begin in it."""

    text: str
    starts: tuple[int, ...]

    def cut(self, at: int) -> tuple[TextPiece, TextPiece]:
        """Split the piece before character `at`."""
        before = tuple(start for start in self.starts if start < at)
        after = tuple(start - at for start in self.starts[len(before) :])
        return TextPiece(self.text[:at], before), TextPiece(self.text[at:], after)

    def stretches(self) -> list[str]:
        """Split the text at the beginning of each document.

        The first item continues the document of an earlier piece unless `starts[0]` is 0.
        """
        if not self.starts or self.starts == (0,):
            return [self.text]
        borders = [*({0} - {self.starts[0]}), *self.starts, len(self.text)]
        return [self.text[a:b] for a, b in pairwise(borders)]


class TextStatistics(NamedTuple):
    """Counts and hash of a text.

    `bytes` are counted after decompression and before decoding. `sha256` is the hash of the decoded text with its
    document boundaries, so it depends on the content and on the reading options.
    """

    characters: int
    bytes: int
    documents: int
    files: int
    sha256: str


class TextSource:
    """Text in files that can be read repeatedly. Made by `open_text`; call `close`, or use it as a context manager."""

    def __init__(
        self,
        files: Sequence[InputFile],
        *,
        encoding: str,
        errors: str,
        documents: str,
        block: int = BLOCK,
        unicode_form: str = KEEP,
    ) -> None:
        self.files = tuple(files)
        self.unicode_form = unicode_form
        self.encoding = encoding
        self.errors = errors
        self.documents = documents
        self.block = block
        # The finalizer also runs at interpreter exit.
        self._remove_copies = weakref.finalize(self, _remove, [file.path for file in files if file.spooled])

    def __enter__(self) -> TextSource:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Remove the temporary copy of standard input, if there is one."""
        self._remove_copies()

    def pieces(self, progress: Progress | None = None) -> Iterator[TextPiece]:
        """Yield the whole text in pieces of about 256 thousand characters that end at line ends where possible.

        `progress` is called with "reading" and the fraction of the files read. Raises EncodingError, DataError,
        StorageError.
        """
        yield from self._pieces(progress, lambda count: None)

    def scan(self, progress: Progress | None = None) -> TextStatistics:
        """Count and hash the text in one pass. Raises DataError if it is empty, and as `pieces`."""
        digest = hashlib.sha256()
        characters = documents = size = 0

        def count_bytes(count: int) -> None:
            nonlocal size
            size += count

        for piece in self._pieces(progress, count_bytes):
            characters += len(piece.text)
            documents += len(piece.starts)
            # Text has no zero characters (its file would be refused as binary), so they can mark document boundaries.
            marked = "\0".join(piece.stretches())
            if piece.starts[:1] == (0,):
                digest.update(b"\0")
            digest.update(marked.encode("utf-8", "surrogatepass"))
        if not characters:
            raise DataError(f"expected some text, but there is not one character in it. Received: {self.describe()}")
        return TextStatistics(characters, size, documents, len(self.files), digest.hexdigest())

    def describe(self) -> str:
        """Return the names of the files; of more than three, the first three and a count."""
        names = [file.name for file in self.files[:3]]
        more = len(self.files) - len(names)
        return ", ".join(names) + (f" and {more} more" if more else "")

    def _pieces(self, progress: Progress | None, count_bytes: Callable[[int], None]) -> Iterator[TextPiece]:
        find = {"files": _whole_file, "lines": _each_line, "paragraphs": _each_paragraph}[self.documents]
        read = 0
        total = sum(_size(file.path) for file in self.files) if progress is not None else 0

        def on_disk(count: int) -> None:
            nonlocal read
            read += count
            if progress is not None:
                progress("reading", min(1.0, read / max(total, 1)))

        def counted(blocks: Iterator[bytes]) -> Iterator[bytes]:
            for block in blocks:
                count_bytes(len(block))
                yield block

        for file in self.files:
            blocks = counted(raw_blocks(file.path, file.name, self.block, on_disk))
            text = decoded_blocks(blocks, file.name, encoding=self.encoding, errors=self.errors)
            if self.unicode_form != KEEP:
                text = pieces_in_form(text, self.unicode_form)
            yield from find(line_pieces(text, self.block * LINE_BLOCKS))


def open_text(
    inputs: Sequence[str | os.PathLike[str]],
    *,
    encoding: str = "utf-8",
    errors: str = "strict",
    pattern: str = "*",
    documents: str = "files",
    block: int = BLOCK,
    unicode_form: str = KEEP,
) -> TextSource:
    """Open a text in files, folders, globs or standard input ("-").

    inputs        paths; folders are searched recursively for names that match `pattern`; .gz files are decompressed
    encoding      encoding of the text
    errors        handling of bytes that cannot be decoded: "strict" (EncodingError), "replace" (by U+FFFD) or "ignore"
    documents     what a document is: "files", "lines" (each line that is not empty) or "paragraphs" (lines between
                  blank lines)
    block         bytes per read
    unicode_form  form that the text is brought into: "keep", "nfc" or "nfkc"

    Raises ConfigError, DataError, StorageError. The content is read later.
    """
    for option, value, known in (("errors", errors, ERRORS), ("documents", documents, DOCUMENTS)):
        if value not in known:
            raise ConfigError(f"expected {option} to be one of {', '.join(known)}. Received: {value!r}")
    if block < 1:
        raise ConfigError(f"expected block to be at least 1 byte. Received: {block}")
    name = check_encoding(encoding)
    return TextSource(
        find_files(inputs, pattern=pattern),
        encoding=name,
        errors=errors,
        documents=documents,
        block=block,
        unicode_form=check_form(unicode_form),
    )


def read_lines(path: str | os.PathLike[str], *, encoding: str = "utf-8", errors: str = "strict") -> Iterator[str]:
    """Yield the lines of a file or of standard input ("-") lazily, without their ends.

    Raises ConfigError, DataError, EncodingError, StorageError.
    """
    rest = ""
    with open_text([path], encoding=encoding, errors=errors) as source:
        for piece in source.pieces():
            *lines, rest = (rest + piece.text).split("\n")
            yield from lines
    if rest:
        yield rest


def _remove(paths: list[Path]) -> None:
    for path in paths:
        path.unlink(missing_ok=True)


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0  # affects only the progress report: reading the file raises the error


def _whole_file(pieces: Iterator[str]) -> Iterator[TextPiece]:
    starts: tuple[int, ...] = (0,)
    for text in pieces:
        yield TextPiece(text, starts)
        starts = ()


def _each_line(pieces: Iterator[str]) -> Iterator[TextPiece]:
    inside = False  # whether the line began in an earlier piece
    for text in pieces:
        lines = text.split("\n")
        starts: list[int] = []
        at = 0
        for line in lines:
            if line and not inside:
                starts.append(at)
            at += len(line)
            inside = False
        # What follows the last "\n" is empty, or a line that is longer than a piece.
        inside = bool(lines[-1])
        if at:
            yield TextPiece("".join(lines), tuple(starts))


def _each_paragraph(pieces: Iterator[str]) -> Iterator[TextPiece]:
    inside_line = inside_paragraph = False
    for text in pieces:
        lines = text.split("\n")
        last = len(lines) - 1
        parts: list[str] = []
        starts: list[int] = []
        at = 0
        for index, line in enumerate(lines):
            if inside_line:
                inside_line = False
            elif index == last and not line:
                break  # the piece ended at a line end
            elif not line or line.isspace():
                inside_paragraph = False
                continue
            elif inside_paragraph:
                line = "\n" + line
            else:
                starts.append(at)
                inside_paragraph = True
            parts.append(line)
            at += len(line)
        inside_line = bool(lines[-1]) and inside_paragraph
        if at:
            yield TextPiece("".join(parts), tuple(starts))
