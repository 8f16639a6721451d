"""Calibration of a trained forecaster's intervals on its validation steps.

Forecasts from many origins in the validation part, each with the true values before it, give the scores to which
`elman.metrics.interval_calibration` fits the factors of the widths.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from elman.data.panel import Panel, Transform
from elman.data.panel.interval_correction import IntervalCorrection
from elman.decode.forecast import forecast_from
from elman.decode.free_running import Predictor
from elman.decode.interval_widths import HALF, levelled
from elman.errors import DataError
from elman.metrics.interval_calibration import (
    LEVELS,
    ReferenceErrors,
    Scores,
    coverages,
    fit_widths,
    knots,
)
from elman.metrics.reference_errors import naive_errors, simple_errors

__all__ = ["PATHS", "calibrate_intervals"]

Ints = npt.NDArray[np.int64]
Doubles = npt.NDArray[np.float64]

# Sample paths of each origin.
PATHS = 100
# Most steps ahead that are calibrated; the factors of later steps follow from these.
_MOST_STEPS = 1000
# Most series whose training part is read for errors of the reference forecast.
_MOST_REFERENCES = 20
# With so many independent errors of the network, those of the reference forecast hardly matter.
_MANY = 100
# Bounds of the factors.
_LEAST_FACTOR, _MOST_FACTOR = 0.05, 1e4
_MIDDLE = LEVELS.index(80.0)


@dataclass(frozen=True)
class _Errors:
    """Forecasts from N origins, on the scale of the transforms' functions.

    series, origin  series and last known step of each forecast
    truth, middle   the true values (NaN if not known) and the point forecasts, `[N, T, Y]`
    low, high       distances of the intervals' bounds from the point forecasts, `[N, T, Y, K]`
    half            half a count, or 0 for values that are no counts
    """

    series: Ints
    origin: Ints
    truth: Doubles
    middle: Doubles
    low: Doubles
    high: Doubles
    half: float

    def scores(self, forecast: Doubles) -> Doubles:
        """Return the scores, `[N, T, Y, K]`, of the errors of `forecast`, `[N, T, Y]`."""
        error = (self.truth - forecast)[..., None]
        width = np.where(error < 0, self.low, self.high) + self.half
        return (np.abs(error) + self.half) / np.maximum(width, np.finfo(np.float64).tiny)


def calibrate_intervals(
    network: Predictor,
    panel: Panel,
    transforms: Sequence[Transform],
    begin: Ints,
    *,
    most: int,
) -> tuple[IntervalCorrection | None, dict[str, Any]]:
    """Return the correction of the network's intervals, and their coverage before and after it.

    begin  first validation step of each series; if no series has any, the widths are at least those of the errors of a
           seasonal naive forecast in the training part
    most   maximum number of origins

    Returns None, and no metrics, if forecasts do not stay finite or there are no errors.
    """
    lengths, lost = panel.lengths, transforms[0].lost
    steps = min(network.window.horizon, _MOST_STEPS)
    if network.sizes.past:
        steps = min(steps, network.horizon)
    held = bool((lengths > begin).any())
    series, origin, ahead = _origins(panel, begin, steps, most) if held else _last_origins(panel, steps)
    whole = np.array([_whole(panel, s, o, lost) for s, o in zip(series.tolist(), origin.tolist(), strict=True)], bool)
    series, origin = series[whole], origin[whole]
    if not len(series):
        return None, {}
    try:
        errors = _forecasts(network, panel, transforms, series, origin, ahead)
    except DataError:
        return None, {}  # The forecast is not finite.
    scores = Scores(series, origin, errors.scores(errors.middle), errors.truth > errors.middle)
    reference = None
    if not held or ahead < steps or scores.independent()[-1] < _MANY:
        reference = _reference(errors, panel, transforms, begin, steps, held=held)
    if not np.isfinite(scores.values).any() and not (reference and all(map(len, reference.values.values()))):
        return None, {}
    widths = fit_widths(scores, steps, reference)
    factors = np.clip(widths.factors if held else np.maximum(widths.factors, 1.0), _LEAST_FACTOR, _MOST_FACTOR)
    own = {panel.ids[number]: tuple(row.tolist()) for number, row in widths.series.items()}
    figures = {name: value for name, value in coverages(scores).items() if math.isfinite(value)} if held else {}
    return (
        IntervalCorrection(widths.steps, LEVELS, factors, widths.growth, own),
        {"origins": len(series), **figures} if held else {},
    )


def _origins(panel: Panel, begin: Ints, steps: int, most: int) -> tuple[Ints, Ints, int]:
    """Return series and last known step of the forecasts, and the number of steps ahead.

    Where covariates are known in advance, each forecast ends where they do.
    """
    lengths, ahead = panel.lengths, steps
    last = lengths - 2
    if panel.future_names:
        ahead = min(steps, max(1, (int((lengths - begin).max()) + 1) // 2))
        last = np.minimum(last, lengths - 1 + panel.ahead - ahead)
    found = [np.arange(first - 1, end + 1) for first, end in zip(begin.tolist(), last.tolist(), strict=True)]
    series = np.repeat(np.arange(len(panel)), [len(each) for each in found])
    origin = np.concatenate(found).astype(np.int64)
    if len(series) > most:
        rows = np.linspace(0, len(series) - 1, most).astype(np.int64)
        series, origin = series[rows], origin[rows]
    return series, origin, ahead


def _last_origins(panel: Panel, steps: int) -> tuple[Ints, Ints, int]:
    """Return the last origin of some series, and the number of steps ahead."""
    series = _spaced(np.arange(len(panel)))
    ahead, back = steps, 0
    if panel.future_names:
        ahead = min(steps, max(1, int(panel.lengths[series].min()) // 2))
        back = max(0, ahead - int(panel.ahead[series].min()))
    return series, panel.lengths[series] - 1 - back, ahead


def _whole(panel: Panel, series: int, origin: int, lost: int) -> bool:
    """Return whether a forecast can be made: differences need the last values."""
    values = panel.targets[series][max(origin + 1 - lost, 0) : origin + 1]
    return origin >= lost and not np.isnan(values).any() if lost else origin >= 0


def _forecasts(
    network: Predictor, panel: Panel, transforms: Sequence[Transform], series: Ints, origin: Ints, ahead: int
) -> _Errors:
    """Forecast from each origin, and compare with the true values."""
    found = forecast_from(network, panel, transforms, series, origin, ahead, levels=LEVELS, paths=PATHS, shared=True)
    truth = np.full(found.mean.shape, np.nan)
    for row, (number, last) in enumerate(zip(series.tolist(), origin.tolist(), strict=True)):
        known = panel.targets[number][last + 1 : last + 1 + ahead]
        truth[row, : len(known)] = known
    middle = levelled(found.mean, transforms, series)
    bounds = [[levelled(bound, transforms, series) for bound in found.intervals[level]] for level in LEVELS]
    return _Errors(
        series,
        origin,
        levelled(truth, transforms, series),
        middle,
        np.stack([middle - low for low, _ in bounds], -1),
        np.stack([high - middle for _, high in bounds], -1),
        HALF if network.counts else 0.0,
    )


def _reference(
    errors: _Errors, panel: Panel, transforms: Sequence[Transform], begin: Ints, steps: int, *, held: bool
) -> ReferenceErrors:
    """Return the scores of simple forecasts in the training part, and the ratios of the network's errors to theirs.

    Without held-out steps, the simple forecast is the seasonal naive one.
    """
    ahead, season, at = errors.truth.shape[1], panel.frequency.season, knots(steps)
    simple = simple_errors if held else naive_errors
    values: dict[int, list[Doubles]] = {step: [] for step in at}
    sums = np.zeros((2, len(at)))
    for number in _spaced(np.unique(errors.series)).tolist():
        rows = errors.series == number
        levels = levelled(panel.targets[number][None], transforms, np.array([number]))[0]
        for place, step in enumerate(at):
            near = min(step, ahead) - 1
            for variable in range(levels.shape[1]):
                found = simple(levels[:, variable], int(begin[number]), errors.origin[rows], step, season)
                widths = (errors.low[rows, near, variable] + errors.high[rows, near, variable]) / 2 + errors.half
                widths = np.maximum(widths, np.finfo(np.float64).tiny)
                values[step].append((np.abs(found.training)[:, None] + errors.half) / np.median(widths, axis=0))
                if step <= ahead:
                    own = errors.truth[rows, near, variable] - errors.middle[rows, near, variable]
                    both = np.isfinite(own) & np.isfinite(found.later)
                    sums[:, place] += [
                        (np.abs(each[both]) / widths[both, _MIDDLE]).sum() for each in (own, found.later)
                    ]
    near_by = [np.array([step / 2 <= other <= step * 2 for other in at]) for step in at]
    totals = np.array([sums[:, places].sum(1) for places in near_by])
    ratios = {step: own / other if other > 0 else math.nan for step, (own, other) in zip(at, totals, strict=True)}
    return ReferenceErrors({step: np.concatenate(each) for step, each in values.items()}, ratios)


def _spaced(numbers: Ints) -> Ints:
    """Return some of the numbers, at equal distances."""
    return numbers[np.linspace(0, len(numbers) - 1, min(len(numbers), _MOST_REFERENCES)).astype(np.int64)]
