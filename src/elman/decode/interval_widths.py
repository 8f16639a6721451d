"""Widths of intervals: distances from the point forecast, and their correction.

Distances are taken after the transform's function, such as the logarithm: there the errors of a series are most alike.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from elman.data.panel import Transform
from elman.data.panel.interval_correction import IntervalCorrection
from elman.data.panel.transform import forward_values, inverse_values

__all__ = ["correct_bounds", "correct_paths", "levelled"]

Ints = npt.NDArray[np.int64]
Doubles = npt.NDArray[np.float64]

# Half the distance between two counts: the part of a distance that is lost by rounding.
HALF = 0.5
# Paths outside the interval of this level, in per cent, are the outermost ones.
_OUTERMOST = 96.0


def levelled(values: Doubles, transforms: Sequence[Transform], series: Ints, *, back: bool = False) -> Doubles:
    """Apply the functions of the transforms to `values` of N series, `[N, ..., Y]`; with `back`, their inverses."""
    if all(transform.kind == "none" for transform in transforms):
        return values
    function = inverse_values if back else forward_values
    result = np.empty_like(values)
    for number in np.unique(series).tolist():
        rows, transform = series == number, transforms[number]
        with np.errstate(divide="ignore"):  # the logarithm of a value that the inverse clipped to 0
            result[rows] = function(transform.kind, values[rows], transform.power, transform.centre)
    return result


def correct_paths(
    paths: Doubles, middle: Doubles, correction: IntervalCorrection, own: Doubles, *, counts: bool
) -> Doubles:
    """Return sample paths `[N, paths, horizon, Y]` whose distances from `middle`, `[N, horizon, Y]`, are corrected.

    A path's factor is that of the interval whose bound it is, by its rank among the paths of its step. The outermost
    paths keep their distance from the next ones: multiplied, they would go out of every bound in a logarithm. `own` has
    the further factors of series and variables, `[N, Y]`.
    """
    count, horizon = paths.shape[1:3]
    order = paths.argsort(1)
    distance = np.take_along_axis(paths, order, 1) - middle[:, None]
    levels = 100 * np.abs(2 * (np.arange(count) + 0.5) / count - 1)
    below, above = np.moveaxis(correction.at(levels, horizon), 2, 0)[..., None]
    factors = np.where(distance < 0, below, above) * own[:, None, None]
    sorted_paths = _scaled(distance, factors, counts)
    inner = np.flatnonzero(levels <= _OUTERMOST)
    if len(inner):
        for outer, last in ((slice(0, inner[0]), inner[0]), (slice(inner[-1] + 1, None), inner[-1])):
            beyond = (distance[:, outer] - distance[:, last, None]) * np.minimum(factors[:, outer], 1.0)
            sorted_paths[:, outer] = sorted_paths[:, last, None] + beyond
    moved = np.empty_like(paths)
    np.put_along_axis(moved, order, sorted_paths + middle[:, None], 1)
    return np.maximum(np.rint(moved), 0) if counts else moved


def correct_bounds(
    bounds: Doubles,
    middle: Doubles,
    levels: Sequence[float],
    correction: IntervalCorrection,
    own: Doubles,
    *,
    counts: bool,
) -> Doubles:
    """Return corrected bounds `[2 K, N, horizon, Y]` of intervals: all lower, then all upper, by rising level.

    An interval contains those of lower levels.
    """
    factors = np.moveaxis(correction.at(levels, middle.shape[1]), 2, 0)[:, :, None, :, None] * own[:, None]
    half = len(bounds) // 2
    low = _scaled(bounds[:half] - middle, factors[0], counts, least=-1) + middle
    high = _scaled(bounds[half:] - middle, factors[1], counts, least=1) + middle
    if counts:
        low, high = np.maximum(np.floor(low), 0), np.ceil(high)
    return np.concatenate([np.minimum.accumulate(low, 0), np.maximum.accumulate(high, 0)])


def _scaled(distance: Doubles, factors: Doubles, counts: bool, least: int = 0) -> Doubles:
    """Multiply distances by factors; those of counts include half a count, and `least` is the sign of distance 0."""
    if not counts:
        return distance * factors
    sign = np.where(distance == 0, least, np.sign(distance))
    return sign * np.maximum(factors * (np.abs(distance) + HALF) - HALF, 0)
