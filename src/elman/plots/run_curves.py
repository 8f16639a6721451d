"""Plot of the losses of several training runs, over steps and over time."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from elman.plots.picture import literal, new_figure, plain_axes, save_figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["draw_curves"]

# Colours that most colour-blind people can distinguish (Paul Tol, bright); line styles follow when they are used up.
_COLOURS = ("#4477aa", "#ee6677", "#228833", "#ccbb44", "#66ccee", "#aa3377", "#888888")
_MARKERS = ("o", "s", "^", "D", "v", "P", "X")

Rows = Sequence[Mapping[str, float | int | None]]


def draw_curves(runs: Mapping[str, Rows], path: str | os.PathLike[str]) -> None:
    """Draw training losses as thin lines and validation losses as lines with markers; one colour for each run.

    `runs` has the rows of each run by its name, with the keys step, seconds, train_loss and valid_loss.
    """
    figure = new_figure(11.0, 4.8)
    left, right = figure.subplots(1, 2, sharey=True)
    for axes, key in ((left, "step"), (right, "seconds")):
        for number, (name, rows) in enumerate(runs.items()):
            _draw_run(axes, rows, key, name, number)
        axes.set_xlabel(key)
        plain_axes(axes)
    left.set_ylabel("loss")
    left.set_title("lines: training, with markers: validation", fontsize=9, loc="left")
    handles, names = left.get_legend_handles_labels()
    figure.legend(handles, names, loc="outside lower center", ncols=min(3, max(1, len(names))), frameon=False)
    save_figure(figure, path)


def _draw_run(axes: Axes, rows: Rows, key: str, name: str, number: int) -> None:
    colour, marker = _COLOURS[number % len(_COLOURS)], _MARKERS[number // len(_COLOURS) % len(_MARKERS)]
    for loss, how in (
        ("train_loss", {"linewidth": 0.9, "alpha": 0.55}),
        ("valid_loss", {"linewidth": 1.6, "marker": marker, "markersize": 4.0}),
    ):
        points = [(row[key], row[loss]) for row in rows if row[loss] is not None and row[key] is not None]
        if points:
            places, losses = zip(*points, strict=True)
            axes.plot(places, losses, color=colour, **how)
    if rows:
        axes.plot([], [], color=colour, marker=marker, markersize=4.0, label=literal(name))
