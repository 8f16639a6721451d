"""From a panel to forecasts in its own unit: windows, the network, and every transform undone."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from elman.data.panel import Panel, Transform
from elman.data.panel.window_config import LONGEST
from elman.data.panel.windows import make_bank
from elman.errors import ConfigError, DataError
from elman.tasks.forecaster.config import ForecasterConfig
from elman.tasks.forecaster.free_running import marginals, run_freely
from elman.tasks.forecaster.network import ForecasterNetwork

__all__ = ["PATHS", "Ahead", "check_horizon", "check_levels", "forecast_from"]

Ints = npt.NDArray[np.int64]
Doubles = npt.NDArray[np.float64]

# The paths that are drawn where an interval needs them and nobody said how many.
PATHS = 200
# A window of a carried network is so many times as long as those it was trained on.
_CARRIED = 4


class Ahead(NamedTuple):
    """Forecasts after N origins: one value each `[N, H, Y]`, quantiles `[Q, N, H, Y]`, and paths `[N, S, H, Y]`."""

    mean: Doubles
    quantiles: Doubles
    samples: Doubles | None


def check_horizon(horizon: int) -> None:
    """Raise ConfigError for a horizon that no forecast can have."""
    if isinstance(horizon, bool) or not isinstance(horizon, int) or not 1 <= horizon <= LONGEST:
        raise ConfigError(f"expected a horizon from 1 to {LONGEST:,} steps. Received: {horizon!r}")


def check_levels(levels: Sequence[float], spread: bool) -> tuple[float, ...]:
    """Levels of intervals in per cent. Raises ConfigError for others, and where no distribution is predicted."""
    if not isinstance(levels, Sequence) or isinstance(levels, str):
        raise ConfigError(f"expected a list of levels of intervals, such as (80, 95). Received: {levels!r}")
    for level in levels:
        if isinstance(level, bool) or not isinstance(level, int | float) or not 0 < level < 100:
            raise ConfigError(f"expected levels of intervals in per cent, such as 80 and 95. Received: {level!r}")
    if levels and not spread:
        raise ConfigError(
            "expected no levels: a network with distribution=point has no intervals. "
            f"Received: {', '.join(f'{level:g}' for level in levels)}"
        )
    return tuple(sorted({float(level) for level in levels}))


def probabilities(levels: Sequence[float]) -> tuple[float, ...]:
    """The probabilities of the lower and then the upper bounds of intervals."""
    low = [0.5 - level / 200 for level in levels]
    return (*low, *(1 - each for each in low))


def forecast_from(
    network: ForecasterNetwork,
    config: ForecasterConfig,
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
) -> Ahead:
    """Forecasts of `horizon` steps after step `origin` of each of `series`, from the values up to there alone.

    levels   of intervals, in per cent
    samples  joint paths to return; 0 for none
    paths    drawn at least, where a distribution over several steps needs them; with 0, and no samples, one path goes
             on from what stands for each value, and there are no intervals
    seed     of the draws

    Raises DataError for an origin with too few values before it, and for covariates that are not known far enough.
    """
    window, differences = config.window, _differences(config)
    further = max(0, int((origin + 1 + horizon - panel.lengths[series]).max())) + network.horizon
    _check_covariates(network, panel, series, origin, horizon)
    bank = make_bank(
        panel,
        transforms,
        window,
        further=further,
        masked=network.sizes.masked,
        counts=network.counts,
        scales=network.scales,
    )
    scaled = origin - bank.lost
    if len(scaled) and int(scaled.min()) < 0:
        worst = int(series[int(scaled.argmin())])
        raise DataError(
            f"the series {panel.ids[worst]!r}: expected at least {bank.lost + 1} values before a forecast. "
            f"Received: {int(origin[int(scaled.argmin())]) + 1}"
        )
    context = window.context * (_CARRIED if window.carry else 1)
    chances = probabilities(levels)
    exact = horizon <= network.horizon and (horizon == 1 or not differences) and not samples
    if network.spread and network.point == "mean" and config.transforms.transform != "none":
        exact = False  # the mean of a transformed value is not the transformed mean
    if exact or (not network.spread and horizon <= network.horizon):
        point, _, quantiles = marginals(network, bank, series, scaled, context=context, levels=chances)
        stacked = np.concatenate([point[:, None], np.moveaxis(quantiles, -1, 1)], axis=1)[:, :, :horizon]
        undone = _undone(stacked, panel, transforms, series, origin)
        return Ahead(*_finite(panel, series, undone[:, 0], np.moveaxis(undone[:, 1:], 1, 0)), None)
    drawn = max(samples, paths) if network.spread else 0
    found = run_freely(network, bank, series, scaled, horizon, context=context, paths=drawn, seed=seed)
    undone = _undone(found, panel, transforms, series, origin)
    middle = undone.mean(1) if network.point == "mean" or not drawn else np.median(undone, 1)
    bounds = np.quantile(undone, chances, axis=1) if chances else np.zeros((0, *middle.shape))
    shown = undone[:, np.arange(samples) * drawn // samples] if samples else None  # some of every member
    return Ahead(*_finite(panel, series, middle, bounds), shown)


def _differences(config: ForecasterConfig) -> bool:
    return bool(config.transforms.difference or config.transforms.seasonal_difference)


def _check_covariates(network: ForecasterNetwork, panel: Panel, series: Ints, origin: Ints, horizon: int) -> None:
    if network.sizes.past and horizon > network.horizon:
        raise ConfigError(
            f"expected a horizon of at most {network.horizon} with past_covariates, for nobody knows them further "
            f"ahead (train with mode=direct and a longer horizon). Received: {horizon}"
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
    """Paths `[N, S, H, Y]` in the unit of their series."""
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


def _finite(panel: Panel, series: Ints, mean: Doubles, bounds: Doubles) -> tuple[Doubles, Doubles]:
    good = np.isfinite(mean).all((1, 2)) & np.isfinite(bounds).all((0, 2, 3))
    if not good.all():
        name = panel.ids[int(series[int(np.flatnonzero(~good)[0])])]
        raise DataError(
            f"the series {name!r}: expected a forecast that stays finite; a shorter horizon, or other transforms, may "
            "help. Received: one that grows without bound"
        )
    return mean, bounds
