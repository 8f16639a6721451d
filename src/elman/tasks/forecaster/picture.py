"""The picture of a run: the first series' held-out steps, forecast from where they begin, with what really came."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from elman.data.panel import Panel, Transform
from elman.errors import DataError
from elman.tasks.forecaster.config import ForecasterConfig
from elman.tasks.forecaster.forecast import Forecast
from elman.tasks.forecaster.network import ForecasterNetwork
from elman.tasks.forecaster.predict import forecast_from

__all__ = ["draw_held_out"]

Ints = npt.NDArray[np.int64]

_LEVELS = (80.0, 95.0)


def draw_held_out(
    network: ForecasterNetwork,
    config: ForecasterConfig,
    panel: Panel,
    transforms: Sequence[Transform],
    begin: Ints,
    path: Path,
) -> None:
    """Draw the forecast of the first series that has a validation part, from step `begin` on; none has: draw nothing.

    It has as many steps as the option `horizon` says and the validation part allows.
    """
    held = np.flatnonzero(panel.lengths > begin)
    if not len(held):
        return
    number = int(held[0])
    first = int(begin[number])
    most = network.horizon if network.sizes.past else config.window.horizon
    horizon = min(most, int(panel.lengths[number]) - first)
    levels = _LEVELS if network.spread else ()
    one, origin = panel.take([number]), np.array([first - 1])
    try:
        ahead = forecast_from(network, config, one, [transforms[number]], np.array([0]), origin, horizon, levels=levels)
    except DataError:
        return  # what grows without bound has no picture
    half = len(levels)
    Forecast(
        ids=one.ids,
        frequency=one.frequency,
        starts=[one.starts[0] + first],
        names=one.target_names,
        mean=ahead.mean,
        intervals={level: (ahead.quantiles[at], ahead.quantiles[half + at]) for at, level in enumerate(levels)},
        samples=None,
        history=one.cut(first),
    ).plot(path, truth=one.targets[0][first : first + horizon])
