"""Plot of the losses and metrics of a training run."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, TypeAlias

from elman.display import SHARES, metric_name
from elman.plots.picture import AGAINST, FOR, new_figure, plain_axes, save_figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["draw_losses"]

Rows: TypeAlias = Sequence[Mapping[str, float | int | None]]

# Heights of the panel of losses and of each panel of a metric, in inches.
_HEIGHT, _MORE = 4.5, 2.2
# A metric without an upper bound is drawn on a logarithmic axis if its values differ by this factor.
_WIDE = 50.0
# Metrics that are lower where better.
_LOWER = frozenset(("perplexity", "rmse", "scaled_rmse", "cer", "wer"))


def draw_losses(
    rows: Rows, path: str | os.PathLike[str], *, unit: str, title: str, metrics: Sequence[str] = ()
) -> None:
    """Draw training and validation loss over the optimiser steps as a PNG, and below them a panel for each metric.

    rows     have the keys step, train_loss and valid_loss, and train_NAME and valid_NAME for metrics; None for a
             missing value
    unit     unit of the loss, such as "nats per character"
    metrics  the names of metrics; those without values are left out

    The picture is written atomically.
    """
    shown = [name for name in metrics if any(_points(rows, f"{part}_{name}") for part in ("train", "valid"))]
    figure = new_figure(8, _HEIGHT + _MORE * len(shown))
    heights = [_HEIGHT, *[_MORE] * len(shown)]
    panels = figure.subplots(len(heights), sharex=True, squeeze=False, height_ratios=heights)[:, 0]
    _draw(panels[0], rows, "loss", lower=True)
    panels[0].set_ylabel(f"loss ({unit})")
    panels[0].set_title(title)
    for axes, name in zip(panels[1:], shown, strict=True):
        _draw(axes, rows, name, lower=name in _LOWER)
        axes.set_ylabel(metric_name(name))
    panels[-1].set_xlabel("step")
    save_figure(figure, path)


def _points(rows: Rows, key: str) -> list[tuple[float, float]]:
    found = [(row["step"], row.get(key)) for row in rows]
    return [(step, value) for step, value in found if step is not None and value is not None]


def _draw(axes: Axes, rows: Rows, name: str, *, lower: bool) -> None:
    """Draw the curves of one figure, and a line at the best value of the validation data."""
    from matplotlib.ticker import PercentFormatter

    for part, label, colour in (("train", "training", FOR), ("valid", "validation", AGAINST)):
        points = _points(rows, f"{part}_{name}")
        if points:
            steps, values = zip(*points, strict=True)
            marker = "" if part == "train" and name == "loss" else "o"
            axes.plot(steps, values, color=colour, marker=marker, markersize=4, label=label, linewidth=1.6)
    finite = [value for _, value in _points(rows, f"valid_{name}") if math.isfinite(value)]
    percent = name in SHARES
    if finite:
        best = min(finite) if lower else max(finite)
        axes.axhline(best, color=AGAINST, linewidth=0.8, linestyle=":")
        axes.annotate(
            f"{best:.2%}" if percent else f"{best:.4f}" if best < 1e4 else f"{best:.3g}", (1.0, best),
            xycoords=("axes fraction", "data"), xytext=(-4, 4), textcoords="offset points", ha="right",
            color="#cc3355", fontsize=9,
        )  # fmt: skip
    if percent:
        axes.yaxis.set_major_formatter(PercentFormatter(1.0))
    elif name != "loss" and finite and min(finite) > 0.0 and max(finite) / min(finite) > _WIDE:
        axes.set_yscale("log")
    plain_axes(axes)
    if axes.get_lines():
        axes.legend(frameon=False)
