"""Estimation of the transforms of many series at once."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial

import numpy as np
import numpy.typing as npt

from elman.data.panel.config import TransformConfig
from elman.data.panel.transform import Transform, check_domain, forward_values
from elman.errors import ConfigError, DataError

__all__ = ["fit_transforms", "lost_steps"]

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]

# First candidates for the power of Box-Cox. A power below 0 would put an upper bound on the forecasts.
_POWERS = (0.0, 0.5, 1.0, 1.5, 2.0)
_GOLDEN = (5**0.5 - 1) / 2
_SECTIONS = 16
# A smaller spread, relative to the largest value, is rounding error: the series counts as constant.
_ROUNDING = 1e-12
# A smaller spread, in absolute terms, cannot be a divisor: the series counts as constant.
_SMALLEST = 1e-300


def lost_steps(config: TransformConfig, season: int) -> int:
    """Return the number of time steps at the start of a series that the differences consume."""
    return config.difference + config.seasonal_difference * (config.seasonal_period or season)


def fit_transforms(
    targets: Sequence[Floats],
    config: TransformConfig,
    *,
    season: int = 1,
    ids: Sequence[str] = (),
    time: Callable[[int, int], str] | None = None,
) -> list[Transform]:
    """Fit the transform of each series, [T, Y], to its values; NaN is ignored.

    season  time steps of a season, if the options do not give it
    ids     names of the series, for messages
    time    returns the time of a series' step as text, for messages

    The power of Box-Cox maximises the profile likelihood from 0 to 2 for each variable (Box & Cox 1964). Offset and
    scale are the mean and the standard deviation ("standard"), the minimum and the range ("min-max"), 0 and the mean
    absolute value ("mean"), or the median and the interquartile range ("robust"). A constant series has the scale 1.

    Raises DataError, with the name of the series, for values without a logarithm, and for a series that is too short
    for the differences or too large for a scale; ConfigError for a seasonal difference without a season.
    """
    period = config.seasonal_period or season
    if config.seasonal_difference and period < 2:
        raise ConfigError(
            f"expected seasonal_period of at least 2 for a seasonal difference. Received: a season of {period}"
        )
    lost = lost_steps(config, season)
    for row, values in enumerate(targets):
        name = f"the series {ids[row]!r}" if len(ids) else f"the series {row + 1}"
        check_domain(config.transform, values, name, None if time is None else partial(time, row))
        if len(values) <= lost:
            raise DataError(f"{name}: expected more than {lost} steps to take differences. Received: {len(values)}")
    found: dict[int, Transform] = {}
    for rows, padded in _groups(targets):
        with np.errstate(over="ignore", invalid="ignore"):  # values that are too large for a scale are refused below
            fitted = _fit(padded, config, period)
        for row, transform in zip(rows, fitted, strict=True):
            name = f"the series {ids[row]!r}" if len(ids) else f"the series {row + 1}"
            if transform is None:
                raise DataError(f"{name}: expected values for every variable after differences. Received: none")
            if not np.isfinite([transform.offset, transform.scale, transform.centre]).all():
                largest = np.nanmax(np.abs(targets[row]))
                raise DataError(f"{name}: expected values small enough to be scaled. Received: {largest:g}")
            found[row] = transform
    return [found[row] for row in range(len(targets))]


def _groups(targets: Sequence[Floats]) -> Iterator[tuple[list[int], Floats]]:
    """Yield groups of series of similar length: their indices, and the values [N, T, Y] padded with NaN."""
    bins: dict[int, list[int]] = {}
    for row, values in enumerate(targets):
        bins.setdefault(len(values).bit_length(), []).append(row)
    for rows in bins.values():
        longest = max(len(targets[row]) for row in rows)
        padded = np.full((len(rows), longest, targets[rows[0]].shape[1]), np.nan)
        for place, row in enumerate(rows):
            padded[place, : len(targets[row])] = targets[row]
        yield rows, padded


def _fit(y_NTY: Floats, config: TransformConfig, period: int) -> list[Transform | None]:
    series, _, variables = y_NTY.shape
    power, centre = np.ones((series, variables)), np.ones((series, variables))
    if config.transform == "box-cox":
        power, centre = _powers(y_NTY)
    w_NTY = forward_values(config.transform, y_NTY, power[:, None], centre[:, None])
    # The difference of a straight line is constant up to rounding error, so the bound comes from the values before it.
    rounding = np.maximum(_ROUNDING * np.abs(np.where(np.isnan(w_NTY), 0.0, w_NTY)).max(axis=1), _SMALLEST)
    if config.seasonal_difference:
        w_NTY = w_NTY[:, period:] - w_NTY[:, :-period]
    w_NTY = np.diff(w_NTY, n=config.difference, axis=1)
    offset, scale = _scales(w_NTY, config.scaling, rounding)
    empty = (np.isnan(w_NTY).sum(axis=1) == w_NTY.shape[1]).any(axis=1)
    return [
        None
        if empty[row]
        else Transform(
            config.transform,
            power[row],
            centre[row],
            config.difference,
            config.seasonal_difference,
            period,
            offset[row],
            scale[row],
        )
        for row in range(series)
    ]


def _mean(values: Floats, there: Bools) -> Floats:
    count = np.maximum(there.sum(axis=1), 1)
    mean: Floats = np.where(there, values, 0.0).sum(axis=1) / count
    return mean


def _scales(w_NTY: Floats, scaling: str, rounding: Floats) -> tuple[Floats, Floats]:
    """Return the offset and scale of each series and variable, [N, Y]; a scale of at most `rounding` becomes 1."""
    there = ~np.isnan(w_NTY)
    offset, scale = np.zeros_like(rounding), np.ones_like(rounding)
    if scaling == "standard":
        offset = _mean(w_NTY, there)
        scale = np.sqrt(_mean((w_NTY - offset[:, None]) ** 2, there))
    elif scaling == "min-max":
        offset = np.where(there, w_NTY, np.inf).min(axis=1)
        scale = np.where(there, w_NTY, -np.inf).max(axis=1) - offset
    elif scaling == "mean":
        scale = _mean(np.abs(w_NTY), there)
    elif scaling == "robust":
        # NaN sorts to the end.
        ordered, count = np.sort(w_NTY, axis=1), np.maximum(there.sum(axis=1), 1)
        low, offset, high = (_quantile(ordered, count, share) for share in (0.25, 0.5, 0.75))
        scale = high - low
    return offset, np.where(scale > rounding, scale, 1.0)


def _quantile(ordered: Floats, count: npt.NDArray[np.int64], share: float) -> Floats:
    position = share * (count - 1)
    below = np.floor(position).astype(np.int64)
    above = np.minimum(below + 1, count - 1)
    low = np.take_along_axis(ordered, below[:, None], axis=1)[:, 0]
    high = np.take_along_axis(ordered, above[:, None], axis=1)[:, 0]
    return low + (position - below) * (high - low)


def _powers(y_NTY: Floats) -> tuple[Floats, Floats]:
    """Return the power of maximum likelihood and the geometric mean of each series and variable, [N, Y].

    For values divided by their geometric mean, the likelihood decreases with the variance of the Box-Cox transform. The
    best of a few powers is refined by golden-section search.
    """
    there = ~np.isnan(y_NTY)
    logs = np.where(there, np.log(np.where(there, y_NTY, 1.0)), 0.0)
    centre = _mean(logs, there)
    u_NTY = np.where(there, logs - centre[:, None], 0.0)
    count = np.maximum(there.sum(axis=1), 1)

    def spread(power: Floats) -> Floats:
        safe = np.where(power == 0, 1.0, power)
        values = np.expm1(safe[:, None] * u_NTY) / safe[:, None]
        values = np.where(power[:, None] == 0, u_NTY, values)  # missing values have u = 0, and so contribute 0
        mean = values.sum(axis=1) / count
        variance: Floats = (values**2).sum(axis=1) / count - mean**2
        return variance

    tried = np.stack([spread(np.full_like(centre, power)) for power in _POWERS])
    best = np.array(_POWERS)[tried.argmin(axis=0)]
    low, high = np.maximum(best - 0.5, _POWERS[0]), np.minimum(best + 0.5, _POWERS[-1])
    left, right = high - _GOLDEN * (high - low), low + _GOLDEN * (high - low)
    at_left, at_right = spread(left), spread(right)
    for _ in range(_SECTIONS):
        down = at_left < at_right
        low, high = np.where(down, low, left), np.where(down, right, high)
        new = np.where(down, high - _GOLDEN * (high - low), low + _GOLDEN * (high - low))
        at_new = spread(new)
        left, right = np.where(down, new, right), np.where(down, left, new)
        at_left, at_right = np.where(down, at_new, at_right), np.where(down, at_left, at_new)
    power = (low + high) / 2
    # The ends of the range are tried explicitly: the golden-section search only approaches them.
    for end in (_POWERS[0], _POWERS[-1]):
        power = np.where(spread(np.full_like(power, end)) <= spread(power), end, power)
    constant = np.abs(u_NTY).max(axis=1) < _ROUNDING
    return np.where(constant, 1.0, power), np.exp(centre)
