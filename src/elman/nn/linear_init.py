"""Initialise a forecast network: its linear map by least squares, its head from the residuals of that map.

Before the first training step the network then equals a linear autoregression with prediction intervals of the right
width.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import torch

from elman.data.panel.window_config import WindowConfig
from elman.data.panel.windows import WindowDataset, Windows
from elman.nn.forecast_head import ForecastHead
from elman.nn.forecast_member import ForecastMember

__all__ = ["init_network"]

Ints = npt.NDArray[np.int64]
Doubles = npt.NDArray[np.float64]

# Largest number of time steps in the fit, evenly spaced over all; enough for a few hundred weights.
_MAX_STEPS = 100_000
# Ridge penalty relative to the mean square of the inputs: it only matters where the data does not determine the map.
_RIDGE = 1e-5
# Lower bound of the initial scale of a head's distribution.
_MIN_SPREAD = 1e-4


def init_network(members: Sequence[ForecastMember], dataset: WindowDataset, stop: Ints, window: WindowConfig) -> bool:
    """Initialise the linear map and head of every member from the values of each series before `stop`.

    Time steps with fewer earlier values than the map reads are left out, unless there are no others. Returns whether
    the members have a base and there are such steps.
    """
    member = members[0]
    horizon, lags, variables = member.horizon, max(member.lags, 1), member.sizes.targets
    if member.counts:
        _init_counts(members, dataset, stop)
    if not (member.residual_to_last or member.lags):
        return False
    rows = _steps(stop, horizon, lags - 1)
    rows = rows if len(rows.series) else _steps(stop, 1, 0)
    if not len(rows.series):
        return False
    places = np.unique(np.linspace(0, len(rows.series) - 1, _MAX_STEPS).astype(np.int64))
    rows = rows.take(places)
    values = dataset.inputs(rows.series, rows.start, 1, horizon).values_BSY[:, -lags:].double().numpy()
    targets = dataset.targets_of(rows, np.zeros((len(places), 1), dtype=np.int64), horizon)[:, 0].double().numpy()
    errors = np.empty((len(places), horizon, variables))
    for target in range(variables):
        anchor_N1 = values[:, -1:, target] if member.residual_to_last else np.zeros((len(places), 1))
        x, y = values[:, :, target] - anchor_N1, targets[:, :, target] - anchor_N1
        weights, bias = np.zeros((lags, horizon)), np.zeros(horizon)
        if member.lags and window.least_squares:
            weights, bias = _ridge(x, y)
            for each in members:
                with torch.no_grad():
                    each.lag_weight[target] = torch.from_numpy(weights.T)
                    each.lag_bias[target] = torch.from_numpy(bias)
        errors[..., target] = y - x @ weights - bias
    for each in members:
        # Random initial weights of the head would add noise to the linear forecast.
        torch.nn.init.zeros_(each.head.linear.weight)
        with torch.no_grad():
            each.head.linear.bias.copy_(torch.from_numpy(_biases(each.head, errors.reshape(len(errors), -1))))
    return True


def _init_counts(members: Sequence[ForecastMember], dataset: WindowDataset, stop: Ints) -> None:
    """Initialise the heads so that they predict the mean and the dispersion of all counts."""
    known = [dataset.targets[begin : begin + end] for begin, end in zip(dataset.offset, stop, strict=True)]
    counts = np.concatenate(known).astype(np.float64)
    mean = np.maximum(np.nanmean(counts, 0), _MIN_SPREAD)
    dispersion = np.maximum((np.nanvar(counts, 0) - mean) / mean**2, 0.01)
    raw_YP = np.array(
        [[_inverse_softplus(float(each)) for each in pair] for pair in zip(mean, dispersion, strict=True)]
    )
    for member in members:
        with torch.no_grad():
            member.head.linear.bias.copy_(torch.from_numpy(np.tile(raw_YP, (member.horizon, 1)).reshape(-1)))


def _biases(head: ForecastHead, errors_NY: Doubles) -> Doubles:
    """Return the biases with which a head predicts the distribution of the errors, as far as its kind allows."""
    raw = np.zeros((errors_NY.shape[1], len(head.parameter_names)))
    levels = getattr(head, "levels", ())
    for place, column in enumerate(errors_NY.T):
        known = column[np.isfinite(column)]
        if not len(known):
            continue
        if levels:
            quantiles, middle = np.quantile(known, levels), len(levels) // 2
            gaps = [_inverse_softplus(float(gap)) for gap in np.diff(quantiles)]
            raw[place] = [*gaps[:middle], quantiles[middle], *gaps[middle:]]
        elif "scale" in head.parameter_names:
            raw[place, head.parameter_names.index("scale")] = _inverse_softplus(float(known.std()))
    return raw.reshape(-1)


def _inverse_softplus(spread: float) -> float:
    spread = max(spread, _MIN_SPREAD)
    return spread if spread > 30 else float(np.log(np.expm1(spread)))


def _steps(stop: Ints, horizon: int, first: int) -> Windows:
    """Return every time step from `first` on with a complete horizon of targets before its series' `stop`."""
    counts = np.maximum(stop - horizon - first, 0)
    series = np.repeat(np.arange(len(stop)), counts)
    start = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts) + first
    return Windows(series, start, np.ones_like(start), np.zeros_like(start), stop[series])


def _ridge(
    x: npt.NDArray[np.float64], y: npt.NDArray[np.float64]
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Fit ridge regression without rows that lack a target; return weights `[L, horizon]` and intercepts."""
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
