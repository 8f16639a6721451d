"""Plots of attention weights over the source tokens, for each generated token.

Shapes: T generated tokens, S source tokens.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike

from elman.errors import DataError, ShapeError
from elman.plots.picture import check_suffix, literal, new_figure, save_figure

__all__ = ["draw_attention", "draw_attentions"]

# Maximum number of characters of a token; longer ones are shortened.
_LONGEST = 18
# Inches per token, and the maximum side of a figure in inches.
_CELL, _LARGEST = 0.3, 16.0


def draw_attentions(
    pictures: Sequence[tuple[ArrayLike, Sequence[str], Sequence[str]]],
    path: str | os.PathLike[str],
    *,
    title: str = "attention weights",
) -> None:
    """Draw several (weights, source tokens, generated tokens); more than one go to numbered files."""
    whole = Path(path)
    for number, (weights, source, written) in enumerate(pictures, 1):
        place = whole if len(pictures) == 1 else whole.with_name(f"{whole.stem}-{number}{whole.suffix}")
        draw_attention(weights, source, written, place, title=title)


def draw_attention(
    weights: ArrayLike,
    source: Sequence[str],
    written: Sequence[str],
    path: str | os.PathLike[str],
    *,
    title: str = "attention",
) -> None:
    """Draw weights `T x S` from 0 to 1 as PNG or SVG, by the suffix: source tokens in columns, generated ones in rows.

    Raises ShapeError if weights and tokens do not match, DataError for weights that are not finite or for no tokens,
    ConfigError for another suffix.
    """
    check_suffix(path)
    weights_TS = np.asarray(weights, dtype=np.float64)
    if weights_TS.shape != (len(written), len(source)):
        raise ShapeError(
            f"expected weights of {len(written)} tokens over {len(source)} source tokens. "
            f"Received: shape {weights_TS.shape}"
        )
    if not weights_TS.size:
        raise DataError(f"expected at least one token on both sides. Received: {weights_TS.shape}")
    if not np.isfinite(weights_TS).all():
        raise DataError("expected finite weights. Received: NaN or infinity")
    T, S = weights_TS.shape
    names = max(min(max(map(len, [*source, *written])), _LONGEST), 4) * 0.09
    figure = new_figure(
        min(max(S * _CELL, 2.0) + names + 1.3, _LARGEST), min(max(T * _CELL, 1.2) + names + 0.9, _LARGEST)
    )
    axes = figure.add_subplot()
    # Black on white prints well.
    image = axes.imshow(weights_TS, cmap="Greys", vmin=0.0, vmax=1.0, aspect="auto", interpolation="nearest")
    for axis, tokens, count in ((axes.xaxis, source, S), (axes.yaxis, written, T)):
        every = -(-count // 80)
        axis.set_ticks(range(0, count, every), [literal(_shortened(token)) for token in tokens[::every]])
    axes.tick_params(axis="x", rotation=60, labelsize=9, length=2, top=True, bottom=False)
    axes.tick_params(axis="x", labeltop=True, labelbottom=False)
    axes.tick_params(axis="y", labelsize=9, length=2)
    for label in axes.get_xticklabels():
        label.set_horizontalalignment("left")
        label.set_rotation_mode("anchor")
    axes.set_xlabel(literal(title), fontsize=10)
    figure.colorbar(image, ax=axes, label="weight", shrink=0.7).outline.set_visible(False)
    save_figure(figure, path)


def _shortened(token: str) -> str:
    return token if len(token) <= _LONGEST else token[: _LONGEST - 1] + "…"
