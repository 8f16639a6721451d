"""Plot of the losses of a training run."""

from __future__ import annotations

import io
import math
import os
from collections.abc import Mapping, Sequence

from elman.files import write_bytes

__all__ = ["draw_losses"]


def draw_losses(
    rows: Sequence[Mapping[str, float | int | None]], path: str | os.PathLike[str], *, unit: str, title: str
) -> None:
    """Draw training and validation loss over the optimiser steps as a PNG, written atomically.

    rows   have the keys step, train_loss and valid_loss (None for a missing value)
    unit   unit of the loss, such as "nats per character"
    """
    # Imported here because it is slow. The Agg canvas needs no display.
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8, 4.5), dpi=120, layout="constrained")
    canvas = FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    for key, label, colour, marker in (
        ("train_loss", "training", "#4477aa", ""),
        ("valid_loss", "validation", "#ee6677", "o"),
    ):
        points = [(row["step"], row[key]) for row in rows if row[key] is not None]
        if points:
            steps, losses = zip(*points, strict=True)
            axes.plot(steps, losses, color=colour, marker=marker, markersize=4, label=label, linewidth=1.6)
    lowest = min((row["valid_loss"] for row in rows if row["valid_loss"] is not None), default=math.nan)
    if math.isfinite(lowest):
        axes.axhline(lowest, color="#ee6677", linewidth=0.8, linestyle=":")
        axes.annotate(
            f"{lowest:.4f}", (1.0, lowest), xycoords=("axes fraction", "data"), xytext=(-4, 4),
            textcoords="offset points", ha="right", color="#cc3355", fontsize=9,
        )  # fmt: skip
    axes.set_xlabel("step")
    axes.set_ylabel(f"loss ({unit})")
    axes.set_title(title)
    axes.grid(color="#dddddd", linewidth=0.6)
    axes.spines[["top", "right"]].set_visible(False)
    if axes.get_lines():
        axes.legend(frameon=False)
    picture = io.BytesIO()
    canvas.figure.savefig(picture, format="png")
    write_bytes(path, picture.getvalue())
