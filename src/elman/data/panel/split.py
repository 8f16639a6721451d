"""Split of a panel into training and held-out parts, and evaluation batches of the held-out part."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import numpy as np
import numpy.typing as npt

from elman.data.panel.panel import Panel
from elman.data.panel.window_config import WindowConfig, resolve_window_sizes
from elman.data.panel.windows import WindowDataset, Windows
from elman.errors import ConfigError, DataError
from elman.state import Batch

__all__ = [
    "SHORT",
    "check_counts",
    "held_out_batches",
    "left_out",
    "longer",
    "resolve_windows",
    "trainable",
    "training_ends",
]

Ints = npt.NDArray[np.int64]

# For messages about a series that is too short: the option that leaves it out.
SHORT = ", or the option short_series=drop to leave it out"
# Windows per evaluation batch.
_AT_ONCE = 512


def resolve_windows(window: WindowConfig, panel: Panel, *, counts: bool) -> WindowConfig:
    """Return `window` with its automatic sizes resolved. Raises DataError if no series is long enough."""
    if not len(panel):
        raise DataError("expected at least one series to train on. Received: none")
    longest = int(panel.lengths.max())
    resolved = resolve_window_sizes(window, season=panel.frequency.season, longest=longest, counts=counts)
    if resolved.context >= longest:
        raise DataError(
            f"expected a series longer than a window of context = {resolved.context} steps. "
            f"Received: {longest} steps in the longest"
        )
    if resolved.autoregression >= longest:
        raise DataError(
            f"expected a series longer than autoregression = {resolved.autoregression} steps. "
            f"Received: {longest} steps in the longest"
        )
    if resolved.mode == "direct" and resolved.horizon >= longest:
        raise DataError(
            f"expected a series longer than horizon = {resolved.horizon} steps, with mode=direct. "
            f"Received: {longest} steps in the longest"
        )
    if resolved.loss_steps > resolved.context:
        raise ConfigError(
            f"expected loss_steps of at most context = {resolved.context}. Received: {resolved.loss_steps}"
        )
    return resolved


def training_ends(panel: Panel, window: WindowConfig) -> Ints:
    """Return the time step at which the validation part of each series begins.

    With `valid_share`, series of fewer than 4 steps have none. Raises DataError for a series that is too short.
    """
    lengths = panel.lengths
    short = int(lengths.argmin())
    if lengths[short] < 2:
        raise DataError(
            f"the series {panel.ids[short]!r}: expected at least 2 values to train on{SHORT}. "
            f"Received: {int(lengths[short])}"
        )
    ends = _ends(lengths, window)
    if int(ends.min()) < 2:
        worst = int(ends.argmin())
        raise DataError(
            f"the series {panel.ids[worst]!r}: expected more than valid_steps + 1 = {window.valid_steps + 1} values"
            f"{SHORT}. Received: {int(lengths[worst])}"
        )
    return ends


def _ends(lengths: Ints, window: WindowConfig) -> Ints:
    """Return the number of steps of each series before its validation part."""
    if window.valid_steps:
        ends: Ints = lengths - window.valid_steps
        return ends
    held = np.floor(lengths * window.valid_share).astype(np.int64)
    return np.asarray(lengths - np.where(lengths < 4, 0, np.minimum(held, lengths // 2)), dtype=np.int64)


def trainable(panel: Panel, window: WindowConfig, lost: int) -> Panel:
    """Return the series that have two values or more to train on, of which differences consume `lost`.

    Raises DataError if there are none.
    """
    good = np.flatnonzero(_ends(panel.lengths, window) >= lost + 2)
    if not len(good):
        raise DataError(
            f"expected a series of at least {lost + 2} values to train on. "
            f"Received: {len(panel)} series, the longest of {int(panel.lengths.max(initial=0))} values"
        )
    return panel if len(good) == len(panel) else panel.take(good)


def longer(panel: Panel, lost: int) -> Panel:
    """Return the series of more than `lost` values. Raises DataError if there are none."""
    good = np.flatnonzero(panel.lengths > lost)
    if not len(good):
        raise DataError(f"expected a series of more than {lost} values. Received: none")
    return panel if len(good) == len(panel) else panel.take(good)


def left_out(before: Panel, after: Panel, why: str) -> list[str]:
    """Return a remark with the names of the series that `after` does not have; none if it has all of `before`."""
    kept = set(after.ids)
    gone = [name for name in before.ids if name not in kept]
    if not gone:
        return []
    shown = ", ".join(map(repr, gone[:5])) + (", ..." if len(gone) > 5 else "")
    return [f"{len(gone):,} of {len(before):,} series left out, because they are too short {why}: {shown}"]


def check_counts(panel: Panel) -> None:
    """Raise DataError with the series and the time of a value that is not a count."""
    for number, values in enumerate(panel.targets):
        wrong = np.argwhere((values < 0) | (values != np.floor(values)) & np.isfinite(values))
        if len(wrong):
            step, column = wrong[0]
            time = panel.frequency.format(panel.starts[number] + int(step))
            raise DataError(
                f"the series {panel.ids[number]!r} at {time}: expected counts (0, 1, 2, ...) for negative-binomial. "
                f"Received: {values[step, column]:g}"
            )


def held_out_batches(
    dataset: WindowDataset, rows: Windows, horizon: int, *, direct: bool
) -> Callable[[int], tuple[Iterable[Batch], int]]:
    """Return a function of the maximum number of target values to evaluate (0 for all), for evaluation.

    It returns batches of evenly spaced windows, and the number of last time steps of a window to evaluate (0 for all).
    """
    loss_steps = 1 if direct else 0
    widths = dataset.targets.shape[1] * (np.full(len(rows.series), horizon) if direct else rows.high - rows.low)

    def batches(limit: int) -> tuple[Iterable[Batch], int]:
        chosen = rows
        total = int(widths.sum())
        if limit and total > limit:
            count = max(1, int(len(widths) * limit / total))
            chosen = rows.take(np.unique(np.linspace(0, len(widths) - 1, count).astype(np.int64)))
        order = np.argsort(-chosen.length, kind="stable")
        parts = (order[first : first + _AT_ONCE] for first in range(0, len(order), _AT_ONCE))
        return (dataset.batch(chosen.take(part), horizon, loss_steps) for part in parts), loss_steps

    return batches
