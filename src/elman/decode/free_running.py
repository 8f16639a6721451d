"""Forecasts of scaled series: sample paths and point forecasts of any length, many series at once.

The network reads a window of each series' history; its predictions are then fed back as inputs (free-running).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from elman.data.panel.covariates import CovariateScales
from elman.data.panel.window_config import WindowConfig
from elman.data.panel.windows import InputSizes, WindowDataset, WindowInputs
from elman.decode.evaluation_mode import in_evaluation_mode
from elman.decode.randomness import Randomness
from elman.display import Progress
from elman.state import State, map_leaves

__all__ = ["Distributions", "MemberNetwork", "Predictor", "marginals", "sample_paths"]

Ints = npt.NDArray[np.int64]
Doubles = npt.NDArray[np.float64]

# Maximum number of rows (series times paths) in a batch, and of elements in all its windows.
_MAX_ROWS, _MAX_NUMBERS = 4096, 1 << 25


class Distributions(Protocol):
    """Protocol of the predicted distributions, with P parameters for each of Y values."""

    def mean(self, parameters_YP: Tensor) -> Tensor:
        """Return the expected values `..Y`."""

    def sample(self, parameters_YP: Tensor, generator: Randomness = None, *, paths: int = 1) -> Tensor:
        """Draw one random value from every distribution, `..Y`; rows are `paths` paths of each series."""

    def quantiles(self, parameters_YP: Tensor, levels: Sequence[float]) -> Tensor:
        """Return the quantiles `..YK` at the probabilities `levels`."""


class MemberNetwork(Protocol):
    """Protocol of one network: from windows and a state to parameters `[B, N, horizon x Y, P]` and the next state."""

    @property
    def head(self) -> Distributions:
        """Distributions of the parameters."""

    @property
    def sizes(self) -> InputSizes:
        """Sizes of the data."""

    @property
    def direct(self) -> bool:
        """Whether all steps of the horizon are predicted at once (direct forecasts)."""

    @property
    def horizon(self) -> int:
        """Number of steps that are predicted at once."""

    @property
    def lookback(self) -> int:
        """Number of latest values in the input of one time step."""

    def point_forecast(self, parameters: Tensor) -> Tensor:
        """Return the point forecast of each distribution."""

    def read(self, values: Tensor) -> Tensor:
        """Transform predicted values to input values."""

    def __call__(
        self, inputs: WindowInputs, lengths_B: Tensor | None = None, state: State | None = None, loss_steps: int = 0
    ) -> Any: ...


class Predictor(Protocol):
    """Protocol of a network of one or more members whose forecasts are averaged."""

    @property
    def members(self) -> Sequence[MemberNetwork]:
        """The networks."""

    @property
    def window(self) -> WindowConfig:
        """Options of the windows, with all defaults filled in."""

    @property
    def sizes(self) -> InputSizes:
        """Sizes of the data."""

    @property
    def scales(self) -> CovariateScales | None:
        """Scales of the covariates; None without covariates."""

    @property
    def horizon(self) -> int:
        """Number of steps that are predicted at once."""

    @property
    def point(self) -> str:
        """Point forecast of a distribution: "median" or "mean"."""

    @property
    def spread(self) -> bool:
        """Whether a distribution is predicted."""

    @property
    def counts(self) -> bool:
        """Whether counts are predicted."""

    @property
    def device(self) -> torch.device:
        """Device of the weights."""

    def eval(self) -> Any:
        """Set evaluation mode."""


def _chunks(count: int, each: int) -> Iterator[slice]:
    for first in range(0, count, max(1, each)):
        yield slice(first, first + max(1, each))


def _window(
    network: Predictor, dataset: WindowDataset, series: Ints, origin: Ints, context: int
) -> tuple[WindowInputs, Tensor | None]:
    """Return the windows that end at `origin`, and their lengths if they differ."""
    start = np.maximum(origin - context + 1, 0)
    length = origin - start + 1
    inputs = dataset.inputs(series, start, int(length.max()), network.horizon)
    lengths_B = None if int(length.min()) == int(length.max()) else torch.from_numpy(length)
    return map_leaves(lambda leaf: leaf.to(network.device), inputs), lengths_B


@in_evaluation_mode
@torch.no_grad()
def marginals(
    network: Predictor,
    dataset: WindowDataset,
    series: Ints,
    origin: Ints,
    *,
    context: int,
    levels: tuple[float, ...],
    progress: Progress | None = None,
) -> tuple[Doubles, Doubles, Doubles]:
    """Predict the marginal distributions of the first `network.horizon` steps after each origin.

    Returns the point forecasts and means `[N, horizon, Y]` and the quantiles `[N, horizon, Y, K]` at `levels`, averaged
    over the members.
    """
    numbers = (context + dataset.lookback) * (dataset.values.shape[1] + dataset.ahead.shape[1] + 64)
    points, means, quantiles = [], [], []
    for part in _chunks(len(series), min(_MAX_ROWS, _MAX_NUMBERS // numbers)):
        inputs, lengths_B = _window(network, dataset, series[part], origin[part], context)
        found = []
        for member in network.members:
            parameters, _ = member(inputs, lengths_B, None, 1)
            parameters = parameters[:, 0]
            found.append(
                (
                    member.point_forecast(parameters),
                    member.head.mean(parameters),
                    member.head.quantiles(parameters, levels) if levels else parameters[..., :0],
                )
            )
        point, mean, quantile = (torch.stack(column).mean(0).double().cpu() for column in zip(*found, strict=True))
        shape = (len(point), network.horizon, network.sizes.targets)
        points.append(point.reshape(shape))
        means.append(mean.reshape(shape))
        quantiles.append(quantile.reshape(*shape, len(levels)))
        if progress is not None:
            progress("forecasting", min(part.stop / len(series), 1.0))
    return torch.cat(points).numpy(), torch.cat(means).numpy(), torch.cat(quantiles).numpy()


@in_evaluation_mode
@torch.no_grad()
def sample_paths(
    network: Predictor,
    dataset: WindowDataset,
    series: Ints,
    origin: Ints,
    horizon: int,
    *,
    context: int,
    paths: int,
    seed: int | Sequence[int] = 0,
    progress: Progress | None = None,
) -> Doubles:
    """Sample paths `[N, paths, horizon, Y]` of the values after each origin.

    paths    number of sample paths of each series, divided among the members; half of those of a member mirror the
             others. 0 for one path that is continued from the point forecasts, averaged over the members
    context  steps of history that are read before the first prediction
    seed     one for all series, or one for each: then the paths of a series do not depend on the others

    Future covariates must reach `horizon` steps beyond each origin.
    """
    shared = torch.Generator(network.device).manual_seed(seed) if isinstance(seed, int) else None
    members = network.members
    shares = [paths // len(members) + (number < paths % len(members)) for number in range(len(members))]
    numbers = (context + dataset.lookback) * (dataset.values.shape[1] + dataset.ahead.shape[1] + 64)
    done, total = 0, horizon * len(series) * sum(share > 0 or not paths for share in shares)

    def advance(steps: int) -> None:
        """Report that `steps` more steps, summed over the series, have been predicted."""
        nonlocal done
        done += steps
        if progress is not None:
            progress("forecasting", min(done / total, 1.0))

    results = []
    for part in _chunks(len(series), min(_MAX_ROWS // max(paths, 1), _MAX_NUMBERS // (numbers * max(paths, 1)))):
        found = []
        generator: Randomness = shared
        if not isinstance(seed, int):
            generator = [torch.Generator(network.device).manual_seed(each) for each in seed[part]]
        for member, share in zip(members, shares, strict=True):
            if paths and not share:
                continue
            draw = generator if paths else None
            run = _direct if member.direct else _next
            found.append(
                run(
                    network, dataset, member, series[part], origin[part], horizon, context, max(share, 1), draw, advance
                )
            )
        joined = torch.cat(found, 1) if paths else torch.stack(found).mean(0)
        results.append(joined.double().cpu().numpy())
    return np.concatenate(results)


def _value(member: MemberNetwork, parameters: Tensor, draw: Randomness, paths: int) -> Tensor:
    """Return the predicted values `[N, horizon x Y]`: samples if `draw` is given, else point forecasts."""
    return member.point_forecast(parameters) if draw is None else member.head.sample(parameters, draw, paths=paths)


def _next(
    network: Predictor,
    dataset: WindowDataset,
    member: MemberNetwork,
    series: Ints,
    origin: Ints,
    horizon: int,
    context: int,
    paths: int,
    draw: Randomness,
    advance: Callable[[int], None],
) -> Tensor:
    """Forecast recursively, one step at a time with carried state."""
    inputs, lengths_B = _window(network, dataset, series, origin, context)
    parameters, state = member(inputs, lengths_B, None, 1)

    def spread(leaf: Tensor) -> Tensor:
        return leaf.repeat_interleave(paths, 0)

    state = map_leaves(spread, state)
    recent_NSY = spread(_aligned(inputs.values_BSY, lengths_B)[:, -member.lookback :])
    static_NC = spread(inputs.static_BC)
    ahead_BNF = dataset.ahead_of(series, origin + 1, horizon).to(network.device)
    seen_N1Y = spread(torch.ones_like(inputs.seen_BTY[:, :1]))
    past_N1F = seen_N1Y.new_zeros(len(seen_N1Y), 1, member.sizes.past)
    parameters = spread(parameters)[:, 0]
    found = []
    for step in range(horizon):
        values_NY = _value(member, parameters, draw, paths)
        found.append(values_NY)
        advance(len(series))
        if step + 1 < horizon:
            recent_NSY = torch.cat([recent_NSY[:, 1:], member.read(values_NY)[:, None].to(recent_NSY.dtype)], 1)
            step_inputs = WindowInputs(
                recent_NSY, seen_N1Y, past_N1F, spread(ahead_BNF[:, step + 1 : step + 2]), static_NC
            )
            parameters, state = member(step_inputs, None, state)
            parameters = parameters[:, 0]
    return torch.stack(found, 1).unflatten(0, (-1, paths))


def _direct(
    network: Predictor,
    dataset: WindowDataset,
    member: MemberNetwork,
    series: Ints,
    origin: Ints,
    horizon: int,
    context: int,
    paths: int,
    draw: Randomness,
    advance: Callable[[int], None],
) -> Tensor:
    """Forecast directly, in blocks of `member.horizon` steps; the window then moves forward over the predictions."""
    inputs, lengths_B = _window(network, dataset, series, origin, context)
    parameters, _ = member(inputs, lengths_B, None, 1)
    parameters = parameters[:, 0].repeat_interleave(paths, 0)
    targets = member.sizes.targets
    found = [_value(member, parameters, draw, paths).unflatten(1, (-1, targets))]
    advance(len(series) * member.horizon)
    if member.horizon < horizon:
        known = _aligned(inputs.values_BSY, lengths_B).repeat_interleave(paths, 0)
        rows, origins = series.repeat(paths), origin.repeat(paths)
        begin = np.maximum(origins - context + 1, 0)
        while len(found) * member.horizon < horizon:
            known = torch.cat([known, member.read(found[-1]).to(known.dtype)], 1)
            origins = origins + member.horizon
            start = np.maximum(origins - context + 1, begin)
            length = torch.from_numpy(origins - start + 1)
            steps = int(length.max())
            places = torch.arange(1 - member.lookback, steps) + (known.shape[1] - length)[:, None]
            places = places.clamp(0, known.shape[1] - 1).to(known.device)
            values = known.gather(1, places[..., None].expand(-1, -1, targets))
            step_inputs = WindowInputs(
                values,
                torch.ones_like(values[:, :steps, : inputs.seen_BTY.shape[2]]),
                values.new_zeros(len(values), steps, 0),
                dataset.ahead_of(rows, start + 1, steps + member.horizon - 1).to(network.device),
                inputs.static_BC.repeat_interleave(paths, 0),
            )
            same = int(length.min()) == steps
            parameters, _ = member(step_inputs, None if same else length, None, 1)
            found.append(_value(member, parameters[:, 0], draw, paths).unflatten(1, (-1, targets)))
            advance(len(series) * member.horizon)
    return torch.cat(found, 1)[:, :horizon].unflatten(0, (-1, paths))


def _aligned(values_BSY: Tensor, lengths_B: Tensor | None) -> Tensor:
    """Return the values aligned to the right, with each row's first value repeated in front."""
    if lengths_B is None:
        return values_BSY
    width = values_BSY.shape[1]
    shift_B1 = (int(lengths_B.max()) - lengths_B)[:, None]
    places = (torch.arange(width) - shift_B1).clamp(min=0).to(values_BSY.device)
    return values_BSY.gather(1, places[..., None].expand(-1, -1, values_BSY.shape[2]))
