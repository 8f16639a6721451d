"""Arguments of the readers of tagged sentences and frames. Does not import numpy."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from elman.data.decoding import lines_of, text_in

__all__ = ["ReadOptions"]


@dataclass(frozen=True)
class ReadOptions:
    """Arguments of a reader; see `read_tagged`.

    `detect` is whether the content may show that a file is in another format than its name says.
    """

    word_column: int = 1
    tag_column: str = ""
    sequence_column: str = "sequence"
    time_column: str = "time"
    quoting: str = "auto"
    decimal: str = "."
    encoding: str = "utf-8"
    errors: str = "strict"
    with_tags: bool = True
    punctuation: bool = False
    detect: bool = False
    known_tags: frozenset[str] | None = None

    def lines(self, path: Path, name: str) -> list[str]:
        """Return the lines of a file; `name` is its name in messages."""
        return lines_of(text_in(path, name, encoding=self.encoding, errors=self.errors))
