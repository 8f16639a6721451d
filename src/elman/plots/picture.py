"""Functions shared by all plots: figures that need no display, text escapes, and atomic writes."""

from __future__ import annotations

import io
import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from elman.errors import ConfigError
from elman.files import write_bytes

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = [
    "AGAINST",
    "DARK",
    "FOR",
    "GRID",
    "check_suffix",
    "literal",
    "new_figure",
    "plain_axes",
    "save_figure",
    "without_glyph_warnings",
]

# Two colours that most colour-blind people can distinguish: for positive and for negative values.
FOR, AGAINST = "#4477aa", "#ee6677"
DARK, GRID = "#222222", "#dddddd"


def new_figure(width: float, height: float) -> Figure:
    """Create a figure of this size in inches."""
    # Imported here because it is slow. The Agg canvas needs no display.
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), dpi=120, layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def plain_axes(axes: Axes) -> None:
    """Set a light grid, and hide the top and right spines."""
    axes.grid(color=GRID, linewidth=0.6)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)


def literal(text: str) -> str:
    """Escape `text` for matplotlib: no formulas between dollar signs, and escapes for unprintable characters."""
    shown = "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in text)
    return shown.replace("$", r"\$")


def check_suffix(path: str | os.PathLike[str]) -> str:
    """Return the format of a plot file, "png" or "svg". Raises ConfigError for another suffix."""
    suffix = Path(path).suffix.lower()
    if suffix not in (".png", ".svg"):
        raise ConfigError(f"expected a picture's name to end in .png or .svg. Received: {os.fspath(path)}")
    return suffix[1:]


@contextmanager
def without_glyph_warnings() -> Iterator[None]:
    """Context manager of drawing; characters that the font lacks are drawn as boxes."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=r"Glyph .* missing from font", category=UserWarning)
        yield


def save_figure(figure: Figure, path: str | os.PathLike[str]) -> None:
    """Write the figure atomically as PNG or SVG, by the suffix. Equal figures give equal bytes."""
    from matplotlib import rc_context

    kind = check_suffix(path)
    picture = io.BytesIO()
    with without_glyph_warnings(), rc_context({"svg.hashsalt": "elman"}):
        figure.savefig(picture, format=kind, metadata={"Date": None} if kind == "svg" else None)
    write_bytes(path, picture.getvalue())
