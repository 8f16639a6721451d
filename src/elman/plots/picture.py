"""What all pictures share: a figure without a window system, and a file written whole. Knows nothing about contents."""

from __future__ import annotations

import io
import os
import warnings
from pathlib import Path
from typing import TYPE_CHECKING

from elman.errors import ConfigError
from elman.files import write_bytes

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["AGAINST", "DARK", "FOR", "GRID", "check_suffix", "literal", "new_figure", "plain_axes", "save_figure"]

# Two colours that most colour-blind people can tell apart: what speaks for something, and what against.
FOR, AGAINST = "#4477aa", "#ee6677"
DARK, GRID = "#222222", "#dddddd"


def new_figure(width: float, height: float) -> Figure:
    """A figure of so many inches."""
    # Imported here: it takes a while, and only a picture needs it. No window system is used.
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), dpi=120, layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def plain_axes(axes: Axes) -> None:
    """A light grid, and no frame at the top and on the right."""
    axes.grid(color=GRID, linewidth=0.6)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)


def literal(text: str) -> str:
    """`text` as it is to be read: dollars start no formula, and what is not printable becomes an escape."""
    shown = "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in text)
    return shown.replace("$", r"\$")


def check_suffix(path: str | os.PathLike[str]) -> str:
    """The kind of picture that `path` asks for, "png" or "svg". Raises ConfigError for another suffix."""
    suffix = Path(path).suffix.lower()
    if suffix not in (".png", ".svg"):
        raise ConfigError(f"expected a picture's name to end in .png or .svg. Received: {os.fspath(path)}")
    return suffix[1:]


def save_figure(figure: Figure, path: str | os.PathLike[str]) -> None:
    """Write the figure as PNG or SVG, by the suffix, atomically. The same figure gives the same bytes."""
    from matplotlib import rc_context

    kind = check_suffix(path)
    picture = io.BytesIO()
    with warnings.catch_warnings(), rc_context({"svg.hashsalt": "elman"}):
        # Signs that the font does not have are drawn as boxes.
        warnings.filterwarnings("ignore", message=r"Glyph .* missing from font", category=UserWarning)
        figure.savefig(picture, format=kind, metadata={"Date": None} if kind == "svg" else None)
    write_bytes(path, picture.getvalue())
