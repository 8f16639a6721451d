"""Labels in separate files."""

from __future__ import annotations

import re
from pathlib import Path

from elman.data.binary import open_bytes, read_idx, read_npy
from elman.data.examples.config import ExamplesConfig
from elman.data.examples.lines import text_lines
from elman.data.inputs import InputFile
from elman.data.labels import label_texts, pointed_labels
from elman.data.suffixes import bare_suffix, is_idx, table_kind
from elman.data.table import read_table
from elman.display import invisible
from elman.errors import DataError

__all__ = ["label_file", "matched", "read_labels"]

# Names of data files; the last of these words is replaced to get the name of the label file.
_NAMED = re.compile(r"(.*)(?:images-idx3|images|inputs|texts?)(.*)", re.DOTALL)


def label_file(data: Path, config: ExamplesConfig) -> Path | None:
    """Return the label file of a data file, or None.

    `config.labels` is its path; a bare name is looked for in the folder of the data first. Without this option, it is
    the file in the same folder whose name has `labels` in place of `images`, `inputs` or `text` (`labels-idx1` in
    place of `images-idx3`). Raises DataError if the file given by the option does not exist.
    """
    if config.labels:
        named = Path(config.labels)
        for path in (data.parent / named, named.expanduser()) if len(named.parts) == 1 else (named.expanduser(),):
            if path.is_file():
                return path
        raise DataError(f"expected a file of labels. Received: no such file {config.labels}{invisible(config.labels)}")
    found = _NAMED.fullmatch(data.name)
    if found is None:
        return None
    word = "labels-idx1" if "images-idx3" in data.name else "labels"
    path = data.with_name(found[1] + word + found[2])
    return path if path.is_file() and path != data else None


def read_labels(path: Path, config: ExamplesConfig) -> list[str]:
    """Read labels from a file: `.npy`, idx, the label column of a table, or else one per line. Raises DataError."""
    name = str(path)
    if bare_suffix(path) == ".npy" or is_idx(path):
        source = open_bytes(path, name)
        values = read_idx(source) if is_idx(path) else read_npy(source)
        if values.ndim != 1 or values.dtype.kind not in "biufU":
            raise DataError(f"{name}: expected an array of N labels, numbers or texts. "
                            f"Received: {values.dtype} of shape {values.shape}")  # fmt: skip
        return label_texts(values.tolist(), name)
    if table_kind(path):
        table = read_table(
            path,
            header=config.header,
            delimiter=config.delimiter,
            quoting=config.quoting,
            decimal=config.decimal,
            encoding=config.encoding,
            errors=config.errors,
        )
        return pointed_labels([label.strip() for label in table.texts(config.label_column)], config.decimal)
    lines = text_lines(InputFile(path, name), config)
    empty = next((number for number, line in enumerate(lines, 1) if not line.strip()), None)
    if empty is not None:
        raise DataError(f"{name}, line {empty}: expected a label. Received: an empty line")
    return pointed_labels([line.strip() for line in lines], config.decimal)


def matched(labels: list[str], count: int, name: str, data: str) -> list[str]:
    """Return `labels`. Raises DataError unless there are `count` of them."""
    if len(labels) != count:
        raise DataError(f"{name}: expected a label for each of the {count:,} examples in {data}. "
                        f"Received: {len(labels):,} labels")  # fmt: skip
    return labels
