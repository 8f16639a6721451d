"""Reading pairs from paths: tables, aligned files, and zip archives of these."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from elman.data.cells import is_quoted, quoted_cells
from elman.data.decoding import check_encoding
from elman.data.inputs import find_files
from elman.data.pairs.archive import TextFile, is_archive, members_of, text_file
from elman.data.pairs.pairs import Pairs, check_some, joined, paired, tidy
from elman.data.pairs.tables import Columns, pairs_of_rows, pairs_of_table
from elman.data.read import ERRORS
from elman.data.suffixes import table_kind
from elman.data.table import table_of_text
from elman.errors import ConfigError, DataError

__all__ = ["FORMATS", "HEADERS", "read_pairs"]

FORMATS = ("auto", "aligned", "tsv", "csv", "jsonl")
HEADERS = ("auto", "yes", "no")


def read_pairs(
    paths: Sequence[str | os.PathLike[str]] | str | os.PathLike[str],
    *,
    format: str = "auto",
    source_column: str = "",
    target_column: str = "",
    header: str = "auto",
    quoting: str = "auto",
    encoding: str = "utf-8",
    errors: str = "strict",
    with_targets: bool = True,
) -> Pairs:
    """Read the pairs in files, folders, globs, or on standard input ("-"): tables first, then aligned files.

    Args:
        paths: what to read. Files may be compressed (`.gz`); a `.zip` has a table or two aligned files.
        format: `aligned`: the sources in one file and the targets in another, line by line. Two files are source and
            target, in this order; of more files, those with one suffix are the sources (`a.de b.de a.en b.en`).
            `tsv`: lines of source, tab, target. `csv`, `jsonl`: tables with named columns. `auto`: by the suffix
            (.tsv, .tab, .csv, .jsonl, .ndjson); a single file with another suffix is `tsv`, several are `aligned`.
        source_column, target_column: number (from 1) or name of a table's column; by default the columns named source
            and target, else the first and the second. For aligned files: 1 or 2, or a suffix such as `de`.
        header: "yes" or "no": whether the first row of a table has the column names. "auto": yes for csv; for tsv if
            a column is given by name, or if the first row has the names source and target.
        quoting: "on" or "off": whether quotation marks enclose the cells of tables; "auto": on for csv, off for tsv.
        encoding: the encoding of the files.
        errors: what to do with bytes that are not text: "strict", "replace" or "ignore".
        with_targets: whether targets are required. If False, only sources are read: the source column of tables, and
            every line of other files. Empty sources are kept, so that outputs correspond to lines.

    Pairs with an empty side are left out and counted. Raises DataError, with file and line, for aligned files of
    different lengths, a missing tab or column, empty files, archives that are damaged, ambiguous or too large, and no
    pairs; EncodingError, StorageError, ConfigError.
    """
    for option, value, known in (("format", format, FORMATS), ("header", header, HEADERS), ("errors", errors, ERRORS)):
        if value not in known:
            raise ConfigError(f"expected {option} to be one of {', '.join(known)}. Received: {value!r}")
    if source_column and source_column == target_column and with_targets:
        raise ConfigError(f"expected two columns, of source and target. Received: {source_column!r} for both")
    check_encoding(encoding)
    reader = _Reader(format, (source_column, target_column), header, quoting, encoding, errors, with_targets)
    named = [paths] if isinstance(paths, str | os.PathLike) else list(paths)
    parts: list[Pairs] = []
    texts: list[TextFile] = []
    spooled: list[Path] = []
    try:
        for each in named:
            for file in find_files([each]):
                if file.spooled:
                    spooled.append(file.path)
                if is_archive(file.path):
                    parts.append(reader.archive(members_of(file), file.name))
                elif (kind := reader.kind(file.path)) == "text":
                    texts.append(text_file(file))
                else:
                    parts.append(reader.table(text_file(file), kind))
        parts += reader.texts(texts)
    finally:
        for path in spooled:
            path.unlink(missing_ok=True)
    if not parts:
        raise ConfigError("expected at least one file of sentences. Received: none")
    return check_some(joined(parts))


class _Reader:
    """Reads files with the options of `read_pairs`."""

    def __init__(
        self,
        format: str,
        columns: Columns,
        header: str,
        quoting: str,
        encoding: str,
        errors: str,
        with_targets: bool,
    ) -> None:
        self.format = format
        self.columns = columns
        self.header = header
        self.quoting = quoting
        self.encoding = encoding
        self.errors = errors
        self.with_targets = with_targets

    def kind(self, path: Path) -> str:
        """Return the kind of a file: tsv, csv, jsonl, or text (aligned or tsv, decided later)."""
        if self.format == "auto":
            return table_kind(path) or "text"
        return "text" if self.format == "aligned" else self.format

    def archive(self, members: list[TextFile], name: str) -> Pairs:
        """Read the pairs in an archive of one table or two aligned files."""
        kinds = [self.kind(member.path) for member in members]
        if len(members) == 1:
            return self.table(members[0], kinds[0]) if kinds[0] != "text" else joined(self.texts(members))
        chosen = self._by_suffix(members) if set(kinds) == {"text"} else None
        if chosen is not None and len(chosen) == 1:
            return self._aligned(*chosen[0])
        if chosen is None and len(members) == 2 and set(kinds) == {"text"} and self.with_targets:
            return joined(self.texts(members))
        shown = ", ".join(repr(member.path.name[:40]) for member in members[:20])
        raise DataError(f"{name}: expected one table, or two aligned files, in the archive. Received: {shown}")

    def table(self, file: TextFile, kind: str) -> Pairs:
        """Read the pairs in a table of this kind."""
        if kind == "tsv":
            lines = file.lines(self.encoding, self.errors)
            quoted = is_quoted(self.quoting, kind, "\t")
            rows = quoted_cells(lines, file.name) if quoted else [line.split("\t") for line in lines]
            return pairs_of_rows(rows, file.name, self.columns, self.header, with_targets=self.with_targets)
        text = file.text(self.encoding, self.errors)
        table = table_of_text(text, file.name, kind=kind, header=self.header != "no", quoting=self.quoting, skips=True)
        return pairs_of_table(table, self.columns, with_targets=self.with_targets)

    def texts(self, files: list[TextFile]) -> list[Pairs]:
        """Read the pairs in files of the kind text."""
        if not files:
            return []
        if not self.with_targets:
            return [
                Pairs(file.name, list(map(tidy, file.lines(self.encoding, self.errors))), None) for file in files
            ]  # fmt: skip
        if len(files) == 1 and self.format == "auto":
            return [self.table(files[0], "tsv")]
        return [self._aligned(source, target) for source, target in self._matched(files)]

    def _matched(self, files: list[TextFile]) -> list[tuple[TextFile, TextFile]]:
        """Match files of sources with files of targets."""
        by_suffix = self._by_suffix(files)
        if by_suffix is not None:
            return by_suffix
        suffixes = list(dict.fromkeys(_suffix(file.path) for file in files))
        if len(files) == 2:
            found = [(files[0], files[1])]
        elif len(suffixes) == 2:
            found = _matched_by(files, suffixes[0], suffixes[1])
        else:
            shown = ", ".join(file.name for file in files[:20])
            raise DataError(
                "expected two aligned files, or more of two suffixes (a.de b.de a.en b.en; source_column and "
                f"target_column name them). Received: {shown}"
            )
        for column in self.columns:
            if column not in ("", "1", "2"):
                raise ConfigError(f"expected 1 or 2 as the number of an aligned file. Received: {column!r}")
        if self.columns[0] == "2" or self.columns[1] == "1":
            found = [(second, first) for first, second in found]
        return found

    def _by_suffix(self, files: list[TextFile]) -> list[tuple[TextFile, TextFile]] | None:
        """Match files by the suffixes in source_column and target_column; None if these are not suffixes."""
        source, target = (column.removeprefix(".") for column in self.columns)
        if not self.with_targets or not (source or target) or (source + target).isdecimal():
            return None
        if not source or not target or source.isdecimal() or target.isdecimal():
            raise ConfigError(
                "expected the suffixes of both of two aligned files, as source_column and target_column. "
                f"Received: {self.columns[0]!r} and {self.columns[1]!r}"
            )
        return _matched_by(files, source, target)

    def _aligned(self, source: TextFile, target: TextFile) -> Pairs:
        """Read the pairs of two aligned files."""
        first = source.lines(self.encoding, self.errors)
        second = target.lines(self.encoding, self.errors)
        if len(first) != len(second):
            tables = all("\t" in lines[0] for lines in (first, second))
            hint = " For lines with source, tab and target, use the format tsv." if tables else ""
            raise DataError(
                f"expected two files of the same number of lines.{hint} Received: {len(first)} lines in {source.name} "
                f"and {len(second)} in {target.name}"
            )
        return paired(f"{source.name} and {target.name}", first, second)


def _suffix(path: Path) -> str:
    """Return the suffix of a file without its dot, ignoring `.gz`."""
    return Path(path.name.removesuffix(".gz")).suffix.removeprefix(".")


def _matched_by(files: list[TextFile], source: str, target: str) -> list[tuple[TextFile, TextFile]]:
    """Match the files with two suffixes by the rest of their names."""
    sides: list[dict[str, TextFile]] = []
    for suffix in (source, target):
        side = {str(file.path).removesuffix(".gz").removesuffix(f".{suffix}"): file for file in files
                if _suffix(file.path) == suffix}  # fmt: skip
        if not side:
            shown = ", ".join(file.name for file in files[:20])
            raise DataError(f"expected a file whose name ends with '.{suffix}'. Received: {shown}")
        sides.append(side)
    odd = min(sides[0].keys() ^ sides[1].keys(), default=None)
    if odd is not None:
        file = sides[0].get(odd) or sides[1][odd]
        raise DataError(
            f"expected a file of each name with '.{source}' and one with '.{target}'. Received: only {file.name}"
        )
    return [(file, sides[1][stem]) for stem, file in sides[0].items()]
