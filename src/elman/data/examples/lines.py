"""Lines of text files, and lines of standard input as they arrive."""

from __future__ import annotations

import sys
from collections.abc import Iterator

from elman.data.blank_lines import is_blank
from elman.data.decoding import lines_of, stream_lines, text_in
from elman.data.examples.base import Examples
from elman.data.examples.config import ExamplesConfig
from elman.data.inputs import InputFile

__all__ = ["all_lines", "incoming_texts", "text_lines"]


def text_lines(file: InputFile, config: ExamplesConfig) -> list[str]:
    """Return the lines of a text file without surrounding spaces; empty lines at the end are left out."""
    lines = all_lines(file, config)
    while lines and is_blank(lines[-1]):
        lines.pop()
    return lines


def all_lines(file: InputFile, config: ExamplesConfig) -> list[str]:
    """Return the lines of a text file without surrounding spaces."""
    text = text_in(file.path, file.name, encoding=config.encoding, errors=config.errors)
    return [line.strip(" ") for line in lines_of(text)]


def incoming_texts(config: ExamplesConfig) -> Iterator[Examples]:
    """Yield the lines of standard input that are available at a time, as examples; some may be empty.

    Raises EncodingError for bytes that are not text.
    """
    name, number = "standard input", 1
    for lines in stream_lines(sys.stdin.buffer, name, encoding=config.encoding, errors=config.errors):  # type: ignore[arg-type]
        places = [f"{name}, line {place}" for place in range(number, number + len(lines))]
        yield Examples("text", lines, None, places)
        number += len(lines)
