"""Readers of text and binary files of word vectors, a block of words at a time. Does not import torch."""

from __future__ import annotations

import codecs
from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from elman.data.decoding import decoded_blocks
from elman.data.word_vectors import lines as line_format
from elman.data.word_vectors import source
from elman.data.word_vectors.lines import MAX_NUMBERS, check_size, line_numbers, parted
from elman.data.word_vectors.numbers import parse_numbers
from elman.data.word_vectors.source import Head, VectorStream
from elman.errors import DataError, EncodingError

__all__ = ["VectorBlock", "binary_blocks", "text_blocks", "utf8_blocks"]

_LONGEST_WORD = 1 << 14
_ENDS = b" \t\r"


class VectorBlock(NamedTuple):
    """N words and their vectors."""

    words: list[str]
    rows_NE: npt.NDArray[np.float32]


def text_blocks(
    blocks: Iterable[bytes], name: str, head: Head, *, encoding: str = "utf-8", errors: str = "strict"
) -> Iterator[VectorBlock]:
    """Yield the words and vectors of UTF-8 text after its header. Blank lines are allowed at the end only.

    `encoding` names the file's encoding in messages. Raises DataError with the line for another number of columns, a
    number that is not finite and a line without a word; EncodingError for words that are not text.
    """
    size, first = head.size, 2 if head.length else 1
    if size is not None:
        check_size(size, f"{head.words} {size}", name)
    tabs = blank = False
    for found in _line_blocks(blocks, name):
        if size is None:
            tabs = b"\t" in found[0] and b" " not in found[0]
            size = found[0].count(b"\t" if tabs else b" ")
            check_size(size, found[0][:40].decode("utf-8", "replace"), name)
        elif first == 2 and b" " not in found[0]:
            tabs = b"\t" in found[0]
        kept = found
        while kept and not kept[-1]:
            kept = kept[:-1]
        if kept and blank:
            raise DataError(f"{name}, line {first - 1}: expected a word and {size} numbers. Received: an empty line")
        if kept:
            kept = [line.replace(b"\t", b" ") for line in kept] if tabs else kept
            yield _text_block(kept, size, name, first, encoding, errors)
        blank = blank or len(kept) < len(found)
        first += len(found)
    if size is None:
        raise DataError(f"{name}: expected words and their vectors. Received: none")


def _line_blocks(blocks: Iterable[bytes], name: str) -> Iterator[list[bytes]]:
    """Yield the lines of a text, without their ends and trailing blanks, in lists."""
    kept = b""
    for data in blocks:
        if b"\0" in data:
            raise DataError(f"{name} looks like a binary file; expected text. Received: a zero byte")
        *whole, kept = (kept + data).split(b"\n")
        if whole:
            yield [line.rstrip(_ENDS) for line in whole]
        if len(kept) > line_format.LONGEST_LINE:
            raise DataError(f"{name}: expected a word and its numbers a line. Received: {len(kept)} bytes")
    if kept:
        yield [kept.rstrip(_ENDS)]


def _text_block(lines: list[bytes], size: int, name: str, first: int, encoding: str, errors: str) -> VectorBlock:
    """Return the words and vectors of lines, the first of which has the number `first`."""
    words: list[bytes] = []
    numbers: list[bytes] = []
    for place, line in enumerate(lines):
        word, _, rest = line.partition(b" ")
        if line.count(b" ") != size:
            word, rest = _parted_bytes(line, size, name, first + place)
        words.append(word)
        numbers.append(rest)
    if not all(words):
        place = first + words.index(b"")
        raise DataError(f"{name}, line {place}: expected a word before the numbers. Received: none")
    rows = parse_numbers(b" ".join(numbers), len(lines) * size)
    if rows is None or not np.isfinite(rows).all():
        rows = np.concatenate(
            [line_numbers(text.decode("utf-8", "replace"), name, first + place) for place, text in enumerate(numbers)]
        )
    texts = _decoded(words, errors, lambda place: f"{name}, line {first + place}", encoding)
    return VectorBlock(texts, rows.reshape(len(lines), size))


def _parted_bytes(line: bytes, size: int, name: str, number: int) -> tuple[bytes, bytes]:
    word, rest = parted(line.decode("utf-8", "surrogateescape"), size, name, number)
    return word.encode("utf-8", "surrogateescape"), rest.encode("utf-8", "surrogateescape")


def _decoded(words: list[bytes], errors: str, place: Callable[[int], str], encoding: str = "utf-8") -> list[str]:
    """Decode words. Raises EncodingError with the place of the first that is not text."""
    try:
        # No word has a line end in it.
        texts = b"\n".join(words).decode("utf-8", errors).split("\n")
    except UnicodeDecodeError:
        pass
    else:
        if not all(texts):
            number = texts.index("")
            raise EncodingError(f"{place(number)}: expected a word of {encoding} text; errors=replace keeps what is "
                                f"not. Received: {words[number][:40]!r}")  # fmt: skip
        return texts
    for number, word in enumerate(words):
        try:
            word.decode("utf-8")
        except UnicodeDecodeError as error:
            raise EncodingError(
                f"{place(number)}: the word is not {encoding} text ({error.reason}); name the file's encoding with "
                f"--encoding, or read on with --errors replace. Received: {word[:40]!r}"
            ) from error
    raise EncodingError(f"{place(0)}: expected {encoding} text. Received: other bytes")


def binary_blocks(stream: VectorStream, head: Head, *, encoding: str, errors: str) -> Iterator[VectorBlock]:
    """Yield the words and vectors of word2vec's binary format after its header.

    Each word is followed by a space and float32 numbers, little-endian; a line end may come after the numbers. Raises
    DataError with the number of the word where the file ends early, goes on, or has a number that is not finite.
    """
    name, promised, size = stream.name, head.words or 0, head.size or 0
    if not promised or not 1 <= size <= MAX_NUMBERS:
        raise DataError(f"{name}, line 1: expected at least one word and 1 to {MAX_NUMBERS} numbers. "
                        f"Received: {promised} words of {size} numbers")  # fmt: skip
    width = 4 * size
    if stream.total is not None and promised * (width + 2) > stream.total - head.length:
        raise DataError(
            f"{name}: expected {promised} words of {size} numbers, as its first line says, which take more than "
            f"{promised * (width + 2)} bytes (cut short, or a wrong first line?). Received: {stream.total} bytes"
        )
    kept, count = b"", 0
    while count < promised:
        data = stream.read(max(source.BLOCK, width))
        words, rows, used = _binary_block(kept + data, width, promised - count, name, count)
        if words:
            yield _checked_block(words, rows, size, name, count, encoding, errors)
        count += len(words)
        kept = (kept + data)[used:]
        if not data and not words:
            raise DataError(f"{name}: expected {promised} words of {size} numbers, as its first line says. "
                            f"Received: the end after {count} words (cut short, or a wrong first line?)")  # fmt: skip
    rest = kept + stream.read()
    if rest.strip(b"\n\r"):
        raise DataError(f"{name}: expected the end after {promised} words of {size} numbers, as its first line says. "
                        "Received: more bytes")  # fmt: skip


def _binary_block(data: bytes, width: int, most: int, name: str, before: int) -> tuple[list[bytes], list[bytes], int]:
    """Return the whole words of `data`, at most `most`, their vectors' bytes, and how many bytes they take."""
    words: list[bytes] = []
    rows: list[bytes] = []
    place = 0
    while len(words) < most:
        space = data.find(b" ", place, place + _LONGEST_WORD)
        if space < 0:
            if len(data) - place >= _LONGEST_WORD:
                raise DataError(
                    f"{name}, word {before + len(words) + 1}: expected a word of less than {_LONGEST_WORD} bytes and "
                    f"then its numbers (a wrong first line?). Received: {data[place : place + 20]!r}"
                )
            break
        end = space + 1 + width
        if end > len(data):
            break
        words.append(data[place:space].lstrip(b"\n"))
        rows.append(data[space + 1 : end])
        place = end
    return words, rows, place


def _checked_block(
    words: list[bytes], rows: list[bytes], size: int, name: str, before: int, encoding: str, errors: str
) -> VectorBlock:
    def where(place: int) -> str:
        return f"{name}, word {before + place + 1}"

    for place, word in enumerate(words):
        if not word or b"\n" in word:
            raise DataError(f"{where(place)}: expected a word and a space before its numbers (a wrong first line?). "
                            f"Received: {word[:20]!r}")  # fmt: skip
    if encoding != "utf-8":
        words = [word.decode(encoding, errors).encode() for word in words]
    texts = _decoded(words, errors, lambda place: f"{where(place)} (if the first line is right)", encoding)
    matrix = np.frombuffer(b"".join(rows), dtype="<f4").reshape(len(words), size).astype(np.float32, copy=False)
    bad = ~np.isfinite(matrix)
    if bad.any():
        place, column = map(int, np.argwhere(bad)[0])
        raise DataError(f"{where(place)}: expected finite numbers. Received: {matrix[place, column]} for "
                        f"{texts[place][:40]!r}")  # fmt: skip
    return VectorBlock(texts, matrix)


def utf8_blocks(blocks: Iterable[bytes], name: str, *, encoding: str, errors: str) -> Iterator[bytes]:
    """Yield the bytes of a text file as UTF-8 without a byte-order mark; bytes of UTF-8 files are not checked here."""
    if encoding != "utf-8":
        yield from (
            text.encode("utf-8") for text in decoded_blocks(blocks, name, encoding=encoding, errors=errors) if text
        )
        return
    start = True
    for data in blocks:
        yield data.removeprefix(codecs.BOM_UTF8) if start else data
        start = False
