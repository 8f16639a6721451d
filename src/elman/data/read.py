"""Text from files, streaming: which files, which encoding, and where documents begin. Knows nothing about tokens."""

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
from elman.errors import ConfigError, DataError

__all__ = ["DOCUMENTS", "Piece", "Scan", "TextSource", "open_text", "read_lines"]

DOCUMENTS = ("files", "lines", "paragraphs")
ERRORS = ("strict", "replace", "ignore")
# Bytes read at once. A line that is longer than this many blocks is cut.
BLOCK = 1 << 18
LINE_BLOCKS = 16


class Piece(NamedTuple):
    """A stretch of text, never empty, with the places (ascending, in characters) at which a document begins in it."""

    text: str
    starts: tuple[int, ...]

    def cut(self, at: int) -> tuple[Piece, Piece]:
        """The piece before and the piece from character `at`."""
        before = tuple(start for start in self.starts if start < at)
        after = tuple(start - at for start in self.starts[len(before) :])
        return Piece(self.text[:at], before), Piece(self.text[at:], after)

    def stretches(self) -> list[str]:
        """The text cut at every document's beginning; the first goes on with an earlier document unless starts[0]
        is 0."""
        if not self.starts or self.starts == (0,):
            return [self.text]
        borders = [*({0} - {self.starts[0]}), *self.starts, len(self.text)]
        return [self.text[a:b] for a, b in pairwise(borders)]


class Scan(NamedTuple):
    """What one pass over a text found. `bytes` are counted after decompression, before decoding; `sha256` is over the
    decoded text with its document borders, so it stands for the content and the way it was read."""

    characters: int
    bytes: int
    documents: int
    files: int
    sha256: str


class TextSource:
    """Text in files that can be read any number of times. Made by `open_text`; close it, or use it in a `with`."""

    def __init__(
        self, files: Sequence[InputFile], *, encoding: str, errors: str, documents: str, block: int = BLOCK
    ) -> None:
        self.files = tuple(files)
        self.encoding = encoding
        self.errors = errors
        self.documents = documents
        self.block = block
        # Also runs when the interpreter ends.
        self._remove_copies = weakref.finalize(self, _remove, [file.path for file in files if file.spooled])

    def __enter__(self) -> TextSource:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Remove the copy of standard input, if there is one."""
        self._remove_copies()

    def pieces(self, report: Callable[[float], None] | None = None) -> Iterator[Piece]:
        """The whole text in pieces that end at line ends where possible, about 256 thousand characters each.

        `report` hears which share of the files is read, from 0 to 1. Raises EncodingError, DataError, StorageError.
        """
        yield from self._pieces(report, lambda count: None)

    def scan(self, report: Callable[[float], None] | None = None) -> Scan:
        """Count and hash the text in one pass. Raises DataError when it holds no character at all."""
        digest = hashlib.sha256()
        characters = documents = size = 0

        def count_bytes(count: int) -> None:
            nonlocal size
            size += count

        for piece in self._pieces(report, count_bytes):
            characters += len(piece.text)
            documents += len(piece.starts)
            # No text holds a zero character (that would be a binary file), so it can mark where documents begin.
            marked = "\0".join(piece.stretches())
            if piece.starts[:1] == (0,):
                digest.update(b"\0")
            digest.update(marked.encode("utf-8", "surrogatepass"))
        if not characters:
            raise DataError(f"expected some text, but there is not one character in it; received: {self.describe()}")
        return Scan(characters, size, documents, len(self.files), digest.hexdigest())

    def describe(self) -> str:
        """The names of the files, shortened when there are many."""
        names = [file.name for file in self.files[:3]]
        more = len(self.files) - len(names)
        return ", ".join(names) + (f" and {more} more" if more else "")

    def _pieces(self, report: Callable[[float], None] | None, count_bytes: Callable[[int], None]) -> Iterator[Piece]:
        find = {"files": _whole_file, "lines": _each_line, "paragraphs": _each_paragraph}[self.documents]
        read = 0
        total = sum(_size(file.path) for file in self.files) if report is not None else 0

        def on_disk(count: int) -> None:
            nonlocal read
            read += count
            if report is not None:
                report(min(1.0, read / max(total, 1)))

        def counted(blocks: Iterator[bytes]) -> Iterator[bytes]:
            for block in blocks:
                count_bytes(len(block))
                yield block

        for file in self.files:
            blocks = counted(raw_blocks(file.path, file.name, self.block, on_disk))
            text = decoded_blocks(blocks, file.name, encoding=self.encoding, errors=self.errors)
            yield from find(line_pieces(text, self.block * LINE_BLOCKS))


def open_text(
    inputs: Sequence[str | os.PathLike[str]],
    *,
    encoding: str = "utf-8",
    errors: str = "strict",
    pattern: str = "*",
    documents: str = "files",
    block: int = BLOCK,
) -> TextSource:
    """A text in files, folders (with their subfolders, names by `pattern`), globs or standard input ("-").

    Files that end in .gz are decompressed as they are read. `errors` says what happens to bytes that are not text in
    `encoding`: strict (an EncodingError), replace (by U+FFFD) or ignore. `documents` says what a document is: each of
    the files, each line that is not empty (lines), or each run of lines between blank ones (paragraphs). `block` is
    the number of bytes read at once. Raises ConfigError, DataError, StorageError; the content is read later.
    """
    for option, value, known in (("errors", errors, ERRORS), ("documents", documents, DOCUMENTS)):
        if value not in known:
            raise ConfigError(f"expected {option} to be one of {', '.join(known)}; received {value!r}")
    if block < 1:
        raise ConfigError(f"expected block to be at least 1 byte; received {block}")
    name = check_encoding(encoding)
    return TextSource(
        find_files(inputs, pattern=pattern), encoding=name, errors=errors, documents=documents, block=block
    )


def read_lines(path: str | os.PathLike[str], *, encoding: str = "utf-8", errors: str = "strict") -> Iterator[str]:
    """The lines of a file or of standard input ("-"), without their ends, as they are asked for.

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
        return 0  # only progress suffers; reading the file will say what is wrong


def _whole_file(pieces: Iterator[str]) -> Iterator[Piece]:
    starts: tuple[int, ...] = (0,)
    for text in pieces:
        yield Piece(text, starts)
        starts = ()


def _each_line(pieces: Iterator[str]) -> Iterator[Piece]:
    inside = False  # the line began in an earlier piece
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
            yield Piece("".join(lines), tuple(starts))


def _each_paragraph(pieces: Iterator[str]) -> Iterator[Piece]:
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
            yield Piece("".join(parts), tuple(starts))
