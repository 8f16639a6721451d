"""Saliency of time steps: coloured tokens for the terminal, and plots of tokens and series with their weights.

Positive weights support the prediction, negative weights oppose it. Weights are relative: the largest absolute value
has the strongest colour.

Shapes: T time steps, I channels of a series.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from elman.errors import DataError, ShapeError
from elman.plots.picture import DARK, check_suffix, literal, new_figure, plain_axes, save_figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.colors import LinearSegmentedColormap
    from matplotlib.figure import Figure

__all__ = ["coloured", "draw_series_weights", "draw_token_weights", "strongest_steps"]

# Backgrounds of the 256-colour palette, from weak to strong: blue for positive, orange to red for negative weights.
_FOR, _AGAINST = (195, 153, 111), (223, 216, 209)
_STRENGTHS = len(_FOR)
# Tokens below this fraction of the largest weight are not coloured.
_FAINT = 0.1

# Font size in points, and the width of a character in inches for this font.
_POINTS = 9.5
_LETTER = 0.602 * _POINTS / 72
_COLUMNS, _MAX_CHARACTERS = 92, 4_000
_MAX_PANELS = 6


def coloured(tokens: Sequence[str], weights: ArrayLike, *, colour: bool = True, joiner: str = " ") -> str:
    """Join the tokens, each on a background that shows its weight: blue for positive, orange to red for negative.

    Without colour, marks follow a token: `[+]` to `[+++]` for positive, `[-]` to `[---]` for negative weights.
    Unprintable characters are written as escapes.

    Raises ShapeError unless there is one weight per token, DataError for weights that are not finite.
    """
    sizes = _relative(tokens, weights)
    parts = []
    for token, size in zip(tokens, sizes, strict=True):
        shown = "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in token)
        strength = 0 if abs(size) < _FAINT else min(int(abs(size) * _STRENGTHS) + 1, _STRENGTHS)
        if not strength:
            parts.append(shown)
        elif colour:
            # Black text, because the backgrounds are light in every terminal.
            parts.append(f"\x1b[38;5;16;48;5;{(_FOR if size > 0 else _AGAINST)[strength - 1]}m{shown}\x1b[0m")
        else:
            parts.append(f"{shown}[{('+' if size > 0 else '-') * strength}]")
    return joiner.join(parts)


def strongest_steps(weights_T: NDArray[np.float64], most: int = 10) -> str:
    """List the time steps with the largest absolute weights, in time order and counted from 1, with their weights."""
    strongest = sorted(range(len(weights_T)), key=lambda step: -abs(weights_T[step]))[:most]
    return ", ".join(f"{step + 1} ({weights_T[step]:+.3g})" for step in sorted(strongest))


def draw_token_weights(
    tokens: Sequence[str], weights: ArrayLike, path: str | os.PathLike[str], title: str = "", *, joiner: str = " "
) -> None:
    """Draw the tokens as lines of text on coloured backgrounds, as PNG or SVG by the suffix.

    Only the first 4,000 characters of a long text are drawn, with a line that gives the number of omitted tokens.

    Raises ShapeError unless there is one weight per token, DataError for weights that are not finite, ConfigError for
    another suffix.
    """
    from matplotlib.patches import Rectangle

    check_suffix(path)
    sizes = _relative(tokens, weights)
    palette = _palette()
    places, lines = _lay_out(tokens, len(joiner))
    left_out = len(tokens) - len(places)
    rows = lines + (1 if left_out else 0)
    # The font is monospaced, so all positions can be computed here, in inches.
    text_width, text_height, side, head, foot = _COLUMNS * _LETTER, 0.24 * rows, 0.2, 0.45, 0.6
    width, height = text_width + 2 * side, text_height + head + foot
    figure = new_figure(width, height)
    figure.set_layout_engine("none")
    axes = figure.add_axes((side / width, foot / height, text_width / width, text_height / height))
    for (line, column, shown), size in zip(places, sizes, strict=False):
        if abs(size) >= _FAINT:
            # Slightly wider than the token if there is a gap between tokens.
            more = 0.15 * len(joiner)
            place, size_of_box = (column - more, line), (len(shown) + 2 * more, 0.9)
            axes.add_patch(Rectangle(place, *size_of_box, color=palette(0.5 + size / 2), linewidth=0))
        # One text per token, because rounding of glyph widths to pixels would accumulate over a line.
        axes.text(
            column, line + 0.47, literal(shown), family="DejaVu Sans Mono", fontsize=_POINTS, va="center", color=DARK
        )
    if left_out:
        axes.text(0, lines + 0.47, f"... and {left_out} more tokens", fontsize=_POINTS, va="center")
    axes.set_xlim(0, _COLUMNS)
    axes.set_ylim(rows, 0)
    axes.set_axis_off()
    axes.set_title(literal(title), fontsize=11)
    _colour_bar(figure, palette, figure.add_axes((0.3, 0.3 / height, 0.4, 0.1 / height)))
    save_figure(figure, path)


def draw_series_weights(
    x_TI: ArrayLike, weights_TI: ArrayLike, names: Sequence[str], path: str | os.PathLike[str], title: str = ""
) -> None:
    """Draw a series on a background coloured by its weights, as PNG or SVG by the suffix.

    Up to six channels have a panel each; more are drawn as two heat maps of channels over time, values and weights.

    Args:
        x_TI: the values.
        weights_TI: the weight of every value.
        names: the I names of the channels.

    Raises ShapeError for arrays that do not match, DataError for weights that are not finite, ConfigError for another
    suffix.
    """
    check_suffix(path)
    values, weights = np.asarray(x_TI, np.float64), np.asarray(weights_TI, np.float64)
    if values.ndim != 2 or not values.size or weights.shape != values.shape or len(names) != values.shape[1]:
        raise ShapeError(
            f"expected x_TI and weights_TI of one shape and a name for each of the I channels. "
            f"Received: {values.shape}, {weights.shape} and {len(names)} names"
        )
    sizes = _scaled(weights)
    figure = _maps(values, sizes, names) if values.shape[1] > _MAX_PANELS else _panels(values, sizes, names)
    figure.suptitle(literal(title), fontsize=11)
    _colour_bar(figure, _palette())
    save_figure(figure, path)


def _panels(values: NDArray[np.float64], sizes: NDArray[np.float64], names: Sequence[str]) -> Figure:
    steps, channels = values.shape
    figure = new_figure(9, max(3.2, 0.9 + 1.7 * channels))
    panels = figure.subplots(channels, 1, sharex=True, squeeze=False)[:, 0]
    for channel, axes in enumerate(panels):
        known = values[:, channel][np.isfinite(values[:, channel])]
        low, high = (known.min(), known.max()) if known.size else (0.0, 1.0)
        margin = 0.08 * (high - low) or 0.5
        extent = (-0.5, steps - 0.5, low - margin, high + margin)
        axes.imshow(sizes[None, :, channel], aspect="auto", extent=extent, cmap=_palette(), vmin=-1, vmax=1)
        axes.plot(values[:, channel], color=DARK, linewidth=1.4, marker="o" if steps <= 40 else "", markersize=3)
        axes.set_ylabel(literal(names[channel]) or str(channel + 1))
        plain_axes(axes)
        axes.grid(visible=False)
    panels[-1].set_xlabel("time step")
    return figure


def _maps(values: NDArray[np.float64], sizes: NDArray[np.float64], names: Sequence[str]) -> Figure:
    figure = new_figure(9, 4.6)
    panels = figure.subplots(1, 2, sharey=True)
    panels[0].imshow(values.T, aspect="auto", cmap="Greys", interpolation="nearest")
    panels[1].imshow(sizes.T, aspect="auto", cmap=_palette(), vmin=-1, vmax=1, interpolation="nearest")
    for axes, heading in zip(panels, ("values", "weights"), strict=True):
        axes.set_title(heading, fontsize=10)
        axes.set_xlabel("time step")
    places = range(0, len(names), -(-len(names) // 30))
    panels[0].set_yticks(places, [literal(names[i]) or str(i + 1) for i in places], fontsize=8)
    return figure


def _palette() -> LinearSegmentedColormap:
    """Return a colour map from red over white to blue, light enough for dark text."""
    from matplotlib.colors import LinearSegmentedColormap

    return LinearSegmentedColormap.from_list("weights", ["#f4866f", "#fbd9c8", "#ffffff", "#cfe3f5", "#6ea8dc"])


def _colour_bar(figure: Figure, palette: LinearSegmentedColormap, axes: Axes | None = None) -> None:
    from matplotlib.cm import ScalarMappable
    from matplotlib.colors import Normalize

    bar = figure.colorbar(
        ScalarMappable(Normalize(-1, 1), palette), cax=axes, ax=None if axes else figure.axes,
        orientation="horizontal", shrink=0.5, fraction=0.06, aspect=40, ticks=[-1, 0, 1],
    )  # fmt: skip
    bar.ax.set_xticklabels(["against", "no weight", "for"], fontsize=8)
    bar.outline.set_visible(False)


def _lay_out(tokens: Sequence[str], gap: int) -> tuple[list[tuple[int, int, str]], int]:
    """Return line, column and text of every drawn token, and the number of lines."""
    places: list[tuple[int, int, str]] = []
    line, column, characters = 0, 0, 0
    for token in tokens:
        shown = "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in token)
        shown = shown if len(shown) <= _COLUMNS else shown[: _COLUMNS - 1] + "…"
        characters += len(shown) + gap
        if characters > _MAX_CHARACTERS:
            break
        if column and column + len(shown) > _COLUMNS:
            line, column = line + 1, 0
        places.append((line, column, shown))
        column += len(shown) + gap
    return places, line + 1


def _relative(tokens: Sequence[str], weights: ArrayLike) -> NDArray[np.float64]:
    values = np.asarray(weights, np.float64)
    if values.shape != (len(tokens),):
        raise ShapeError(f"expected one weight for each of {len(tokens)} tokens. Received: shape {values.shape}")
    return _scaled(values)


def _scaled(weights: NDArray[np.float64]) -> NDArray[np.float64]:
    if not np.isfinite(weights).all():
        raise DataError(f"expected finite weights. Received: {weights[~np.isfinite(weights)][0]}")
    largest = np.abs(weights).max(initial=0.0)
    return weights / largest if largest > 0 else weights
