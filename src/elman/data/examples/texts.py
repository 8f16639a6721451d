"""Labelled texts in files: columns of a table, lines of label and text, a folder or a file per class."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from elman.data.bad_rows import picked, usable
from elman.data.blank_lines import answer_lines, is_blank
from elman.data.decoding import text_in
from elman.data.examples.base import Examples
from elman.data.examples.config import ExamplesConfig
from elman.data.examples.labels import label_file, matched, read_labels
from elman.data.examples.lines import all_lines, text_lines
from elman.data.inputs import PICTURES, InputFile, find_files
from elman.data.labels import pointed_labels
from elman.data.suffixes import bare_suffix
from elman.data.table import Table
from elman.errors import DataError

__all__ = ["check_no_picture", "check_texts", "classes_of_files", "lines_with_labels", "table_labels", "texts_of_table"]


def texts_of_table(table: Table, config: ExamplesConfig, *, labelled: bool) -> Examples:
    """Return the texts in the column `config.text_column`, with the labels of their rows.

    A row with an empty text or, if `labelled`, an empty label cannot be used.
    """
    column = config.text_column
    texts = table.column(column, hint="text_column names it; without header the names are 1, 2, ...")
    problems = {
        row: table.no_value(row, column)
        if text is None
        else DataError(f"{table.where(row)}: expected a text in the column {column!r}. Received: an empty cell")
        for row, text in enumerate(texts)
        if text is None or not text.strip()
    }
    labels = _labels(table, config, labelled=labelled)
    if labelled and labels is not None and "" in labels:
        for row, label in enumerate(labels):
            if not label:
                problems.setdefault(row, _no_label(table, config, row))
    kept = usable(len(table), problems)
    table, labels = table.take(kept), None if labels is None else picked(labels, kept)
    places = [table.where(row) for row in range(len(table))]
    return Examples("text", table.texts(column), _used_labels(table, config, labels, labelled=labelled), places)


def table_labels(table: Table, config: ExamplesConfig, *, labelled: bool) -> list[str] | None:
    """Return the label of every row; None if not `labelled` and the column or any label is missing."""
    return _used_labels(table, config, _labels(table, config, labelled=labelled), labelled=labelled)


def _labels(table: Table, config: ExamplesConfig, *, labelled: bool) -> list[str] | None:
    """Return the label of every row, of which some may be empty; None without a column of labels."""
    if not labelled and config.label_column not in table.columns:
        return None
    return [(value or "").strip() for value in table.column(config.label_column, hint="label_column names it")]


def _used_labels(table: Table, config: ExamplesConfig, labels: list[str] | None, *, labelled: bool) -> list[str] | None:
    """Return the labels if there are any. Raises DataError for an empty one if `labelled`; else there are none."""
    if labels is None or (not labelled and "" in labels):
        return None
    if "" in labels:
        raise _no_label(table, config, labels.index(""))
    return pointed_labels(labels, table.decimal)


def _no_label(table: Table, config: ExamplesConfig, row: int) -> DataError:
    return DataError(
        f"{table.where(row)}: expected a label in the column {config.label_column!r}. Received: an empty cell"
    )


def lines_with_labels(file: InputFile, config: ExamplesConfig, *, labelled: bool) -> Examples:
    """Read one text per line, with its label before or after it, or in a separate file of labels.

    If not `labelled`, each line is a text only, unless there is a file of labels or every line has a tab between label
    and text; lines may be empty if there is no file of labels. Raises DataError, with the line, for another text or
    label that is empty or missing.
    """
    label_path = label_file(file.path, config)
    if not labelled and label_path is None:
        return _unlabelled(file, config)
    lines = text_lines(file, config)
    if not lines:
        raise DataError(f"{file.name}: expected one text per line. Received: an empty file")
    places = _places(file, lines)
    delimiter = config.delimiter or "\t"
    labels: list[str] | None = None
    if label_path is not None:
        labels = matched(read_labels(label_path, config), len(lines), str(label_path), file.name)
    else:
        labels, lines, problems = _cut(lines, places, delimiter, config.label_first)
        kept = usable(len(lines), problems)
        labels, lines, places = picked(labels, kept), picked(lines, kept), picked(places, kept)
        labels = pointed_labels(labels, config.decimal)
    return check_texts(Examples("text", lines, labels, places))


def check_texts(examples: Examples, *, last: bool = True) -> Examples:
    """Return `examples`; without `last`, without empty texts at the end. Others cannot be used."""
    count = len(examples)
    while not last and count and isinstance(text := examples.inputs[count - 1], str) and is_blank(text):
        count -= 1
    examples = examples if count == len(examples) else examples.take(range(count))
    problems = {
        row: DataError(f"{examples.places[row]}: expected a text. Received: an empty one")
        for row, each in enumerate(examples.inputs)
        if isinstance(each, str) and is_blank(each)
    }
    kept = usable(len(examples), problems)
    return examples if kept is None else examples.take(kept)


def _places(file: InputFile, lines: Sequence[str]) -> list[str]:
    return [f"{file.name}, line {number}" for number in range(1, len(lines) + 1)]


def _unlabelled(file: InputFile, config: ExamplesConfig) -> Examples:
    """Return the text of every line, of which some may be empty."""
    lines = all_lines(file, config)
    rows = [row for row, line in enumerate(lines) if not is_blank(line)]
    if not rows:
        raise DataError(f"{file.name}: expected one text per line. Received: an empty file")
    places = _places(file, lines)
    if config.delimiter not in ("", "\t") or not all("\t" in lines[row] for row in rows):
        return Examples("text", lines, None, places)
    labels, texts, problems = _cut(picked(lines, rows), picked(places, rows), "\t", config.label_first)
    if problems:
        raise problems[min(problems)]
    labels = pointed_labels(labels, config.decimal)
    cut = answer_lines(lines, lambda _: zip(texts, labels, strict=True), lambda _: ("", ""))
    return Examples("text", [text for text, _ in cut], [label for _, label in cut], places)


def _cut(
    lines: list[str], places: list[str], delimiter: str, label_first: bool
) -> tuple[list[str], list[str], dict[int, DataError]]:
    """Split lines into labels and texts; also return the errors of lines that are not both."""
    labels, texts = [], []
    problems: dict[int, DataError] = {}
    order = "a label, then a text" if label_first else "a text, then a label"
    for row, line in enumerate(lines):
        before, found, after = line.partition(delimiter) if label_first else line.rpartition(delimiter)
        label, text = (before.strip(), after) if label_first else (after.strip(), before)
        if not found or not label:
            problems[row] = DataError(
                f"{places[row]}: expected {order}, with {delimiter!r} between them. Received: {line[:40]!r}"
            )
        labels.append(label)
        texts.append(text)
    return labels, texts, problems


def check_no_picture(file: InputFile) -> None:
    """Raise DataError for an image file, by its suffix."""
    if file.path.suffix.lower() in PICTURES:
        raise DataError(
            f"{file.name}: expected images as an array of N x height x width (.npy, .npz, idx) with a file of labels, "
            f"since image files are not read here. Received: a {file.path.suffix} file"
        )


def classes_of_files(paths: Sequence[str], config: ExamplesConfig) -> Examples:
    """Read examples by class: per class a folder with one text per file, or a file with one text per line.

    The label is the name of the folder; or the name of the file without its suffix; or the suffix, if the rest is the
    same in all files (`rt-polarity.neg`, `rt-polarity.pos`). Empty lines are left out. Raises DataError for a mixture
    of folders and files, and for an empty file.
    """
    in_folders: list[tuple[str, InputFile]] = []
    alone: list[InputFile] = []
    for path in paths:
        for file in find_files([path], pattern=config.pattern):
            check_no_picture(file)
            inner = file.path.relative_to(Path(path).expanduser()).parts if Path(path).expanduser().is_dir() else ()
            if len(inner) > 1:
                in_folders.append((inner[0], file))
            else:
                alone.append(file)
    if in_folders and alone:
        raise DataError(
            f"expected either a folder or a file per class; {in_folders[0][1].name} is in a folder; option pattern "
            f"selects files. Received: {alone[0].name} next to the folders"
        )
    texts = [text_in(file.path, file.name, encoding=config.encoding, errors=config.errors) for _, file in in_folders]
    problems = {
        row: DataError(f"{in_folders[row][1].name}: expected a text. Received: an empty file")
        for row, text in enumerate(texts)
        if not text.strip()
    }
    kept = usable(len(texts), problems)
    inputs = picked(texts, kept)
    labels = [label for label, _ in picked(in_folders, kept)]
    places = [file.name for _, file in picked(in_folders, kept)]
    stems = [file.path.name.removesuffix(".gz").removesuffix(Path(file.path.name.removesuffix(".gz")).suffix)
             for file in alone]  # fmt: skip
    by_suffix = len(alone) > 1 and len(set(stems)) == 1
    for file, stem in zip(alone, stems, strict=True):
        lines = [(number, line) for number, line in enumerate(text_lines(file, config), 1) if line.strip()]
        if not lines:
            raise DataError(f"{file.name}: expected one text per line. Received: an empty file")
        inputs += [line for _, line in lines]
        labels += [bare_suffix(file.path).removeprefix(".") if by_suffix else stem] * len(lines)
        places += [f"{file.name}, line {number}" for number, _ in lines]
    return Examples("text", inputs, labels, places)
