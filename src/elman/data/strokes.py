"""Drawings and handwriting as pen strokes (dx, dy, pen) with a text each, from files and arrays, and their scaling.

dx and dy are the offset from the point before, in any unit; pen is 1 if the pen is lifted after the point, else 0.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from elman.data.bad_rows import checked, index_places, picked
from elman.data.binary import open_bytes, read_npy, read_npz
from elman.data.decoding import raw_blocks
from elman.data.inputs import InputFile, find_files, is_new
from elman.data.manifest import ManifestConfig, sidecar_text
from elman.data.suffixes import table_kind
from elman.data.table import read_table
from elman.data.transcripts import FrameNormalizer, Transcripts, checked_text, digest_of, joined, listed_texts
from elman.errors import DataError

__all__ = ["check_strokes", "holds_strokes", "read_strokes", "stroke_scale", "strokes_from"]

Floats = npt.NDArray[np.float32]

# Key of the points in JSON lines.
_STROKES = "strokes"
# A part of a file that has several.
_PART = re.compile(r"(.+\.npz):(\w+)", re.IGNORECASE)
# Most bytes read from JSON lines to distinguish drawings from a list of sound files.
_LOOK = 1 << 22


def holds_strokes(path: str | os.PathLike[str]) -> bool:
    """Return whether a file or folder has drawings: arrays, or JSON lines with a key "strokes" in the first line."""
    place = Path(_parted(path)[0]).expanduser()
    if place.is_dir():
        return any(each.suffix.lower() == ".npy" for each in place.rglob("*") if not each.name.startswith("."))
    if place.suffix.lower() in (".npy", ".npz"):
        return True
    if table_kind(place) != "jsonl" or not place.is_file():
        return False
    start = b""
    for block in raw_blocks(place, str(path), 1 << 16):
        start += block
        if b"\n" in start.lstrip() or len(start) > _LOOK:
            break
    try:
        return _STROKES in json.loads(start.strip().split(b"\n")[0])
    except (ValueError, TypeError, RecursionError):
        return False


def read_strokes(
    paths: Sequence[str | os.PathLike[str]] | str | os.PathLike[str],
    config: ManifestConfig,
    *,
    labelled: bool = True,
) -> Transcripts:
    """Read the drawings in files, folders and globs, in the order given, as sequences `x_TF` with F = 3 values a point.

    .npz    arrays `points` (N x 3, all drawings concatenated), `lengths` and `texts`; or several parts, such as
            `train_points`, one of which is selected with FILE.npz:train or `config.part`
    .npy    one drawing, T x 3, with the text of `7.npy` in `7.txt`; also folders of such files
    .jsonl  one drawing a line: {"strokes": [[dx, dy, pen], ...], "text": "..."}

    With `labelled`, each file is read once; without it, texts are not read. The points are not scaled: see
    `stroke_scale`. Raises DataError with file, line or row for invalid data; EncodingError, StorageError.
    """
    named = [os.fspath(path) for path in ([paths] if isinstance(paths, str | os.PathLike) else paths)]
    parts: list[Transcripts] = []
    seen: set[str] = set()
    for each in named:
        pattern = "*.npy" if Path(each).expanduser().is_dir() else "*"
        source, part = _parted(each)
        for file in find_files([source], pattern=pattern):
            if labelled and not is_new(file, seen, part):
                continue
            try:
                parts.append(_read(file, config, labelled, part))
            finally:
                if file.spooled:
                    file.path.unlink(missing_ok=True)
    if not parts:
        raise DataError("expected at least one file of drawings. Received: none")
    return replace(joined(parts), name=", ".join(named))


def strokes_from(
    drawings: Sequence[Any], texts: Sequence[Any] | None = None, *, name: str = "the drawings"
) -> Transcripts:
    """Convert drawings, each a list or array of T x 3 numbers.

    Invalid ones are left out within `bad_rows_of`; else raises DataError with the index of the first one.
    """
    if isinstance(drawings, str | bytes) or not hasattr(drawings, "__len__"):
        raise DataError(f"expected a list of drawings. Received: {type(drawings).__name__}")
    places = index_places(name, drawings, len(drawings))
    return _transcripts(list(drawings), listed_texts(texts, len(drawings), name), places, name)


def check_strokes(values: Any, place: str) -> Floats:
    """Check a drawing and return it as float32 `x_TF`, T x 3.

    Raises DataError, with `place` and the index of the point, for no points, another shape or type, a number that is
    not finite, and a pen other than 0 and 1.
    """
    try:
        array = np.asarray(values)
    except ValueError as error:
        raise DataError(f"{place}: expected points of three numbers (dx, dy, pen). Received: {error}") from error
    if array.dtype.kind not in "iufb" or array.ndim != 2 or array.shape[1] != 3 or not len(array):
        raise DataError(f"{place}: expected one point at least, each of three numbers (dx, dy, pen). "
                        f"Received: {array.dtype} of shape {array.shape}")  # fmt: skip
    with np.errstate(over="ignore"):
        x_TF = np.ascontiguousarray(array, dtype=np.float32)
    bad = np.flatnonzero(~np.isfinite(x_TF).all(axis=1))
    if len(bad):
        point = int(bad[0])
        raise DataError(f"{place}, point {point}: expected finite numbers. Received: {array[point].tolist()}")
    pen_T = x_TF[:, 2]
    odd = np.flatnonzero((pen_T != 0.0) & (pen_T != 1.0))
    if len(odd):
        point = int(odd[0])
        raise DataError(f"{place}, point {point}: expected a pen of 0 (drawing) or 1 (lifted after the point). "
                        f"Received: {pen_T[point]:g}")  # fmt: skip
    return x_TF


def stroke_scale(frames: Iterable[Floats]) -> FrameNormalizer:
    """Return the scale that divides dx and dy by their common standard deviation, which keeps the aspect ratio.

    Nothing is subtracted, and the pen is unchanged. Raises DataError if there are no points or the pen never moves.
    """
    count, total, squares = 0, 0.0, 0.0
    for x_TF in frames:
        moves = x_TF[:, :2].astype(np.float64)
        count, total, squares = count + moves.size, total + moves.sum(), squares + np.square(moves).sum()
    deviation = np.sqrt(max(0.0, squares / count - (total / count) ** 2)) if count else 0.0
    if not deviation > 0.0:
        raise DataError(f"expected drawings in which the pen moves. Received: {count // 2:,} points of one move")
    return FrameNormalizer(np.zeros(3, dtype=np.float32), np.array([deviation, deviation, 1.0], dtype=np.float32))


def _parted(path: str | os.PathLike[str]) -> tuple[str, str]:
    """Split FILE.npz:PART into the file and the part; other paths have the part ""."""
    whole = os.fspath(path)
    found = _PART.fullmatch(whole)
    return (found[1], found[2]) if found and not Path(whole).expanduser().exists() else (whole, "")


def _read(file: InputFile, config: ManifestConfig, labelled: bool, part: str) -> Transcripts:
    suffix = file.path.suffix.lower()
    if suffix == ".npz":
        return _read_npz(file, part, config.part, labelled)
    if suffix == ".npy":
        texts = [sidecar_text(file.path, file.name, config)] if labelled else None
        return _transcripts([read_npy(open_bytes(file.path, file.name))], texts, [file.name], file.name)
    if table_kind(file.path) != "jsonl" and not file.spooled:
        raise DataError(f"expected drawings in a file of the kinds .npz, .npy and .jsonl. Received: {file.name}")
    return _read_lines(file, config, labelled)


def _read_npz(file: InputFile, named: str, usual: str, labelled: bool) -> Transcripts:
    """Read the part `named`, or by default `usual`; adds a note if the file has other parts too."""
    wanted = named or usual
    arrays = read_npz(file.path, file.name)
    parts = sorted(key.removesuffix("points").removesuffix("_") for key in arrays if key.endswith("points"))
    if not parts:
        raise DataError(f"{file.name}: expected arrays called points and lengths. "
                        f"Received: {', '.join(list(arrays)[:20]) or 'none'}")  # fmt: skip
    if wanted not in parts and (wanted or len(parts) > 1):
        raise DataError(f"{file.name}: expected a part among {', '.join(map(repr, parts))}. Received: {wanted!r}")
    part = wanted or parts[0]
    prefix = f"{part}_" if part else ""
    points, lengths = arrays[f"{prefix}points"], arrays.get(f"{prefix}lengths")
    if points.ndim != 2 or points.shape[1] != 3:
        raise DataError(f"{file.name}: expected {prefix}points of shape N x 3. Received: shape {points.shape}")
    if lengths is None or lengths.ndim != 1 or lengths.dtype.kind not in "iu" or (lengths < 1).any():
        shown = "none" if lengths is None else f"{lengths.dtype} of shape {lengths.shape}"
        raise DataError(f"{file.name}: expected {prefix}lengths, whole numbers of 1 at least. Received: {shown}")
    if int(lengths.sum(dtype=np.int64)) != len(points):
        raise DataError(f"{file.name}: expected {prefix}lengths with the sum {len(points):,}, as there are points. "
                        f"Received: {int(lengths.sum(dtype=np.int64)):,}")  # fmt: skip
    texts = None
    if labelled:
        found = arrays.get(f"{prefix}texts")
        if found is None or found.dtype.kind not in "UT" or found.shape != lengths.shape:
            shown = "none" if found is None else f"{found.dtype} of shape {found.shape}"
            raise DataError(f"{file.name}: expected {prefix}texts, a text for each of {len(lengths):,} drawings. "
                            f"Received: {shown}")  # fmt: skip
        texts = [str(text) for text in found]
    name = f"{file.name}:{part}" if named else file.name
    places = [f"{name}, drawing {number}" for number in range(1, len(lengths) + 1)]
    drawings = _transcripts(np.split(points, np.cumsum(lengths)[:-1]), texts, places, name)
    if named or len(parts) == 1:
        return drawings
    return replace(drawings, notes=(f"{name}: the part {part} is read; {name}:PART selects another",))


def _read_lines(file: InputFile, config: ManifestConfig, labelled: bool) -> Transcripts:
    table = read_table(file.path, kind="jsonl", encoding=config.encoding, errors=config.errors)
    table = replace(table, name=file.name)
    texts = table.texts(config.text_column, hint="named by text_column") if labelled else None
    places = [table.where(row) for row in range(len(table))]
    drawings = []
    for place, value in zip(places, table.texts(_STROKES), strict=True):
        try:
            drawings.append(json.loads(value))
        except ValueError as error:
            raise DataError(f"{place}: expected strokes [[dx, dy, pen], ...]. Received: {value[:40]!r}") from error
    return _transcripts(drawings, texts, places, file.name)


def _transcripts(drawings: Sequence[Any], texts: list[Any] | None, places: list[str], name: str) -> Transcripts:
    if not len(drawings):
        raise DataError(f"expected at least one drawing in {name}. Received: none")

    def one(row: int) -> tuple[Floats, str]:
        text = "" if texts is None else checked_text(texts[row], places[row])
        return check_strokes(drawings[row], places[row]), text

    rows, kept = checked(len(drawings), one)
    frames = [x_TF for x_TF, _ in rows]
    return Transcripts(
        name,
        "strokes",
        frames,
        np.array([len(x_TF) for x_TF in frames], dtype=np.int64),
        3,
        None if texts is None else [text for _, text in rows],
        picked(places, kept),
        [digest_of(x_TF) for x_TF in frames],
    )
