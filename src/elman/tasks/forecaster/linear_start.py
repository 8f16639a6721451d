"""The least-squares start of a network's linear map: as good as a linear autoregression before the first step."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import torch

from elman.tasks.forecaster.network import ForecasterNetwork
from elman.tasks.forecaster.windows import Bank, Rows

__all__ = ["start_linear_map"]

Ints = npt.NDArray[np.int64]
Doubles = npt.NDArray[np.float64]

# At most so many steps are looked at, evenly spread over all; enough for a few hundred weights.
_MOST_STEPS = 100_000
# The ridge, as a share of the mean square of what is read: only where the data leaves the map open does it matter.
_RIDGE = 1e-5


def start_linear_map(network: ForecasterNetwork, bank: Bank, stop: Ints) -> None:
    """Set every member's linear map to the least-squares one on each series' values before `stop`, and its head to 0.

    Steps with fewer values before them than the map reads are left out, unless there are no others.
    """
    member = network.members[0]
    horizon, lags = member.horizon, member.lags
    rows = _steps(stop, horizon, lags - 1)
    if not len(rows.series):
        rows = _steps(stop, 1, 0)
    if not len(rows.series):
        return
    places = np.unique(np.linspace(0, len(rows.series) - 1, _MOST_STEPS).astype(np.int64))
    rows = rows.take(places)
    values = bank.inputs(rows.series, rows.start, 1, horizon).values_BKY[:, -lags:].double().numpy()
    targets = bank.targets_of(rows, np.zeros((len(places), 1), dtype=np.int64), horizon)[:, 0].double().numpy()
    for target in range(values.shape[2]):
        anchor_B1 = values[:, -1:, target] if member.anchor else np.zeros(1)
        weights, bias = _ridge(values[:, :, target] - anchor_B1, targets[:, :, target] - anchor_B1)
        for each in network.members:
            with torch.no_grad():
                each.lag_weight[target] = torch.from_numpy(weights.T)
                each.lag_bias[target] = torch.from_numpy(bias)
    for each in network.members:
        # Whatever a head's first weights predict would be noise around the linear forecast.
        torch.nn.init.zeros_(each.head.linear.weight)
        torch.nn.init.zeros_(each.head.linear.bias)


def _steps(stop: Ints, horizon: int, first: int) -> Rows:
    """Every step from `first` on with a whole horizon of targets before each series' `stop`."""
    counts = np.maximum(stop - horizon - first, 0)
    series = np.repeat(np.arange(len(stop)), counts)
    start = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts) + first
    return Rows(series, start, np.ones_like(start), np.zeros_like(start), stop[series])


def _ridge(
    x: npt.NDArray[np.float64], y: npt.NDArray[np.float64]
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Weights `[L, h]` and intercepts `[h]` of least squares with a small ridge, without rows that lack a target."""
    whole = np.isfinite(y).all(1)
    x, y = x[whole], y[whole]
    if not len(x):
        return np.zeros((x.shape[1], y.shape[1])), np.zeros(y.shape[1])
    x_mean, y_mean = x.mean(0), y.mean(0)
    x, y = x - x_mean, y - y_mean
    gram = x.T @ x
    ridge = _RIDGE * max(float(np.trace(gram)) / len(gram), 1e-12)
    weights: Doubles = np.linalg.solve(gram + ridge * np.eye(len(gram)), x.T @ y).astype(np.float64)
    intercepts: Doubles = y_mean - x_mean @ weights
    return weights, intercepts
