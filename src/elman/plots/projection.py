"""Plots of projected word vectors, with labels that do not overlap, and the files of TensorBoard's projector."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from elman.plots.picture import (
    DARK,
    FOR,
    check_suffix,
    literal,
    new_figure,
    plain_axes,
    save_figure,
    without_glyph_warnings,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["draw_projection", "place_labels", "projector_files"]

_WIDTH, _HEIGHT = 10.0, 8.0
_POINTS = 8
_LONGEST = 24
# Pixels between a point and its label, at the distances that are tried one after the other.
_DISTANCES = (4.0, 14.0, 26.0, 42.0)
_ANGLES = 12
_SPACE = 2.0
# Labels from this distance on get a line to their point.
_LINE_FROM = 14.0


def draw_projection(
    words: Sequence[str],
    coordinates_N2: npt.NDArray[np.float64],
    path: str | os.PathLike[str],
    *,
    title: str = "",
    axis_names: tuple[str, str] = ("", ""),
) -> int:
    """Draw words at their coordinates, as PNG or SVG by the suffix; return how many have no label for lack of space.

    Earlier words are labelled first. Labels cover neither each other nor points. Raises ConfigError for another suffix.
    """
    check_suffix(path)
    figure = new_figure(_WIDTH, _HEIGHT)
    figure.set_layout_engine("none")
    axes = figure.add_axes((0.07, 0.07, 0.90, 0.86))
    plain_axes(axes)
    axes.scatter(coordinates_N2[:, 0], coordinates_N2[:, 1], s=14, color=FOR, linewidth=0, zorder=3)
    axes.margins(0.08)
    axes.set_xlabel(axis_names[0])
    axes.set_ylabel(axis_names[1])
    if not any(axis_names):
        axes.tick_params(labelleft=False, labelbottom=False, length=0)
    axes.set_title(literal(title), fontsize=11)
    with without_glyph_warnings():
        left_out = _label(axes, words, coordinates_N2)
    save_figure(figure, path)
    return left_out


def _label(axes: Axes, words: Sequence[str], coordinates_N2: npt.NDArray[np.float64]) -> int:
    """Add the labels for which there is space; return how many there are not."""
    figure: Any = axes.figure
    renderer = figure.canvas.get_renderer()
    texts = [word if len(word) <= _LONGEST else word[: _LONGEST - 1] + "…" for word in words]
    drawn = [axes.text(0, 0, literal(text), fontsize=_POINTS, color=DARK, zorder=4) for text in texts]
    sizes_N2 = np.array([(box.width, box.height) for box in (text.get_window_extent(renderer) for text in drawn)])
    # The limits of the axes must not change any more.
    axes.set_xlim(axes.get_xlim())
    axes.set_ylim(axes.get_ylim())
    pixels_N2 = axes.transData.transform(coordinates_N2)
    box = axes.get_window_extent(renderer)
    # Some space keeps words on one line apart.
    corners = place_labels(pixels_N2, sizes_N2 + np.array([2 * _SPACE, 0.0]), (box.x0, box.y0, box.x1, box.y1))
    to_data = axes.transData.inverted()
    for text, corner, point, size in zip(drawn, corners, pixels_N2, sizes_N2, strict=True):
        if corner is None:
            text.remove()
            continue
        corner = (corner[0] + _SPACE, corner[1])
        text.set_position(tuple(to_data.transform(corner)))
        text.set_verticalalignment("bottom")
        centre = np.array(corner) + size / 2
        if np.abs(centre - point).max() > _LINE_FROM and _gap(corner, size, point) >= _LINE_FROM - 1:
            nearest = np.clip(point, corner, np.array(corner) + size)
            ends = to_data.transform(np.array([point, nearest]))
            axes.plot(ends[:, 0], ends[:, 1], color=DARK, linewidth=0.4, alpha=0.6, zorder=2)
    return sum(corner is None for corner in corners)


def _gap(corner: tuple[float, float], size: npt.NDArray[np.float64], point: npt.NDArray[np.float64]) -> float:
    """Return the distance of a point from a label."""
    nearest = np.clip(point, corner, np.array(corner) + size)
    return float(np.hypot(*(point - nearest)))


def place_labels(
    points_N2: npt.NDArray[np.float64],
    sizes_N2: npt.NDArray[np.float64],
    area: tuple[float, float, float, float],
    *,
    radius: float = 3.0,
) -> list[tuple[float, float] | None]:
    """Return the lower left corner of each label, in pixels, or None where there is no space for it.

    Labels stay within `area` (left, bottom, right, top), and overlap neither each other nor a point, of which `radius`
    pixels are visible. Nearer places, and those to the right, are tried first.
    """
    left, bottom, right, top = area
    # Rows of left, bottom, right, top of what is taken: the points, then the placed labels.
    taken = np.concatenate([points_N2 - radius, points_N2 + radius], axis=1)
    found: list[tuple[float, float] | None] = []
    for point, (width, height) in zip(points_N2, sizes_N2, strict=True):
        place = None
        for corner in _candidates(point, width, height):
            box = np.array([corner[0], corner[1], corner[0] + width, corner[1] + height])
            if box[0] < left or box[1] < bottom or box[2] > right or box[3] > top:
                continue
            if not ((taken[:, :2] < box[2:]).all(axis=1) & (taken[:, 2:] > box[:2]).all(axis=1)).any():
                place = corner
                taken = np.concatenate([taken, box[None]])
                break
        found.append(place)
    return found


def _candidates(point: npt.NDArray[np.float64], width: float, height: float) -> list[tuple[float, float]]:
    """Return corners of labels around a point, nearest first."""
    places = []
    for distance in _DISTANCES:
        for number in range(_ANGLES):
            # 0, +1, -1, +2, -2, ... steps from the right.
            step = (number + 1) // 2 * (1 if number % 2 else -1)
            angle = 2 * np.pi * step / _ANGLES
            across, along = np.cos(angle), np.sin(angle)
            centre = (
                point[0] + across * (distance + width / 2),
                point[1] + along * (distance + height / 2),
            )
            places.append((float(centre[0] - width / 2), float(centre[1] - height / 2)))
    return places


def projector_files(words: Sequence[str], rows_NE: npt.NDArray[np.floating]) -> tuple[str, str]:
    """Return vectors.tsv and metadata.tsv as TensorBoard's projector reads them: one row and one word a line."""
    vectors = "".join("\t".join(row) + "\n" for row in np.asarray(rows_NE, np.float32).astype("U"))
    # Names with tabs or line ends would be read as columns or rows.
    names = "".join(" ".join(word.split("\t")).replace("\n", " ").replace("\r", " ") + "\n" for word in words)
    return vectors, names
