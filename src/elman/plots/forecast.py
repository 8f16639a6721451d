"""Plots of forecasts: history, forecast, intervals, and the true values if they are known.

`draw_forecast` draws arrays, `plot_forecast` a series of a `Forecast`, `draw_held_out` a network's forecast of held-out
steps.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from elman.data.panel import Panel, Transform
from elman.data.panel.forecast import Forecast
from elman.data.panel.interval_correction import IntervalCorrection
from elman.decode.forecast import LEVELS, forecast_from
from elman.decode.free_running import Predictor
from elman.errors import ConfigError, DataError, ShapeError
from elman.plots.picture import AGAINST, DARK, FOR, check_suffix, literal, new_figure, plain_axes, save_figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["draw_forecast", "draw_held_out", "plot_forecast"]

_MAX_PANELS = 6
_BASELINE = "#bb8822"
# The part of the history that is shown: a multiple of the forecast's steps, and a minimum.
_SHOWN, _MIN_SHOWN = 4, 48
# Order of the legend; other entries follow.
_FIRST = ("history", "true values", "forecast")

Floats = NDArray[np.float64]


def plot_forecast(
    forecast: Forecast, path: str | os.PathLike[str], *, series: str | int = 0, truth: Any = None
) -> None:
    """Draw history, forecast and intervals of one series as PNG or SVG, by the suffix.

    series  name or index of the series
    truth   true values `[horizon, Y]`, if they are known

    Raises ConfigError for a series that does not exist or another suffix, StorageError if the file cannot be written.
    """
    number = series if isinstance(series, int) else forecast.find(series)
    if not 0 <= number < len(forecast.ids):
        raise ConfigError(f"expected a series below {len(forecast.ids)}. Received: {series!r}")
    past, past_times = np.zeros((0, len(forecast.names))), np.asarray(forecast.times(number))[:0]
    if forecast.history is not None:
        shown = max(_SHOWN * forecast.horizon, _MIN_SHOWN)
        past = forecast.history.targets[number][-shown:]
        past_times = forecast.frequency.time(forecast.starts[number] - len(past) + np.arange(len(past)))
    draw_forecast(
        path,
        history_times=past_times,
        history=past,
        times=forecast.times(number),
        mean=forecast.mean[number],
        intervals={level: (low[number], high[number]) for level, (low, high) in forecast.intervals.items()},
        truth=truth,
        title=forecast.title or forecast.ids[number],
        name=forecast.names,
    )


def draw_held_out(
    network: Predictor,
    panel: Panel,
    transforms: Sequence[Transform],
    begin: NDArray[np.int64],
    path: str | os.PathLike[str],
    correction: IntervalCorrection | None = None,
) -> None:
    """Draw the forecast of the first series with held-out steps, from step `begin` on; without one, draw nothing.

    The forecast has `horizon` steps, or as many as were held out if these are fewer.
    """
    held = np.flatnonzero(panel.lengths > begin)
    if not len(held):
        return
    number = int(held[0])
    first = int(begin[number])
    most = network.horizon if network.sizes.past else network.window.horizon
    horizon = min(most, int(panel.lengths[number]) - first)
    levels = LEVELS if network.spread else ()
    one, origin = panel.take([number]), np.array([first - 1])
    try:
        ahead = forecast_from(
            network, one, [transforms[number]], np.array([0]), origin, horizon, levels=levels, correction=correction
        )
    except DataError:
        return  # The forecast is not finite.
    plot_forecast(Forecast.after(one, origin, *ahead), path, truth=one.targets[0][first : first + horizon])


def draw_forecast(
    path: str | os.PathLike[str],
    *,
    history_times: ArrayLike,
    history: ArrayLike,
    times: ArrayLike,
    mean: ArrayLike,
    intervals: Mapping[float, tuple[ArrayLike, ArrayLike]] | None = None,
    truth: ArrayLike | None = None,
    title: str = "",
    name: str | Sequence[str] = "",
    baseline: ArrayLike | tuple[str, ArrayLike] | None = None,
) -> None:
    """Draw a forecast as PNG or SVG, by the suffix: a panel for each variable, the first six of them.

    Every array of values is `T`, or `TY` with Y variables; NaN is a gap.

    Args:
        history_times, history: time stamps and values of the history.
        times, mean: time stamps (numbers or datetime64) and values of the forecast.
        intervals: lower and upper bounds by level in per cent, such as {80: (low, high), 95: (low, high)}.
        truth: true values at `times`.
        title: title of the plot.
        name: name of each variable.
        baseline: a forecast at `times` to compare with, or a pair of its name and the forecast.

    Raises ShapeError for arrays that do not match, ConfigError for another suffix.
    """
    check_suffix(path)
    past_times, future_times = _times("history_times", history_times), _times("times", times)
    past = _values("history", history, len(past_times), None)
    variables = past.shape[1]
    centre = _values("mean", mean, len(future_times), variables)
    bands = {}
    for level in sorted(intervals or {}, reverse=True):
        if not 0 < level < 100:
            raise ConfigError(f"expected levels of intervals between 0 and 100 percent. Received: {level}")
        low, high = (intervals or {})[level]
        bands[level] = (
            _values(f"low of {level:g} %", low, len(future_times), variables),
            _values(f"high of {level:g} %", high, len(future_times), variables),
        )
    true_values = None if truth is None else _values("truth", truth, len(future_times), variables)
    simple_name, simple = baseline if isinstance(baseline, tuple) else ("simple forecast", baseline)
    simple = None if simple is None else _values("baseline", simple, len(future_times), variables)
    names = [name] * variables if isinstance(name, str) else list(name)
    if len(names) != variables:
        raise ShapeError(f"expected a name for each of {variables} variables. Received: {len(names)}")

    panels = min(variables, _MAX_PANELS)
    figure = new_figure(9.5, 4.4 if panels == 1 else 1 + 1.9 * panels)
    for y, axes in enumerate(figure.subplots(panels, 1, sharex=True, squeeze=False)[:, 0]):
        # The forecast is joined to the last known value, to show where it starts.
        joined = _JoinedSeries(past_times, past[:, y], future_times)
        for depth, (level, (low, high)) in enumerate(bands.items()):
            axes.fill_between(
                joined.times, joined.values(low[:, y]), joined.values(high[:, y]),
                color=FOR, alpha=0.22 + 0.16 * depth, linewidth=0, label=f"{level:g} % interval",
            )  # fmt: skip
        axes.plot(past_times, past[:, y], color=DARK, linewidth=1.3, label="history")
        if true_values is not None:
            marker = "o" if len(future_times) <= 60 else ""
            axes.plot(
                joined.times, joined.values(true_values[:, y]), color=DARK, linewidth=1.1, linestyle=(0, (1, 1)),
                marker=marker, markersize=3, label="true values",
            )  # fmt: skip
        if simple is not None:
            axes.plot(
                joined.times, joined.values(simple[:, y]), color=_BASELINE, linewidth=1.2, linestyle="--",
                label=literal(simple_name),
            )  # fmt: skip
        marker = "o" if len(future_times) == 1 else ""
        axes.plot(
            joined.times, joined.values(centre[:, y]), color=AGAINST, linewidth=1.8, marker=marker, label="forecast"
        )
        if len(past_times):
            axes.axvline(past_times[-1], color="#aaaaaa", linewidth=0.8, linestyle=":")
        axes.set_ylabel(literal(names[y]))
        axes.margins(x=0.01)
        plain_axes(axes)
        _date_axis(axes, future_times)
    handles, labels = figure.axes[0].get_legend_handles_labels()
    order = sorted(range(len(labels)), key=lambda i: _FIRST.index(labels[i]) if labels[i] in _FIRST else len(_FIRST))
    figure.legend(
        [handles[i] for i in order], [labels[i] for i in order],
        loc="outside lower center", ncols=len(order), frameon=False, fontsize=9,
    )  # fmt: skip
    if panels < variables:
        title = f"{title} (the first {panels} of {variables} variables)".strip()
    figure.suptitle(literal(title))
    save_figure(figure, path)


class _JoinedSeries:
    """Times and values of the forecast, preceded by the last known value of the history."""

    def __init__(self, past_times: NDArray[np.generic], past: Floats, times: NDArray[np.generic]) -> None:
        known = np.flatnonzero(~np.isnan(past))
        self._last = past[known[-1:]]
        self.times = np.concatenate([past_times[known[-1:]], times]) if known.size else times

    def values(self, future: Floats) -> Floats:
        return np.concatenate([self._last, future])


def _date_axis(axes: Axes, times: NDArray[np.generic]) -> None:
    if times.dtype.kind == "M":
        from matplotlib.dates import AutoDateLocator, ConciseDateFormatter

        locator = AutoDateLocator()  # type: ignore[no-untyped-call]
        axes.xaxis.set_major_locator(locator)
        axes.xaxis.set_major_formatter(ConciseDateFormatter(locator))  # type: ignore[no-untyped-call]


def _times(name: str, times: ArrayLike) -> NDArray[np.generic]:
    stamps = np.asarray(times)
    if stamps.ndim != 1 or stamps.dtype.kind not in "Miuf":
        raise ShapeError(
            f"expected {name} to be one axis of numbers or datetime64. "
            f"Received: shape {stamps.shape}, type {stamps.dtype}"
        )
    return stamps


def _values(name: str, values: ArrayLike, steps: int, variables: int | None) -> Floats:
    array = np.asarray(values, np.float64)
    array = array[:, None] if array.ndim == 1 else array
    if array.ndim != 2 or len(array) != steps or (variables is not None and array.shape[1] != variables):
        wanted = f"{steps} steps" if variables is None else f"{steps} steps and {variables} variables"
        raise ShapeError(f"expected {name} to have {wanted}. Received: shape {np.asarray(values).shape}")
    return array
