"""Confusion matrix, the metrics that follow from it, and the matrix as text.

Shapes: N examples, C classes.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from elman.errors import DataError, ShapeError

__all__ = [
    "READABLE",
    "ClassMetrics",
    "Summary",
    "brief_count",
    "checked_counts",
    "class_report",
    "confusion_matrix",
    "confusion_text",
    "shortened",
    "summary",
]

# With more classes than this, the cells are too small for counts.
READABLE = 20
_LISTED_PAIRS = 10


class ClassMetrics(NamedTuple):
    """Metrics of one class, from 0 to 1, and `support`, the number of examples of the class."""

    name: str
    precision: float
    recall: float
    f1: float
    support: int


class Summary(NamedTuple):
    """Metrics over all classes, from 0 to 1, and `support`, the number of examples."""

    accuracy: float
    macro_f1: float
    weighted_f1: float
    support: int


def confusion_matrix(truth: ArrayLike, predicted: ArrayLike, classes: int) -> NDArray[np.int64]:
    """Return the counts `[C, C]`: row i, column j is the number of examples of class i that were predicted as class j.

    Args:
        truth, predicted: class indices from 0 to C - 1, N each.
        classes: C.

    Raises ShapeError or DataError for invalid arrays.
    """
    numbers = {"truth": np.asarray(truth), "predicted": np.asarray(predicted)}
    for name, array in numbers.items():
        if array.ndim != 1 or (array.size and array.dtype.kind not in "iu"):
            raise ShapeError(
                f"expected {name} to be one axis of integers. Received: shape {array.shape}, type {array.dtype}"
            )
        if array.size and not 0 <= array.min() <= array.max() < classes:
            outside = array[(array < 0) | (array >= classes)][0]
            raise DataError(f"expected class indices from 0 to {classes - 1} in {name}. Received: {outside}")
    if len(numbers["truth"]) != len(numbers["predicted"]):
        raise ShapeError(
            f"expected a prediction for each of {len(numbers['truth'])} examples. Received: {len(numbers['predicted'])}"
        )
    pairs = numbers["truth"].astype(np.int64) * classes + numbers["predicted"].astype(np.int64)
    return np.bincount(pairs, minlength=classes * classes).reshape(classes, classes).astype(np.int64)


def class_report(matrix: ArrayLike, names: Sequence[str]) -> list[ClassMetrics]:
    """Return precision, recall, F1 and support of every class. A ratio with denominator 0 is 0."""
    counts = checked_counts(matrix, names)
    hits, support, taken = counts.diagonal(), counts.sum(1), counts.sum(0)
    precision, recall, f1 = _share(hits, taken), _share(hits, support), _share(2 * hits, support + taken)
    return [
        ClassMetrics(name, float(precision[i]), float(recall[i]), float(f1[i]), int(support[i]))
        for i, name in enumerate(names)
    ]


def summary(matrix: ArrayLike) -> Summary:
    """Return accuracy, macro F1 and support-weighted F1.

    Classes that neither occur nor are predicted are left out of macro F1.
    """
    counts = checked_counts(matrix, None)
    hits, support, taken = counts.diagonal(), counts.sum(1), counts.sum(0)
    f1 = _share(2 * hits, support + taken)
    seen = (support + taken) > 0
    total = int(counts.sum())
    if not total:
        return Summary(0.0, 0.0, 0.0, 0)
    return Summary(float(hits.sum() / total), float(f1[seen].mean()), float((f1 * support).sum() / total), total)


def confusion_text(matrix: ArrayLike, names: Sequence[Any], *, width: int = 100) -> str:
    """Format the matrix as a table of at most `width` characters per line: true classes in rows, predicted in columns.

    Columns are headed by the names of the classes, or by numbers if these are too long. With more than 20 classes, or
    if the table would be wider than `width`, the most confused pairs are listed instead.
    """
    names = [str(name) for name in names]
    counts = checked_counts(matrix, names)
    labels = [shortened(name, 24) for name in names]
    numbers = [str(i + 1) for i in range(len(labels))]
    cells = [[brief_count(count) if count else "." for count in row] for row in counts]
    numbered = [f"{number} {label}" for number, label in zip(numbers, labels, strict=True)]
    if len(labels) <= READABLE:
        for rows, columns in ((labels, labels), (numbered, numbers)):
            lines = _table(rows, columns, cells)
            if max(map(_width, lines), default=0) <= width:
                return "\n".join([*lines, "rows: the true class; columns: the predicted one"])
    return _pairs(counts, [shortened(name, max((width - 30) // 2, 8)) for name in names])


def checked_counts(matrix: ArrayLike, names: Sequence[str] | None) -> NDArray[np.int64]:
    """Return the matrix as an array. Raises ShapeError unless it has a row and a column for each class."""
    counts = np.asarray(matrix)
    classes = len(counts) if names is None and counts.ndim else len(names or ())
    if counts.shape != (classes, classes) or not classes:
        expected = "a square matrix of counts" if names is None else f"a matrix of counts for {classes} classes"
        raise ShapeError(f"expected {expected}. Received: shape {counts.shape}")
    return counts


def _share(part: NDArray[np.int64], whole: NDArray[np.int64]) -> NDArray[np.float64]:
    return np.divide(part, whole, out=np.zeros(len(part)), where=whole > 0)


def brief_count(count: int) -> str:
    """Format a count in about four characters: 12k, 3.4M."""
    for limit, unit in ((10**9, "G"), (10**6, "M"), (10**4, "k")):
        if count >= limit:
            size = count / (1000 if unit == "k" else limit)
            return f"{size:.0f}{unit}" if size >= 9.95 else f"{size:.1f}{unit}"
    return str(count)


def _width(text: str) -> int:
    from rich.cells import cell_len  # a wide character takes two columns of a terminal

    return cell_len(text)


def shortened(name: str, limit: int) -> str:
    """Shorten a name to at most `limit` printable characters."""
    shown = "".join(c if c.isprintable() else "\ufffd" for c in name)
    return shown if len(shown) <= limit else shown[: limit - 1] + "…"


def _padded(text: str, width: int, *, right: bool) -> str:
    space = " " * (width - _width(text))
    return space + text if right else text + space


def _table(rows: Sequence[str], columns: Sequence[str], cells: Sequence[Sequence[str]]) -> list[str]:
    widths = [max(map(_width, [columns[j], *(row[j] for row in cells)])) for j in range(len(columns))]
    first = max(map(_width, rows))

    def line(head: str, texts: Sequence[str]) -> str:
        return "  ".join(
            [
                _padded(head, first, right=False),
                *(_padded(t, w, right=True) for t, w in zip(texts, widths, strict=True)),
            ]
        )

    return [line("", columns), *(line(head, row) for head, row in zip(rows, cells, strict=True))]


def _pairs(counts: NDArray[np.int64], names: Sequence[str]) -> str:
    wrong = counts * (1 - np.eye(len(counts), dtype=np.int64))
    order = [k for k in np.argsort(-wrong, axis=None, kind="stable")[:_LISTED_PAIRS] if wrong.flat[k]]
    if not order:
        return "no misclassified examples"
    rows = [("true class", "predicted class", "count", "share")]
    for k in order:
        i, j = divmod(int(k), len(counts))
        rows.append((names[i], names[j], brief_count(wrong[i, j]), f"{wrong[i, j] / counts[i].sum():.1%}"))
    widths = [max(_width(row[column]) for row in rows) for column in range(4)]
    return "\n".join(
        "  ".join(_padded(text, w, right=column > 1) for column, (text, w) in enumerate(zip(row, widths, strict=True)))
        for row in rows
    )
