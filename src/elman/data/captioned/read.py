"""Reading captioned items from paths: tables, image files, and arrays with a text file of captions."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from elman.data.binary import open_bytes, read_idx, read_npy, read_npz
from elman.data.captioned.captioned import CaptionDataset, checked_captions, checked_text, join, made
from elman.data.captioned.config import CaptionDataConfig
from elman.data.captioned.images import read_pictures
from elman.data.captioned.tables import captioned_table
from elman.data.decoding import lines_of, text_in
from elman.data.inputs import PICTURES, InputFile, find_files, is_new
from elman.data.suffixes import bare_suffix, is_idx, table_kind
from elman.data.table import read_table
from elman.display import Progress
from elman.errors import ConfigError, DataError

__all__ = ["read_captioned"]


# Names of arrays in .npz files; the first name that is present is read.
_ITEMS = ("x", "X", "items", "features", "images", "data")
_CAPTIONS = ("captions", "caption", "y")
# The table of captions in a folder of images.
_TABLES = ("captions.csv", "captions.tsv", "captions.jsonl")


def read_captioned(
    paths: Sequence[str | os.PathLike[str]] | str | os.PathLike[str],
    config: CaptionDataConfig,
    *,
    captioned: bool = True,
    progress: Progress | None = None,
) -> CaptionDataset:
    """Read the items in files, folders and globs, concatenated in the order given.

    Args:
        paths: tables (.csv, .tsv, .jsonl; "-" for standard input); arrays (.npy, .npz, idx), each followed by a text
            file with one line of captions per item, unless the captions are in the .npz; image files; folders of
            images, with their captions in captions.csv, .tsv or .jsonl.
        config: the options for reading them.
        captioned: whether every item must have a caption, and a file that occurs twice is read once. If False,
            captions are not read, and every occurrence of a file is.
        progress: called with "reading" and the fraction of the files that has been read.

    Raises DataError with file and place for data that cannot be used; EncodingError, StorageError, ConfigError.
    """
    named = [os.fspath(path) for path in ([paths] if isinstance(paths, str | os.PathLike) else paths)]
    if not named:
        raise ConfigError("expected at least one file to read. Received: none")
    files = [file for path in named for file in _files(path)]
    parts: list[CaptionDataset] = []
    pictures: list[InputFile] = []
    seen: set[str] = set()
    try:
        place = 0
        while place < len(files):
            file = files[place]
            form = _form(file, config)
            if form == "pictures":
                pictures.append(file)
            elif form == "table":
                if not captioned or is_new(file, seen):
                    parts.append(_table(file, config, captioned))
            else:
                following = files[place + 1] if place + 1 < len(files) else None
                texts = following if following is not None and _form(following, config) == "text" else None
                if not captioned or is_new(file, seen, "" if texts is None else str(texts.path)):
                    parts.append(_array(file, texts, config, captioned))
                place += texts is not None
            place += 1
            if progress is not None:
                progress("reading", place / len(files))
        if pictures:
            parts.append(_pictures(pictures, config, captioned))
        return join(parts)
    finally:
        for file in files:
            if file.spooled:
                file.path.unlink(missing_ok=True)


def _files(path: str) -> list[InputFile]:
    """Return the files of one path or glob: of a folder, its table of captions, or else its images."""
    folder = Path(path).expanduser()
    if path != "-" and folder.is_dir():
        for name in _TABLES:
            if (folder / name).is_file():
                return [InputFile(folder / name, str(folder / name))]
        found = [file for file in find_files([path]) if file.path.suffix.lower() in PICTURES]
        if not found:
            raise DataError(f"expected images, or one of {', '.join(_TABLES)}, in the folder {path}. Received: neither")
        return found
    return find_files([path])


def _form(file: InputFile, config: CaptionDataConfig) -> str:
    suffix = bare_suffix(file.path)
    text = suffix in (".txt", ".text", ".captions")
    if config.format != "auto" and not (text and config.format == "arrays"):
        return config.format
    if file.spooled or table_kind(file.path):
        return "table"
    if suffix in (".npy", ".npz") or is_idx(file.path):
        return "arrays"
    if suffix in PICTURES:
        return "pictures"
    return "text"


def _table(file: InputFile, config: CaptionDataConfig, captioned: bool) -> CaptionDataset:
    table = read_table(
        file.path,
        quoting=config.quoting,
        decimal=config.decimal,
        encoding=config.encoding,
        errors=config.errors,
        skips=True,
    )
    return captioned_table(replace(table, name=file.name), file.path.parent, config, captioned=captioned)


def _pictures(files: list[InputFile], config: CaptionDataConfig, captioned: bool) -> CaptionDataset:
    if captioned:
        raise DataError(
            f"{files[0].name}: expected captions of images in a table with the columns {config.image_column} and "
            f"{', '.join(config.caption_columns)}. Received: image files only"
        )
    names = [file.name for file in files]
    pixels, _ = read_pictures([file.path for file in files], names, config)
    return made(pixels, names[0] if len(names) == 1 else f"{len(names)} images", "images", places=names)


def _array(file: InputFile, texts: InputFile | None, config: CaptionDataConfig, captioned: bool) -> CaptionDataset:
    suffix = bare_suffix(file.path)
    name, inside = file.name, None
    if suffix == ".npz":
        arrays = read_npz(file.path, file.name)
        key = next((key for key in _ITEMS if key in arrays), None)
        if key is None:
            raise DataError(f"{file.name}: expected an array with a name among {', '.join(_ITEMS)}. "
                            f"Received: {', '.join(arrays) or 'no arrays'}")  # fmt: skip
        name, values = f"{file.name}, array {key!r}", arrays[key]
        inside = next((key for key in _CAPTIONS if key in arrays), None)
    elif suffix == ".npy":
        values = read_npy(open_bytes(file.path, file.name))
    elif is_idx(file.path) or config.format == "arrays":
        values = read_idx(open_bytes(file.path, file.name))
    else:
        raise DataError(f"{file.name}: expected a table, an array, or images before a file of captions. "
                        "Received: a text file")  # fmt: skip
    count = len(values) if values.ndim else 0
    captions: list[list[str]] | None = None
    if captioned and texts is not None:
        captions = checked_captions(_lines(texts, config), count, texts.name, name)
    elif captioned and inside is not None:
        captions = _stored(arrays[inside], count, f"{file.name}, array {inside!r}", name)
    elif captioned:
        raise DataError(f"{file.name}: expected a text file of captions after it, one line per item, or captions in "
                        "the .npz file. Received: neither")  # fmt: skip
    return made(values, name, config.items, captions=captions)


def _lines(file: InputFile, config: CaptionDataConfig) -> list[list[str]]:
    """Return the captions of each line; several captions of one item are separated by tabs."""
    lines = lines_of(text_in(file.path, file.name, encoding=config.encoding, errors=config.errors))
    return [
        [checked_text(text, f"{file.name}, line {number}") for text in line.rstrip("\t").split("\t")]
        for number, line in enumerate(lines, 1)
    ]


def _stored(values: npt.NDArray[Any], count: int, name: str, data: str) -> list[list[str]]:
    """Return the captions in an array of texts of shape N or N x captions per item; empty ones are left out."""
    if values.dtype.kind not in "UT" or values.ndim not in (1, 2):
        raise DataError(f"{name}: expected an array of texts, one or several per item. "
                        f"Received: {values.dtype} of shape {values.shape}")  # fmt: skip
    rows = values[:, None] if values.ndim == 1 else values
    given = [[str(text) for text in row if str(text).strip()] or [""] for row in np.asarray(rows, dtype=object)]
    return checked_captions(given, count, name, data)
