"""Plots of attention over an image, for each generated token.

Shapes: T generated tokens, S = height x width cells of the feature map.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from elman.errors import DataError, ShapeError
from elman.plots.picture import check_suffix, literal, new_figure, save_figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["draw_image_attention"]

# In inches: width of the figure, and minimum sides of a panel.
_ACROSS, _MIN_WIDTH, _MIN_HEIGHT = 10.0, 1.6, 0.7
_MAX_PANELS = 60
_LONGEST = 24
# Colour and opacity of the overlay at the largest weight of a token.
_COLOUR, _STRONGEST = (1.0, 0.45, 0.0), 0.75


def draw_image_attention(
    weights: ArrayLike,
    places: tuple[int, int],
    written: Sequence[str],
    path: str | os.PathLike[str],
    *,
    pixels: ArrayLike | None = None,
    cell: int = 0,
    title: str = "",
) -> None:
    """Draw weights `T x S` as PNG or SVG, by the suffix: one panel per token, after a panel with the image only.

    In each panel the strongest colour is that token's largest weight, which is shown next to the token.

    Args:
        places: height and width of the feature map, with S cells.
        written: the T tokens; only the first 59 are drawn.
        pixels: the image, height x width x channels; unless there are 3 channels, the first is drawn in grey. None to
            draw the map without an image.
        cell: side of a map cell in pixels of the image; 0 to stretch the map over the image.

    Raises ShapeError for arrays that do not match, DataError for weights that are not finite or for no tokens,
    ConfigError for another suffix.
    """
    check_suffix(path)
    weights_TS = np.asarray(weights, dtype=np.float64)
    height, width = places
    if weights_TS.shape != (len(written), height * width):
        raise ShapeError(
            f"expected weights of {len(written)} tokens over {height} x {width} places. "
            f"Received: shape {weights_TS.shape}"
        )
    if not weights_TS.size:
        raise DataError(f"expected at least one token and one place. Received: {weights_TS.shape}")
    if not np.isfinite(weights_TS).all():
        raise DataError("expected finite weights. Received: NaN or infinity")
    image = np.ones((height, width, 3)) if pixels is None else _shown(pixels)
    shown = min(len(written), _MAX_PANELS - 1)
    panel_width = max(_MIN_WIDTH, min(3.2, 1.4 * image.shape[1] / image.shape[0]))
    columns = max(1, min(shown + 1, int(_ACROSS / panel_width)))
    rows = -(-(shown + 1) // columns)
    panel_height = max(_MIN_HEIGHT, panel_width * image.shape[0] / image.shape[1])
    figure = new_figure(columns * panel_width + 0.3, rows * (panel_height + 0.4) + 0.4)
    panels = figure.subplots(rows, columns, squeeze=False).ravel()
    for axes in panels:
        axes.set_axis_off()
    _draw(panels[0], image, "image" if pixels is not None else "map")
    for axes, token, weights_S in zip(panels[1:], written[:shown], weights_TS[:shown], strict=False):
        most = float(weights_S.max())
        cut = token if len(token) <= _LONGEST else token[: _LONGEST - 1] + "…"
        _draw(axes, image, f"{literal(cut)}  {most:.2f}")
        layer = np.empty((height, width, 4))
        layer[..., :3] = _COLOUR
        layer[..., 3] = _STRONGEST * np.clip(weights_S.reshape(height, width) / (most or 1.0), 0.0, 1.0)
        right, bottom = (width * cell, height * cell) if cell else (image.shape[1], image.shape[0])
        limits = axes.get_xlim(), axes.get_ylim()
        axes.imshow(layer, extent=(-0.5, right - 0.5, bottom - 0.5, -0.5), interpolation="nearest", aspect="equal")
        axes.set_xlim(limits[0])
        axes.set_ylim(limits[1])
    more = f" (the first {shown} of {len(written)} tokens)" if shown < len(written) else ""
    figure.suptitle(literal(title) + more, fontsize=11)
    save_figure(figure, path)


def _draw(axes: Axes, image: NDArray[Any], heading: str) -> None:
    axes.imshow(image, interpolation="nearest")
    axes.set_title(heading, fontsize=9)


def _shown(pixels: ArrayLike) -> NDArray[np.float64]:
    """Convert pixels to RGB from 0 to 1."""
    values = np.asarray(pixels)
    if values.ndim != 3 or not values.size:
        raise ShapeError(f"expected pixels of shape (height, width, channels). Received: {values.shape}")
    found = values.astype(np.float64)
    if values.dtype == np.uint8:
        found /= 255.0
    else:
        low, high = float(found.min()), float(found.max())
        found = (found - low) / ((high - low) or 1.0)
    return found if found.shape[2] == 3 else np.repeat(found[..., :1], 3, axis=2)
