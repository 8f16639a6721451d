"""Captioned items in tables: vectors with a column per feature, or the names of image files."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from elman.data.bad_rows import collect, picked, usable
from elman.data.captioned.captioned import CaptionDataset, checked_text, made
from elman.data.captioned.config import CaptionDataConfig
from elman.data.captioned.images import read_pictures
from elman.data.table import Table
from elman.errors import DataError

__all__ = ["captioned_table"]

_HINT = "the option caption_columns names them"


def captioned_table(table: Table, folder: Path, config: CaptionDataConfig, *, captioned: bool) -> CaptionDataset:
    """Return the items of a table: images if it has the image column, else vectors.

    Image files are relative to `folder`. Rows with the same image are one item with several captions. With
    `captioned`, every row must have a caption.
    """
    problems: dict[int, DataError] = {}
    captions = _captions(table, config, problems) if captioned else None
    if config.image_column in table.columns:
        kept = usable(len(table), problems)
        table, captions = table.take(kept), None if captions is None else picked(captions, kept)
        return _pictures(table, folder, config, captions)
    columns = config.feature_columns or tuple(name for name in table.columns if name not in config.caption_columns)
    if not columns:
        raise DataError(f"{table.name}: expected columns of numbers, or of image files, {config.image_column!r} "
                        f"(the option image_column names it). Received: {', '.join(table.columns)}")  # fmt: skip
    for name in columns:
        table.column(name, hint="the option feature_columns names them")
    for name in columns:
        for row, problem in table.number_problems(name).items():
            collect(problems, row, problem)
    kept = usable(len(table), problems)
    table, captions = table.take(kept), None if captions is None else picked(captions, kept)
    values = np.stack([table.numbers(name) for name in columns], axis=1)
    places = [table.where(row) for row in range(len(table))]
    return made(values, table.name, "vectors", captions=captions, places=places, names=tuple(columns))


def _pictures(
    table: Table, folder: Path, config: CaptionDataConfig, captions: list[list[str]] | None
) -> CaptionDataset:
    files = table.texts(config.image_column)
    first: dict[str, int] = {}
    several: Mapping[str, list[str]] = {file: [] for file in files}
    for row, file in enumerate(files):
        if not file.strip():
            raise DataError(f"{table.where(row)}: expected the name of an image file. Received: an empty cell")
        first.setdefault(file, row)
        if captions is not None:
            several[file] += captions[row]
    paths = [folder / Path(file).expanduser() for file in first]
    names = [f"{table.where(row)}, {path}" for path, row in zip(paths, first.values(), strict=True)]
    pixels, kept = read_pictures(paths, names, config)
    listed = None if captions is None else picked(list(several.values()), kept)
    return made(pixels, table.name, "images", captions=listed, places=picked(names, kept))


def _captions(table: Table, config: CaptionDataConfig, problems: dict[int, DataError]) -> list[list[str]]:
    """Return the captions of every row, from all caption columns; empty cells are left out."""
    columns = [table.column(name, hint=_HINT) for name in config.caption_columns]
    if not columns:
        raise DataError(f"{table.name}: expected a column of captions ({_HINT}). Received: none")
    found: list[list[str]] = []
    for row, cells in enumerate(zip(*columns, strict=True)):
        texts = [text for cell in cells for text in _listed(cell)]
        given = [text for text in texts if text.strip()]
        if not given:
            collect(problems, row, DataError(f"{table.where(row)}: expected a caption. Received: none"))
        found.append([checked_text(text, table.where(row)) for text in given])
    return found


def _listed(cell: str | None) -> list[str]:
    """Return the texts of a cell, which is a list of texts in some JSON lines."""
    if cell is None:
        return []
    if cell.startswith("["):
        try:
            values = json.loads(cell)
        except ValueError:
            return [cell]
        if isinstance(values, list) and all(isinstance(value, str) for value in values):
            return values
    return [cell]
