"""Frames with one label each, from NumPy files, or from a table with one row per frame. Nothing is unpickled."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from elman.data.binary import open_bytes, read_npy, read_npz
from elman.data.labels import label_texts, pointed_labels
from elman.data.suffixes import table_kind
from elman.data.table import MISSING, Table, read_table
from elman.data.tagged.tagged import Frames, TaggedDataset, check_fit, check_frames
from elman.errors import DataError

__all__ = ["LABELS_SUFFIX", "read_frames"]

# The labels of NAME.npy are in NAME.labels.npy.
LABELS_SUFFIX = ".labels.npy"


def read_frames(
    path: Path,
    *,
    sequence_column: str = "sequence",
    time_column: str = "time",
    tag_column: str = "",
    quoting: str = "auto",
    decimal: str = ".",
    encoding: str = "utf-8",
    errors: str = "strict",
    with_tags: bool = True,
) -> TaggedDataset:
    """Read the sequences of one file.

    .npz              `x`, time x features, and `y`, a label for each frame; or several sequences padded to one length,
                      `x` sequence x time x features, `y` sequence x time, and `lengths`
    .npy              `x`, with `y` in a second file: NAME.npy and NAME.labels.npy
    .csv .tsv .jsonl  one row per frame, in any order: the columns `sequence_column`, `time_column` and `tag_column`
                      (default: label); every other column is a feature

    Raises DataError with file and place; StorageError.
    """
    if table_kind(path) is not None:
        table = read_table(path, quoting=quoting, decimal=decimal, encoding=encoding, errors=errors)
        return _from_table(table, sequence_column, time_column, tag_column or "label", with_tags)
    if path.suffix == ".npz":
        arrays = read_npz(path, str(path))
        if "x" not in arrays:
            raise DataError(f"{path}: expected the arrays x and y. Received: {', '.join(arrays) or 'none'}")
        x, y, lengths = arrays["x"], arrays.get("y"), arrays.get("lengths")
    else:
        labels = path.with_name(path.name.removesuffix(".npy") + LABELS_SUFFIX)
        if with_tags and not labels.exists():
            raise DataError(f"{path}: expected its labels in {labels.name} in the same folder. Received: no such file")
        x, y, lengths = _array(path), _array(labels) if with_tags else None, None
    if with_tags and y is None:
        raise DataError(f"{path}: expected the arrays x and y, the labels. Received: x only")
    return _from_arrays(str(path), x, y if with_tags else None, lengths)


def _array(path: Path) -> npt.NDArray[Any]:
    return read_npy(open_bytes(path, str(path)))


def _from_arrays(
    name: str,
    x: npt.NDArray[np.generic],
    y: npt.NDArray[np.generic] | None,
    lengths: npt.NDArray[np.generic] | None,
) -> TaggedDataset:
    if x.ndim == 2:
        x = x[None]
        y = None if y is None else y[None]
    if x.ndim != 3:
        raise DataError(f"{name}: expected x as time x features, or sequence x time x features. Received: {x.shape}")
    if y is not None and y.shape != x.shape[:2]:
        raise DataError(f"{name}: expected y of shape {x.shape[:2]}, one label per frame. Received: {y.shape}")
    sizes = [x.shape[1]] * len(x)
    if lengths is not None:
        if lengths.shape != (len(x),) or lengths.dtype.kind not in "iu":
            raise DataError(f"{name}: expected {len(x)} integer lengths. Received: {lengths.dtype}, {lengths.shape}")
        sizes = [int(each) for each in lengths]
        if min(sizes, default=1) < 1 or max(sizes, default=1) > x.shape[1]:
            raise DataError(f"{name}: expected lengths from 1 to {x.shape[1]}. Received: {min(sizes)} to {max(sizes)}")
    if not len(x):
        raise DataError(f"{name}: expected at least one sequence. Received: none")
    places = [f"{name}, sequence {row}" for row in range(len(x))]
    frames = [check_frames(x[row, : sizes[row]], places[row]) for row in range(len(x))]
    tags = None
    if y is not None:
        tags = [label_texts(y[row, : sizes[row]].tolist(), places[row]) for row in range(len(x))]
    found = TaggedDataset(name, None, frames, tags, None, places)
    check_fit(found)
    return found


def _from_table(table: Table, sequence: str, time: str, label: str, with_tags: bool) -> TaggedDataset:
    names = table.texts(sequence)
    times = table.numbers(time)
    labels = table.texts(label) if with_tags else None
    features = [name for name in table.columns if name not in (sequence, time, label)]
    if not features:
        raise DataError(
            f"{table.name}: expected columns of features, in addition to {sequence!r}, {time!r} and {label!r}. "
            "Received: none"
        )
    for row, text in enumerate(labels or ()):
        if not text.strip():
            raise DataError(f"{table.where(row)}: expected a tag in the column {label!r}. Received: an empty cell")
    labels = None if labels is None else pointed_labels([text.strip() for text in labels], table.decimal)
    _check_numbers(table, label, labels or ())
    values = np.stack([table.numbers(name) for name in features], axis=1)
    rows: dict[str, list[int]] = {}
    for row, name in enumerate(names):
        rows.setdefault(name, []).append(row)
    frames: list[Frames] = []
    tags: list[list[str]] = []
    for name, own in rows.items():
        own.sort(key=lambda row: times[row])
        _check_times(table, name, own, times)
        frames.append(check_frames(values[own], f"{table.where(min(own))} (sequence {name!r})"))
        if labels is not None:
            tags.append([labels[row] for row in own])
    places = [f"{table.where(min(own))} (sequence {name!r})" for name, own in rows.items()]
    found = TaggedDataset(table.name, None, frames, tags if with_tags else None, None, places, tuple(features))
    check_fit(found)
    return found


def _check_numbers(table: Table, column: str, labels: Sequence[str]) -> None:
    """Raise DataError for a missing value among labels that are numbers otherwise."""
    missing = next((row for row, text in enumerate(labels) if text.strip().lower() in MISSING), None)
    if missing is None:
        return
    try:
        numbers = [float(text) for text in labels if text.strip().lower() not in MISSING]
    except ValueError:
        return  # a label such as "none" among texts
    if numbers:
        raise DataError(
            f"{table.where(missing)}: expected a tag in the column {column!r}, a number as the others. "
            f"Received: {labels[missing].strip()!r}"
        )


def _check_times(table: Table, name: str, rows: Sequence[int], times: npt.NDArray[np.float64]) -> None:
    for before, after in itertools.pairwise(rows):
        if times[before] == times[after]:
            raise DataError(
                f"{table.where(after)}: expected different times in sequence {name!r}. Received: {times[after]:g} twice"
            )
