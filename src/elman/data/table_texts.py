"""Text in a column of tables: every row is a document."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from elman.data.inputs import InputFile
from elman.data.read import TextPiece, TextSource
from elman.data.suffixes import table_kind
from elman.data.table import read_table
from elman.data.vocabulary.unicode_forms import in_form
from elman.display import Progress
from elman.errors import DataError

__all__ = ["TableTexts", "is_text_file"]

_HINT = "text_column names the column of the texts"


class TableTexts(TextSource):
    """Text in a column of tables (CSV, TSV, JSON lines, `.gz` or not). A row without a text is no document.

    column   the name of the column
    options  those of `TextSource`; a table is in memory while it is read
    """

    def __init__(self, files: list[InputFile], column: str, **options: Any) -> None:
        super().__init__(files, documents="files", **options)
        self.column = column

    def _pieces(self, progress: Progress | None, count_bytes: Callable[[int], None]) -> Iterator[TextPiece]:
        for number, file in enumerate(self.files):
            count_bytes(file.path.stat().st_size)
            texts: list[str] = []
            starts: list[int] = []
            size = 0
            for text in self._texts(file):
                texts.append(text)
                starts.append(size)
                size += len(text)
                if size >= self.block:
                    yield TextPiece("".join(texts), tuple(starts))
                    texts, starts, size = [], [], 0
            if texts:
                yield TextPiece("".join(texts), tuple(starts))
            if progress is not None:
                progress("reading", (number + 1) / len(self.files))

    def _texts(self, file: InputFile) -> Iterator[str]:
        """Yield the texts of a table, without those that are empty."""
        table = read_table(file.path, encoding=self.encoding, errors=self.errors)
        for row, cell in enumerate(table.column(self.column, hint=_HINT)):
            if cell is None or not cell.strip():
                continue
            if "\0" in cell:
                raise DataError(
                    f"{table.where(row)}: expected text in the column {self.column!r}. Received: a zero byte"
                )
            yield in_form(cell, self.unicode_form)


def is_text_file(file: InputFile) -> bool:
    """Return whether a file has the name of a text and of no table, unlike standard input and a file without suffix."""
    return not file.spooled and table_kind(file.path) is None and file.path.suffix not in ("", ".gz")
