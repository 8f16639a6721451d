"""Calibration of prediction intervals: factors for their widths, from errors on held-out data.

The score of a true value is its distance from the point forecast, divided by the distance of the interval's bound on
that side. An interval that is multiplied by the right quantile of the scores holds what its level says (split conformal
prediction, Vovk et al. 2005; with scores of this form, Romano et al. 2019). There is a score for each origin, step
ahead, variable and level, `[N, T, Y, K]`; NaN where the true value is not known. Requires only numpy.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
import numpy.typing as npt

__all__ = ["LEVELS", "ReferenceErrors", "Scores", "conformal_quantile", "coverages", "fit_widths", "knots"]

Ints = npt.NDArray[np.int64]
Doubles = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]

# The levels of intervals, in per cent, for which factors are fitted.
LEVELS = (20.0, 50.0, 80.0, 90.0, 95.0, 99.0)
# Steps ahead from here on are fitted in geometric distances, by this ratio.
_SINGLE, _RATIO = 6, 1.2
# A step's factor is fitted to the scores of the steps between it divided by this ratio and multiplied by it.
_NEIGHBOURS = 1.35
# Errors of the reference forecast count as much as this many independent errors of the network, together.
_REFERENCES = 10.0
# The ratio of the network's errors to those of the reference forecast, if it is above 1, counts half (on a logarithmic
# scale) with this number of independent errors.
_DOUBT = 2.0
# The parts of an interval above and below the point forecast differ by half of what so many independent errors show.
_FEWEST_OF_SIDE = 20.0
# Intervals are narrowed by half (on a logarithmic scale) of what so many independent errors show.
_FEWEST_TO_NARROW = 10.0
# The most that the factors grow with the step ahead, as a power.
_MOST_GROWTH = 0.5
# A series or variable has a factor of its own from this number of independent errors on.
_FEWEST_OF_SERIES = 10.0
_MOST_OF_SERIES = 4.0
# Variance of the logarithm of the median of n absolute values of a normal distribution, times n.
_VARIANCE_OF_MEDIAN = 1.36
# The least factor that a score is divided by.
_LEAST_FACTOR = 1e-30
_MIDDLE = LEVELS.index(80.0)


@dataclass(frozen=True)
class Scores:
    """Scores of forecasts from N origins.

    series, origin  series and last known step of each forecast, `[N]`
    values          the scores, `[N, T, Y, K]`
    above           whether the true value is above the point forecast, `[N, T, Y]`
    """

    series: Ints
    origin: Ints
    values: Doubles
    above: Flags

    def take(self, rows: Flags) -> Scores:
        """Return the scores of some forecasts."""
        return Scores(self.series[rows], self.origin[rows], self.values[rows], self.above[rows])

    def independent(self) -> Doubles:
        """Return the number of independent errors of each step ahead, summed over the series, `[T]`.

        Errors from origins that are nearer to each other than the step ahead have most of their causes in common.
        """
        steps = self.values.shape[1]
        known = np.isfinite(self.values).sum(axis=(2, 3)) > 0
        total = np.zeros(steps)
        for number in np.unique(self.series):
            rows = self.series == number
            counts = known[rows].sum(0)
            apart = np.ptp(self.origin[rows]) / max(int(rows.sum()) - 1, 1)
            shares = np.minimum(apart / np.arange(1, steps + 1), 1.0)
            total += np.where(counts > 0, 1 + (counts - 1) * shares, 0.0)
        return total


@dataclass(frozen=True)
class ReferenceErrors:
    """Scores that the errors of a simple forecast have in the training part.

    values  for each of `knots`, `[M, K]` for any number M of errors
    ratios  for each of `knots`, the mean error of the network divided by that of the simple forecast on held-out data;
            NaN where there is none
    """

    values: Mapping[int, Doubles]
    ratios: Mapping[int, float]

    def at(self, step: int, count: float) -> Doubles:
        """Return the scores of a step ahead, multiplied by the ratio: the fewer errors (`count`), the nearer to 1.

        Validation data chose the network's weights, so a low ratio of few errors is too low for those to come.
        """
        ratio = self.ratios[step]
        if not math.isfinite(ratio):
            return self.values[step]
        doubt = _REFERENCES if ratio < 1 else _DOUBT
        return self.values[step] * ratio ** (count / (count + doubt))


def knots(steps: int) -> tuple[int, ...]:
    """Return the steps ahead for which factors are fitted: the first ones singly, later ones in rising distances."""
    found = [1]
    while found[-1] < steps:
        following = found[-1] + 1 if found[-1] < _SINGLE else math.ceil(found[-1] * _RATIO)
        found.append(min(following, steps))
    return tuple(found)


def neighbours(step: int, steps: int) -> Ints:
    """Return the places of the steps ahead whose scores are used for `step`."""
    low, high = math.ceil(step / _NEIGHBOURS), math.floor(step * _NEIGHBOURS)
    return np.arange(max(low, 1), min(high, steps) + 1) - 1


def conformal_quantile(scores: Doubles, level: float, count: float, weights: Doubles | None = None) -> float:
    """Return the factor with which an interval of `level` (0 to 1) holds a new value, from scores.

    count    number n of independent scores. With many, the factor is the quantile of the scores at `level`. With few,
             it is larger, as the interval of a t-distribution with n degrees of freedom is wider than a normal one; and
             n scores have no quantile above n / (n + 1), so those of the t-distribution continue the highest one
    weights  of the scores; by default equal
    """
    order = np.argsort(scores, kind="stable")
    shares = np.ones(len(scores)) if weights is None else weights[order]
    cumulative = np.cumsum(shares) / shares.sum()
    known = min(level, count / (count + 1))
    found = scores[order[min(int(np.searchsorted(cumulative, known - 1e-9)), len(order) - 1)]]
    return float(found) * t_quantile(level, count) / NormalDist().inv_cdf(0.5 + known / 2)


def t_quantile(level: float, freedom: float) -> float:
    """Return the upper bound of the interval of a t-distribution at `level` (Cornish-Fisher expansion)."""
    z = NormalDist().inv_cdf(min(0.5 + level / 2, 1 - 1e-12))
    terms = (
        (z**3 + z) / 4,
        (5 * z**5 + 16 * z**3 + 3 * z) / 96,
        (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / 384,
    )
    return z + sum(term / freedom ** (power + 1) for power, term in enumerate(terms))


@dataclass(frozen=True)
class Widths:
    """Factors of the widths of intervals, and what they were fitted to.

    steps    steps ahead of the factors
    factors  `[steps, K, 2]`, below and above the point forecast
    growth   power of the step ahead with which the factors grow after the last step
    series   further factors of each variable of a series, by its number, `[Y]`
    """

    steps: tuple[int, ...]
    factors: Doubles
    growth: float
    series: dict[int, Doubles]

    def of(self, scores: Scores) -> Doubles:
        """Return the scores of intervals with these widths."""
        steps = scores.values.shape[1]
        ahead = np.log(np.arange(1, steps + 1))
        below, above = (
            np.stack([np.interp(ahead, np.log(self.steps), column) for column in self.factors[..., side].T], 1)[:, None]
            for side in (0, 1)
        )
        plain = np.ones(scores.values.shape[2])
        own = np.array([self.series.get(int(number), plain) for number in scores.series]).reshape(-1, 1, len(plain), 1)
        # A factor is 0 if the point forecast was always exact; a score of 0 is then inside.
        factors = np.maximum(np.where(scores.above[..., None], above, below), _LEAST_FACTOR)
        result: Doubles = scores.values / factors / own
        return result


def fit_widths(scores: Scores, steps: int, reference: ReferenceErrors | None = None) -> Widths:
    """Fit the factors of the widths for up to `steps` steps ahead, which may be more than those of the scores.

    reference  scores of a simple forecast in the training part, for the knots of `steps`
    """
    series = _own_factors(scores)
    values = Widths((1,), np.ones((1, len(LEVELS), 2)), 0.0, series).of(scores)
    counts, at = scores.independent(), knots(steps)
    last = int(np.flatnonzero(counts > 0)[-1]) + 1 if counts.any() else 0
    growth = _growth(values, counts)
    both = np.array([_factors(step, values, counts, last, growth, reference) for step in at])
    sides = [_of_side(side, scores, values, counts, at, growth, reference, both) for side in (False, True)]
    # An interval contains those of lower levels.
    normal = np.array([NormalDist().inv_cdf(0.5 + level / 200) for level in LEVELS])[:, None]
    return Widths(at, np.maximum.accumulate(np.stack(sides, 2) * normal, axis=1) / normal, growth, series)


def _of_side(
    side: bool,
    scores: Scores,
    values: Doubles,
    counts: Doubles,
    at: tuple[int, ...],
    growth: float,
    reference: ReferenceErrors | None,
    both: Doubles,
) -> Doubles:
    """Return the factors of the intervals' parts above the point forecast, or below it, `[steps, K]`.

    The part holds its level of the true values on its side. The fewer these are, the nearer its factors are to those of
    `both` sides.
    """
    known = np.isfinite(values).all(3)
    shares = (known & (scores.above == side)).sum((0, 2)) / np.maximum(known.sum((0, 2)), 1)
    own = counts * shares
    if not own.any():
        return both
    last = int(np.flatnonzero(own > 0)[-1]) + 1
    of_side = np.where((scores.above == side)[..., None], values, np.nan)
    factors = np.array([_factors(step, of_side, own, last, growth, reference) for step in at])
    number = own[np.minimum(np.array(at), last) - 1][:, None]
    share = number / (number + _FEWEST_OF_SIDE)
    result: Doubles = factors**share * both ** (1 - share)
    return result


def _factors(
    step: int, values: Doubles, counts: Doubles, last: int, growth: float, reference: ReferenceErrors | None
) -> Doubles:
    """Return the factors of one step ahead, `[K]`."""
    near = min(step, last)
    found, weights, count = np.zeros((0, values.shape[3])), np.zeros(0), 0.0
    if near:
        known = np.flatnonzero(counts > 0)
        places = np.intersect1d(neighbours(near, values.shape[1]), known)
        if not len(places):
            places = known[[np.abs(known + 1 - near).argmin()]]
        found = values[:, places].reshape(-1, values.shape[3]) * (step / near) ** growth
        found = found[np.isfinite(found).all(1)]
        count = float(counts[places].mean()) * near / step
        weights = np.full(len(found), count / len(found))
    if reference is not None and len(reference.values[step]):
        added = reference.at(step, count)
        weights = np.concatenate([weights, np.full(len(added), _REFERENCES / len(added))])
        found, count = np.concatenate([found, added]), count + _REFERENCES / 2
    factors = np.array(
        [
            conformal_quantile(found[:, place], level / 100, max(count, 1.0), weights)
            for place, level in enumerate(LEVELS)
        ]
    )
    return np.where(factors < 1, np.maximum(factors, 0.0) ** (count / (count + _FEWEST_TO_NARROW)), factors)


def _growth(values: Doubles, counts: Doubles) -> float:
    """Return the power of the step ahead with which the scores grow, which errors of few origins hardly show."""
    places = np.flatnonzero(counts > 0)
    if len(places) < 2:
        return 0.0
    middle = np.array([_median(values[:, place, :, _MIDDLE]) for place in places])
    x, y, weights = np.log(places + 1), np.log(np.maximum(middle, 1e-9)), counts[places]
    x = x - np.average(x, weights=weights)
    slope = float((weights * x * y).sum() / (weights * x * x).sum())
    count = float(counts[places].mean())
    return min(max(slope, 0.0), _MOST_GROWTH) * count / (count + 1)


def _own_factors(scores: Scores) -> dict[int, Doubles]:
    """Return factors of the variables of each series that has enough errors; none for a single variable in all.

    The fewer errors a series has, and the less the series differ, the nearer a factor is to 1 (empirical Bayes).
    """
    variables = scores.values.shape[2]
    found, counts = {}, {}
    for number in np.unique(scores.series).tolist():
        own = scores.take(scores.series == number)
        count = float(own.independent().mean())
        middle = np.array([_median(own.values[..., place, _MIDDLE]) for place in range(variables)])
        if count >= _FEWEST_OF_SERIES and (middle > 0).all():
            found[number], counts[number] = np.log(middle), count
    if len(found) * variables < 2:
        return {}
    pooled = math.log(_median(scores.values[..., _MIDDLE]))
    errors = {number: _VARIANCE_OF_MEDIAN / count for number, count in counts.items()}
    spread = np.mean([np.mean((own - pooled) ** 2) - errors[number] for number, own in found.items()])
    if spread <= 0:
        return {}
    return {
        number: np.clip(
            np.exp((own - pooled) * spread / (spread + errors[number])), 1 / _MOST_OF_SERIES, _MOST_OF_SERIES
        )
        for number, own in found.items()
    }


def coverages(scores: Scores, levels: tuple[float, ...] = (80.0, 95.0)) -> dict[str, float]:
    """Return the shares of true values inside the intervals, before calibration and after it.

    After calibration, each half of the origins is measured with the widths that are fitted to the other half.
    """
    late = _late(scores)
    found = {}
    for level in levels:
        found[f"coverage_{level:g}_before"] = _inside(scores.values[..., LEVELS.index(level)])
    if not late.any() or late.all():
        return found
    steps = scores.values.shape[1]
    parts = [fit_widths(scores.take(~rows), steps).of(scores.take(rows)) for rows in (late, ~late)]
    for level in levels:
        found[f"coverage_{level:g}"] = _inside(np.concatenate([each[..., LEVELS.index(level)] for each in parts]))
    return found


def _late(scores: Scores) -> Flags:
    """Return which forecasts are in the second half: the later origins of a series, or every second series."""
    late = np.zeros(len(scores.series), dtype=bool)
    single = 0
    for number in np.unique(scores.series):
        rows = np.flatnonzero(scores.series == number)
        if len(rows) > 1:
            late[rows] = scores.origin[rows] > np.median(scores.origin[rows])
        else:
            late[rows], single = bool(single % 2), single + 1
    return late


def _inside(values: Doubles) -> float:
    known = values[np.isfinite(values)]
    return float((known <= 1).mean()) if known.size else math.nan


def _median(values: Doubles) -> float:
    """Return the median of the known scores; NaN if there are none."""
    known = values[np.isfinite(values)]
    return float(np.median(known)) if known.size else math.nan
