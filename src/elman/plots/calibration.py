"""Reliability diagram of predicted probabilities."""

from __future__ import annotations

import os

from elman.metrics.calibration import Calibration
from elman.plots.picture import AGAINST, DARK, FOR, check_suffix, literal, new_figure, plain_axes, save_figure

__all__ = ["draw_calibration"]


def draw_calibration(figures: Calibration, path: str | os.PathLike[str], *, title: str = "calibration") -> None:
    """Draw the reliability diagram as PNG or SVG, by the suffix: accuracy over confidence, and the examples per bin.

    Raises ConfigError for another suffix.
    """
    check_suffix(path)
    figure = new_figure(5.4, 6)
    above, below = figure.subplots(2, 1, sharex=True, height_ratios=[3, 1])
    filled = [one for one in figures.bins if one.examples]
    left, width = [one.low for one in filled], [one.high - one.low for one in filled]
    above.bar(
        left, [one.accuracy for one in filled], width, align="edge", color=FOR, edgecolor="white", label="accuracy"
    )
    above.plot([0, 1], [0, 1], color=DARK, linewidth=1, linestyle="--", label="perfectly calibrated")
    above.plot(
        [one.confidence for one in filled], [one.accuracy for one in filled],
        color=AGAINST, marker="o", markersize=4, linewidth=1.4, label="at the mean confidence",
    )  # fmt: skip
    above.set_ylabel("accuracy")
    above.set_ylim(0, 1.02)
    above.set_title(literal(title))
    above.legend(frameon=False, loc="upper left", fontsize=9)
    above.annotate(
        f"ECE {figures.ece:.3f}\nMCE {figures.mce:.3f}\nBrier {figures.brier:.3f}\nlog loss {figures.log_loss:.3f}",
        (0.98, 0.04), xycoords="axes fraction", ha="right", va="bottom", fontsize=9,
        bbox={"facecolor": "white", "edgecolor": "#cccccc", "alpha": 0.9},
    )  # fmt: skip
    below.bar(left, [one.examples for one in filled], width, align="edge", color="#bbbbbb", edgecolor="white")
    below.set_ylabel("examples")
    below.set_xlabel("confidence: probability of the predicted class")
    below.set_xlim(0, 1)
    for axes in (above, below):
        plain_axes(axes)
    save_figure(figure, path)
