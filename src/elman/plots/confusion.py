"""Plot of a confusion matrix."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from elman.metrics.confusion import READABLE, brief_count, checked_counts, shortened
from elman.plots.picture import check_suffix, literal, new_figure, save_figure

__all__ = ["draw_confusion"]


def draw_confusion(
    matrix: ArrayLike, names: Sequence[Any], path: str | os.PathLike[str], *, title: str = "confusion matrix"
) -> None:
    """Draw the matrix as PNG or SVG, by the suffix. Colours show fractions of the row; counts are added if they fit.

    Raises ShapeError unless the matrix has a row and a column for each name, ConfigError for another suffix.
    """
    check_suffix(path)
    names = [str(name) for name in names]
    counts = checked_counts(matrix, names)
    classes = len(names)
    shares = counts / np.maximum(counts.sum(1, keepdims=True), 1)
    side = min(max(3.2 + 0.42 * classes, 4.6), 14.0)
    figure = new_figure(side + 0.8, side)
    axes = figure.add_subplot()
    image = axes.imshow(shares, cmap="Blues", vmin=0, vmax=1, interpolation="nearest")
    every = -(-classes // 80)
    places = range(0, classes, every)
    size = float(np.clip(320 / max(classes, 1), 5, 10))
    shown = [literal(shortened(names[i], 24)) for i in places]
    turned = max(map(len, shown), default=0) > 3
    axes.set_xticks(places, shown, fontsize=size, rotation=90 if turned else 0)
    axes.set_yticks(places, shown, fontsize=size)
    if classes <= READABLE:
        for i, j in zip(*np.nonzero(counts), strict=True):
            colour = "white" if shares[i, j] > 0.55 else "#222222"
            axes.text(j, i, brief_count(counts[i, j]), ha="center", va="center", color=colour, fontsize=size)
    axes.set_xlabel("predicted class")
    axes.set_ylabel("true class")
    axes.set_title(literal(title))
    axes.spines[:].set_visible(False)
    axes.tick_params(length=0)
    figure.colorbar(image, ax=axes, label="share of the true class", shrink=0.8).outline.set_visible(False)
    save_figure(figure, path)
