"""Forecasts of a panel in its original units, and generated series: windows, network, inverse transforms."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from elman.data.panel import Panel, Transform
from elman.data.panel.history import SeriesHistory
from elman.data.panel.interval_correction import IntervalCorrection
from elman.data.panel.window_config import LONGEST
from elman.data.panel.windows import make_window_dataset
from elman.decode.free_running import Predictor, marginals, sample_paths
from elman.decode.interval_widths import correct_bounds, correct_paths, levelled
from elman.decode.randomness import named_seed
from elman.display import Progress
from elman.errors import ConfigError, DataError
from elman.kernels import threads_for
from elman.options import python_value

__all__ = [
    "CARRIED",
    "LEVELS",
    "PATHS",
    "ForecastArrays",
    "check_horizon",
    "check_levels",
    "create_series",
    "forecast_from",
]

Ints = npt.NDArray[np.int64]
Doubles = npt.NDArray[np.float64]

# Default levels of intervals, in per cent.
LEVELS = (80.0, 95.0)
# Default number of sample paths for intervals.
PATHS = 200
# The context of a network with carried state, as a multiple of its training windows.
CARRIED = 4


class ForecastArrays(NamedTuple):
    """Forecasts from N origins: the point forecast and, by level, the bounds of the intervals, all `[N, horizon, Y]`,
    and the sample paths `[N, paths, horizon, Y]` if requested."""

    mean: Doubles
    intervals: dict[float, tuple[Doubles, Doubles]]
    samples: Doubles | None


def check_horizon(horizon: int) -> None:
    """Raise ConfigError for an invalid horizon."""
    if isinstance(horizon, bool) or not isinstance(horizon, int) or not 1 <= horizon <= LONGEST:
        raise ConfigError(f"expected a horizon from 1 to {LONGEST:,} steps. Received: {horizon!r}")


def check_levels(levels: Sequence[float], spread: bool, least: float = 1.0) -> tuple[float, ...]:
    """Return the sorted levels of intervals in per cent. A level below `least` is most likely meant as a fraction.

    Raises ConfigError for invalid levels, and for any level if no distribution is predicted.
    """
    levels = python_value(levels)
    if not isinstance(levels, Sequence) or isinstance(levels, str):
        raise ConfigError(f"expected a list of levels of intervals, such as (80, 95). Received: {levels!r}")
    for level in levels:
        if isinstance(level, bool) or not isinstance(level, int | float) or not 0 < level < 100:
            raise ConfigError(f"expected levels of intervals in per cent, such as 80 and 95. Received: {level!r}")
        if level < least:
            raise ConfigError(
                f"expected levels of intervals in per cent, {100 * level:g} for a share of {level:g}, and at least "
                f"{least:g}. Received: {level!r}"
            )
    if levels and not spread:
        raise ConfigError(
            "expected no levels: a network with distribution=point has no intervals. "
            f"Received: {', '.join(f'{level:g}' for level in levels)}"
        )
    return tuple(sorted({float(level) for level in levels}))


def probabilities(levels: Sequence[float]) -> tuple[float, ...]:
    """Return the quantile levels of the lower bounds of the intervals, then of the upper bounds."""
    low = [0.5 - level / 200 for level in levels]
    return (*low, *(1 - each for each in low))


def forecast_from(
    network: Predictor,
    panel: Panel,
    transforms: Sequence[Transform],
    series: Ints,
    origin: Ints,
    horizon: int,
    *,
    levels: Sequence[float] = (),
    samples: int = 0,
    paths: int = PATHS,
    seed: int = 0,
    shared: bool = False,
    correction: IntervalCorrection | None = None,
    progress: Progress | None = None,
) -> ForecastArrays:
    """Forecast `horizon` steps after step `origin` of each of `series`, from the values up to that step.

    levels    levels of the intervals, in per cent
    samples   number of joint sample paths to return; 0 for none
    paths     minimum number of sample paths if a distribution over several steps is estimated from samples; with 0 and
              no samples, one path is continued from the point forecasts, without intervals
    seed      seed of the sampling
    shared    draw the random numbers of all series from one stream, so that they depend on the other series; by
              default those of a series depend on the seed and its name alone
    correction  correction of the widths of intervals and of sample paths; None for those of the network
    progress  called with the name of the current work and the fraction done

    Raises DataError for an origin with too few values before it, and for covariates that end before the horizon.
    """
    window = network.window
    further = max(0, int((origin + 1 + horizon - panel.lengths[series]).max())) + network.horizon
    _check_covariates(network, panel, series, origin, horizon)
    dataset = make_window_dataset(
        panel,
        transforms,
        window,
        further=further,
        masked=network.sizes.masked,
        counts=network.counts,
        scales=network.scales,
    )
    scaled = origin - dataset.lost
    if len(scaled) and int(scaled.min()) < 0:
        worst = int(series[int(scaled.argmin())])
        raise DataError(
            f"the series {panel.ids[worst]!r}: expected at least {dataset.lost + 1} values before a forecast. "
            f"Received: {int(origin[int(scaled.argmin())]) + 1}"
        )
    context = window.context * (CARRIED if window.carry else 1)
    quantile_levels = probabilities(levels)
    exact = horizon <= network.horizon and (horizon == 1 or not dataset.lost) and not samples
    if network.spread and network.point == "mean" and transforms[0].kind != "none":
        exact = False  # The mean does not commute with a nonlinear inverse transform.
    if exact or (not network.spread and horizon <= network.horizon):
        with threads_for(len(series), network):
            point, _, quantiles = marginals(
                network, dataset, series, scaled, context=context, levels=quantile_levels, progress=progress
            )
        stacked = np.concatenate([point[:, None], np.moveaxis(quantiles, -1, 1)], axis=1)[:, :, :horizon]
        undone = _undone(stacked, panel, transforms, series, origin)
        if correction is not None and levels:
            undone = _with_bounds(undone, levels, correction, panel, transforms, series, network.counts)
        return _finite(panel, series, undone[:, 0], np.moveaxis(undone[:, 1:], 1, 0), levels, None)
    path_count = max(samples, paths) if network.spread else 0
    seeds = seed if shared else [named_seed(seed, panel.ids[number]) for number in series.tolist()]
    with threads_for(len(series) * max(1, path_count), network):
        sampled = sample_paths(
            network, dataset, series, scaled, horizon, context=context, paths=path_count, seed=seeds, progress=progress
        )
    undone = _undone(sampled, panel, transforms, series, origin)
    middle = undone.mean(1) if network.point == "mean" or not path_count else np.median(undone, 1)
    if correction is not None and path_count:
        undone = _with_paths(undone, middle, correction, panel, transforms, series, network.counts)
    bounds = np.quantile(undone, quantile_levels, axis=1) if quantile_levels else np.zeros((0, *middle.shape))
    returned = undone[:, np.arange(samples) * path_count // samples] if samples else None  # from every member
    return _finite(panel, series, middle, bounds, levels, returned)


def _with_bounds(
    undone: Doubles,
    levels: Sequence[float],
    correction: IntervalCorrection,
    panel: Panel,
    transforms: Sequence[Transform],
    series: Ints,
    counts: bool,
) -> Doubles:
    """Return point forecasts and bounds, `[N, 1 + 2 K, horizon, Y]`, with corrected bounds."""
    plain = levelled(undone, transforms, series)
    own = correction.of_series([panel.ids[number] for number in series.tolist()], undone.shape[-1])
    bounds = correct_bounds(np.moveaxis(plain[:, 1:], 1, 0), plain[:, 0], levels, correction, own, counts=counts)
    moved = levelled(np.moveaxis(bounds, 0, 1), transforms, series, back=True)
    return np.concatenate([undone[:, :1], moved], axis=1)


def _with_paths(
    undone: Doubles,
    middle: Doubles,
    correction: IntervalCorrection,
    panel: Panel,
    transforms: Sequence[Transform],
    series: Ints,
    counts: bool,
) -> Doubles:
    """Return sample paths `[N, paths, horizon, Y]` with corrected distances from `middle`, the point forecasts."""
    own = correction.of_series([panel.ids[number] for number in series.tolist()], undone.shape[-1])
    plain, centre = levelled(undone, transforms, series), levelled(middle, transforms, series)
    moved = correct_paths(plain, centre, correction, own, counts=counts)
    return levelled(moved, transforms, series, back=True)


def _check_covariates(network: Predictor, panel: Panel, series: Ints, origin: Ints, horizon: int) -> None:
    if network.sizes.past and horizon > network.horizon:
        raise ConfigError(
            f"expected a horizon of at most {network.horizon} with past_covariates, whose future values are not known "
            f"(train with mode=direct and a longer horizon). Received: {horizon}"
        )
    if not panel.future_names:
        return
    known = panel.lengths[series] + panel.ahead[series]
    short = np.flatnonzero(known < origin + 1 + horizon)
    if len(short):
        row = int(short[0])
        number = int(series[row])
        raise DataError(
            f"the series {panel.ids[number]!r}: expected {', '.join(panel.future_names)} for all {horizon} steps ahead "
            f"(future_covariates). Received: {int(known[row] - origin[row] - 1)} steps"
        )


def _undone(scaled: Doubles, panel: Panel, transforms: Sequence[Transform], series: Ints, origin: Ints) -> Doubles:
    """Return the inverse-transformed paths `[N, paths, horizon, Y]`, in the units of their series."""
    result = np.empty_like(scaled)
    for number in np.unique(series).tolist():
        rows = np.flatnonzero(series == number)
        transform = transforms[number]
        if transform.lost:
            for row in rows.tolist():
                result[row] = transform.inverse(scaled[row], panel.targets[number][: origin[row] + 1])
        else:
            flat = scaled[rows].reshape(-1, *scaled.shape[2:])
            result[rows] = transform.inverse(flat, panel.targets[number]).reshape(scaled[rows].shape)
    return result


def _finite(
    panel: Panel, series: Ints, mean: Doubles, bounds: Doubles, levels: Sequence[float], samples: Doubles | None
) -> ForecastArrays:
    """Return the forecasts with `bounds` (all lower, then all upper) by level.

    Raises DataError for values that are not finite.
    """
    good = np.isfinite(mean).all((1, 2)) & np.isfinite(bounds).all((0, 2, 3))
    if not good.all():
        name = panel.ids[int(series[int(np.flatnonzero(~good)[0])])]
        raise DataError(
            f"the series {name!r}: expected a forecast that stays finite; a shorter horizon, or other transforms, may "
            "help. Received: one that grows without bound"
        )
    half = len(levels)
    intervals = {level: (bounds[place], bounds[half + place]) for place, level in enumerate(levels)}
    return ForecastArrays(mean, intervals, samples)


def create_series(
    network: Predictor,
    known: SeriesHistory,
    length: int,
    seed: Any,
    *,
    series: str | int,
    draw: bool | None,
    random: int,
    progress: Progress | None = None,
) -> Doubles:
    """Generate a series `[length]` or `[length, Y]` with the network, in the units of one of the series in `known`.

    seed    the values that precede it: "zeros" (of the scaled series), an array of values, or a pair of a series' name
            and a slice of its last values
    series  name or index of the series whose scale and features are used
    draw    sample each value from its distribution, else use the point forecast; None to sample if the network
            predicts a distribution
    random  random seed of the sampling

    Raises ConfigError for a network with covariates and for invalid options, DataError for an invalid seed.
    """
    tail = known.tail
    if tail.past_names or tail.future_names:
        named = ", ".join((*tail.past_names, *tail.future_names))
        raise ConfigError(f"expected a model without covariates, whose values are not known. Received: {named}")
    draw = network.spread if draw is None else draw
    if draw and not network.spread:
        raise ConfigError(
            "expected draw=False: a network with distribution=point has no distribution to sample from. "
            "Received: draw=True"
        )
    if _is_slice_seed(seed):
        series = seed[0]
    number = tail.find(series) if isinstance(series, str) else int(series)
    if not 0 <= number < len(tail):
        raise ConfigError(f"expected a series below {len(tail)}. Received: {series!r}")
    one = tail.take([number])
    transform = known.transforms[number]
    history, stop = _history(network, known, one, seed)
    begin = one.starts[0] + stop - len(history)
    panel = Panel(
        ids=one.ids,
        frequency=one.frequency,
        starts=[begin],
        targets=[history],
        past=[np.zeros((len(history), 0))],
        future=[np.zeros((len(history), 0))],
        static=one.static,
        target_names=one.target_names,
        static_names=one.static_names,
    )
    ahead = forecast_from(
        network,
        panel,
        [transform],
        np.array([0]),
        np.array([len(history) - 1]),
        length,
        samples=int(draw),
        paths=0,
        seed=random,
        shared=True,
        progress=progress,
    )
    values = ahead.mean[0] if ahead.samples is None else ahead.samples[0, 0]
    return values[:, 0] if values.shape[1] == 1 else values


def _is_slice_seed(seed: Any) -> bool:
    return isinstance(seed, tuple) and len(seed) == 2 and isinstance(seed[1], slice)


def _history(network: Predictor, known: SeriesHistory, one: Panel, seed: Any) -> tuple[Doubles, int]:
    """Return the seed values `[T, Y]`, in the units of the series, and the step of `one` that follows them."""
    variables, stop = len(one.target_names), len(one.targets[0])
    if isinstance(seed, str):
        if seed != "zeros":
            raise ConfigError(f"expected the seed zeros, values, or a series and a slice. Received: {seed!r}")
        transform = known.transforms_of(one)[0]
        steps = network.window.context
        before = one.targets[0][: transform.lost]
        if len(before) < transform.lost:
            raise ConfigError(
                f"expected a model that keeps at least {transform.lost} last values, to undo its differences. "
                f"Received: {len(before)}"
            )
        zeros = np.zeros((steps, variables))
        return np.concatenate([before, transform.inverse(zeros, before)]), stop
    if _is_slice_seed(seed):
        first, stop, step = seed[1].indices(stop)
        if step != 1:
            raise ConfigError(f"expected a slice of consecutive steps as the seed. Received: {seed[1]}")
        values = one.targets[0][first:stop]
    else:
        try:
            values = np.asarray(seed, dtype=np.float64)
        except (TypeError, ValueError) as error:
            raise DataError(f"expected numbers as the seed. Received: {error}") from error
    values = values[:, None] if values.ndim == 1 else values
    if values.ndim != 2 or values.shape[1] != variables or len(values) < 1:
        raise DataError(f"expected values of the shape [T, {variables}] as the seed. Received: {values.shape}")
    if not np.isfinite(values).all():
        raise DataError("expected finite values as the seed. Received: NaN or infinity")
    return values, stop
