"""Lines of text files, and lines of standard input as they arrive."""

from __future__ import annotations

import codecs
import os
import sys
from collections.abc import Iterator

from elman.data.decoding import check_encoding, text_in
from elman.data.examples.base import Examples
from elman.data.examples.config import ExamplesConfig
from elman.data.inputs import InputFile
from elman.errors import EncodingError

__all__ = ["incoming_texts", "text_lines"]

# The most bytes of standard input that are read at a time.
_INCOMING = 1 << 16


def text_lines(file: InputFile, config: ExamplesConfig) -> list[str]:
    """Return the lines of a text file without surrounding spaces; empty lines at the end are left out."""
    text = text_in(file.path, file.name, encoding=config.encoding, errors=config.errors)
    lines = [line.strip(" ") for line in text.split("\n")]
    while lines and not lines[-1].strip():
        lines.pop()
    return lines


def incoming_texts(config: ExamplesConfig) -> Iterator[Examples]:
    """Yield the lines of standard input that are available at a time, as examples; empty lines are left out.

    Raises EncodingError for bytes that are not text.
    """
    for first, lines in _incoming_lines(config.encoding, config.errors):
        kept = [(f"standard input, line {number}", line) for number, line in enumerate(lines, first) if line.strip()]
        if kept:
            yield Examples("text", [line for _, line in kept], None, [place for place, _ in kept])


def _incoming_lines(encoding: str, errors: str) -> Iterator[tuple[int, list[str]]]:
    """Yield the lines of standard input that are available at a time, with the line number of the first."""
    decoder = codecs.getincrementaldecoder("utf-8-sig" if check_encoding(encoding) == "utf-8" else encoding)(errors)
    rest, number = "", 1
    while True:
        block = os.read(sys.stdin.fileno(), _INCOMING)
        try:
            rest += decoder.decode(block, final=not block)
        except UnicodeDecodeError as error:
            raise EncodingError(
                f"standard input, line {number} or after: expected text in {encoding}. Received: {error.reason}"
            ) from error
        *lines, rest = rest.split("\n")
        if not block and rest:
            lines.append(rest)
        if lines:
            yield number, [line.removesuffix("\r") for line in lines]
            number += len(lines)
        if not block:
            return
