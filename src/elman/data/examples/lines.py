"""A text file as a whole, or as its lines. Knows nothing about labels."""

from __future__ import annotations

from elman.data.decoding import check_encoding, decoded_blocks, raw_blocks
from elman.data.examples.config import ExamplesConfig
from elman.data.inputs import InputFile

__all__ = ["text_lines", "whole_text"]

_BLOCK = 1 << 20


def whole_text(file: InputFile, config: ExamplesConfig) -> str:
    """The text in a file, without a byte-order mark, with "\\n" at line ends. Raises EncodingError, DataError."""
    blocks = raw_blocks(file.path, file.name, _BLOCK)
    encoding = check_encoding(config.encoding)
    return "".join(decoded_blocks(blocks, file.name, encoding=encoding, errors=config.errors))


def text_lines(file: InputFile, config: ExamplesConfig) -> list[str]:
    """The lines of a text file without blanks around them; empty ones at its end are left out."""
    lines = [line.strip(" ") for line in whole_text(file, config).split("\n")]
    while lines and not lines[-1].strip():
        lines.pop()
    return lines
