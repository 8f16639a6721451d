"""Shrinkage of a trained forecaster towards the linear autoregression that it was initialised with.

Training measures the next value, or values of one window; forecasts of the whole horizon may get worse meanwhile. The
output layers are therefore interpolated between their start and the trained ones, as fine-tuned weights are (Wortsman
et al. 2022), with the share that forecasts the validation steps best. The centre of a predicted distribution is then
the weighted mean of the centres of the linear start and of the network; its spread is the network's.
"""

from __future__ import annotations

import copy
from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from elman.data.panel import Panel
from elman.data.panel.windows import WindowDataset
from elman.metrics.verdict import FEWEST
from elman.metrics.window_errors import by_period, scaled_errors, truths
from elman.nn.forecast_member import ForecastMember
from elman.nn.linear_init import init_network
from elman.tasks.forecaster.baselines import validation_origins
from elman.tasks.forecaster.network import ForecasterNetwork

__all__ = ["SHARES", "shrink"]

Ints = npt.NDArray[np.int64]
Doubles = npt.NDArray[np.float64]

# The shares of the network that are tried.
SHARES = (1.0, 0.75, 0.5, 0.25, 0.0)


@torch.no_grad()
def shrink(
    network: ForecasterNetwork,
    forecast: Callable[[Ints, Ints, int], Doubles],
    panel: Panel,
    dataset: WindowDataset,
    begin: Ints,
    *,
    horizon: int,
    most: int,
) -> float:
    """Interpolate the network with its linear start, and return the share of the network.

    forecast  called with the indices of N series, their last known steps and the horizon; returns `[N, horizon, Y]`
    begin     the first validation step of each series
    horizon   steps of a forecast
    most      largest number of forecasts for each share

    The share is 1, and nothing changes, for a network without a linear start, if its output layers are frozen, and if
    the forecasts of the held-out steps are of too few periods for a verdict.
    """
    if not all(layer.requires_grad for member in network.members for layer in _output_parameters(member)):
        return 1.0
    series, origin, steps = validation_origins(panel, begin, horizon, most=most)
    starts = copy.deepcopy(network.members)
    if (
        not len(series)
        or len(by_period(series, origin, steps, np.zeros(len(series)))) < FEWEST
        or not init_network(starts, dataset, begin - dataset.lost, network.window)
    ):
        return 1.0
    truth, season = truths(panel, series, origin, steps), panel.frequency.season
    layers = [
        pair
        for member, start in zip(network.members, starts, strict=True)
        for pair in zip(_outputs(member), _outputs(start), strict=True)
    ]
    trained = [own.clone() for own, _ in layers]

    def interpolate(share: float) -> None:
        for (own, start), best in zip(layers, trained, strict=True):
            own.copy_(start + share * (best - start) if share < 1 else best)

    errors = {}
    for share in SHARES:
        interpolate(share)
        scaled = scaled_errors(panel, series, origin, truth, forecast(series, origin, steps), season)
        known = scaled[np.isfinite(scaled)]
        errors[share] = float(known.mean()) if len(known) else np.inf
    chosen = min(SHARES, key=lambda share: errors[share])  # the largest of equal ones
    interpolate(chosen)
    return chosen


def _output_parameters(member: ForecastMember) -> list[Tensor]:
    own = [member.head.linear.weight, member.head.linear.bias]
    return [*own, member.lag_weight, member.lag_bias] if member.lags else own


def _outputs(member: ForecastMember) -> list[Tensor]:
    """Return views of the parameters that the centres of the predictions are linear in."""
    head = member.head
    shape = (head.outputs, len(head.parameter_names))
    weight, bias, *lags = _output_parameters(member)
    return [*(each.unflatten(0, shape)[:, head.centre] for each in (weight, bias)), *lags]
