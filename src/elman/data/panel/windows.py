"""Batches of windows of series.

The dataset has all series concatenated, so that a batch of windows is a single gather. Time step t of a window reads
the values and past covariates of t and the known-future covariates of t + 1; its targets are the values after t.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from elman.data.panel import Panel, Transform
from elman.data.panel.covariates import CovariateScales
from elman.data.panel.window_config import WindowConfig
from elman.state import Batch

__all__ = [
    "InputSizes",
    "WindowDataset",
    "WindowInputs",
    "Windows",
    "lookback",
    "make_window_dataset",
    "training_rows",
    "validation_rows",
]

Floats = npt.NDArray[np.float32]
Ints = npt.NDArray[np.int64]


class InputSizes(NamedTuple):
    """Numbers of input columns of a network.

    targets   target variables
    past      past covariates
    ahead     known-future covariates, calendar features included
    static    static features
    masked    whether the network reads the mask of missing values
    calendar  number of calendar features among those of `ahead`
    """

    targets: int
    past: int
    ahead: int
    static: int
    masked: bool
    calendar: int = 0


class WindowInputs(NamedTuple):
    """Inputs of a network for B windows of T time steps, with S = T + lookback - 1 and N = T + horizon - 1.

    values_BSY  transformed values, with gaps filled with the value before; the last T of S are those of the window
    seen_BTY    1 for present values, 0 for filled ones; of width 0 if the network does not read the mask
    past_BTF    past covariates
    ahead_BNF   known-future covariates: entry j is that of time step j + 1
    static_BC   static features
    """

    values_BSY: Tensor
    seen_BTY: Tensor
    past_BTF: Tensor
    ahead_BNF: Tensor
    static_BC: Tensor


class Windows(NamedTuple):
    """Windows: index of the series, first time step, number of time steps, and range of the targets in the series."""

    series: Ints
    start: Ints
    length: Ints
    low: Ints
    high: Ints

    def take(self, places: Ints) -> Windows:
        """Return the windows at `places`."""
        return Windows(*(part[places] for part in self))


@dataclass(frozen=True)
class WindowDataset:
    """Concatenated series.

    values              N x Y: transformed values with filled gaps
    seen                N x Y: 1 for present values, 0 for filled ones
    targets             N x Y: transformed values, NaN in gaps
    past                N x F: past covariates
    ahead               known-future covariates and calendar features, which extend past the end of each series
    static              static features
    offset, length      first row and number of rows of each series in the arrays of N rows
    ahead_offset, ahead_length  the same in `ahead`
    lost                time steps at the beginning of each series that differences consume
    lookback            S - T + 1: number of values that a time step reads, its own included
    masked              whether `seen` is an input
    """

    values: Floats
    seen: Floats
    targets: Floats
    past: Floats
    ahead: Floats
    static: Floats
    offset: Ints
    length: Ints
    ahead_offset: Ints
    ahead_length: Ints
    lost: int
    lookback: int
    masked: bool

    def __len__(self) -> int:
        return len(self.length)

    def inputs(self, series: Ints, start: Ints, steps: int, horizon: int) -> WindowInputs:
        """Return the inputs of windows of `steps` time steps, for forecasts of `horizon` steps."""
        places = self._places(series, start, 1 - self.lookback, steps)
        inside = self._places(series, start, 0, steps)
        return WindowInputs(
            torch.from_numpy(self.values[places]),
            torch.from_numpy(self.seen[inside] if self.masked else self.seen[inside][..., :0]),
            torch.from_numpy(self.past[inside]),
            self.ahead_of(series, start + 1, steps + horizon - 1),
            torch.from_numpy(self.static[series]),
        )

    def ahead_of(self, series: Ints, first: Ints, steps: int) -> Tensor:
        """Return `steps` known-future covariates from `first` on, `[B, steps, F]`; the last one is repeated."""
        steps_BN = first[:, None] + np.arange(steps)
        return torch.from_numpy(
            self.ahead[
                self.ahead_offset[series][:, None] + np.minimum(steps_BN, self.ahead_length[series][:, None] - 1)
            ]
        )

    def targets_of(self, rows: Windows, steps_BT: Ints, horizon: int) -> Tensor:
        """Return `targets_BTNY`, the values after each of `steps_BT`; NaN outside the target range and the window."""
        places = (rows.start[:, None] + steps_BT)[..., None] + np.arange(1, horizon + 1)
        kept = (places >= rows.low[:, None, None]) & (places < rows.high[:, None, None])
        kept &= (steps_BT >= 0)[..., None] & (steps_BT < rows.length[:, None])[..., None]
        inside = np.clip(places, 0, self.length[rows.series][:, None, None] - 1)
        found = self.targets[self.offset[rows.series][:, None, None] + inside]
        return torch.from_numpy(np.where(kept[..., None], found, np.float32(np.nan)))

    def batch(self, rows: Windows, horizon: int, loss_steps: int) -> Batch:
        """Return windows as a batch, with targets at all time steps or, if not 0, at the last `loss_steps` of each."""
        steps = int(rows.length.max())
        inputs = self.inputs(rows.series, rows.start, steps, horizon)
        places = np.arange(steps)[None].repeat(len(rows.series), 0)
        if loss_steps:
            places = rows.length[:, None] - loss_steps + np.arange(loss_steps)
        lengths_B = None if int(rows.length.min()) == steps else torch.from_numpy(rows.length)
        return Batch(inputs, self.targets_of(rows, places, horizon), lengths_B)

    def _places(self, series: Ints, start: Ints, first: int, stop: int) -> Ints:
        steps = np.clip(start[:, None] + np.arange(first, stop), 0, self.length[series][:, None] - 1)
        places: Ints = self.offset[series][:, None] + steps
        return places


def make_window_dataset(
    panel: Panel,
    transforms: Sequence[Transform],
    window: WindowConfig,
    *,
    further: int,
    counts: bool = False,
    masked: bool = False,
    scales: CovariateScales | None = None,
) -> WindowDataset:
    """Return the window dataset of the series of a panel.

    further     time steps by which the known-future covariates extend past the end of each series
    counts      whether the values are counts: the network then reads log(1 + value) and predicts the counts
    masked      whether the network reads the mask of missing values
    scales      scales of the covariates; None to leave them unscaled
    """
    if scales is not None:
        panel = _scaled(panel, scales)
    series = [
        transform.forward(target, f"the series {panel.ids[number]!r}", partial(panel.time_text, number))
        for number, (transform, target) in enumerate(zip(transforms, panel.targets, strict=True))
    ]
    lost = transforms[0].lost
    targets = np.concatenate(series).astype(np.float32)
    length = np.array([len(each) for each in series], dtype=np.int64)
    offset = np.cumsum(length) - length
    seen = np.isfinite(targets)
    filled = targets if seen.all() else _filled(targets, seen, offset)
    ahead = [_ahead(panel, number, window, further)[lost:] for number in range(len(panel))]
    ahead_length = np.array([len(each) for each in ahead], dtype=np.int64)
    return WindowDataset(
        values=np.log1p(np.maximum(filled, 0)) if counts else filled,
        seen=seen.astype(np.float32),
        targets=targets,
        past=np.concatenate([each[lost:] for each in panel.past]).astype(np.float32),
        ahead=np.concatenate(ahead).astype(np.float32),
        static=panel.static.astype(np.float32),
        offset=offset,
        length=length,
        ahead_offset=np.cumsum(ahead_length) - ahead_length,
        ahead_length=ahead_length,
        lost=lost,
        lookback=lookback(window),
        masked=masked,
    )


def _scaled(panel: Panel, scales: CovariateScales) -> Panel:
    """Return the panel with scaled covariates."""
    ends = np.cumsum([len(panel.past_names), len(panel.future_names)])
    (past, ahead, static) = (
        CovariateScales(*part) for part in zip(*(np.split(each, ends) for each in scales), strict=True)
    )
    return replace(
        panel,
        past=[(values - past.offset) / past.scale for values in panel.past],
        future=[(values - ahead.offset) / ahead.scale for values in panel.future],
        static=(panel.static - static.offset) / static.scale,
    )


def lookback(window: WindowConfig) -> int:
    """Return the number of values, up to its own, that a time step reads."""
    return max(2 if window.residual_to_last else 1, window.autoregression, *window.resolutions, 1)


def _filled(targets: Floats, seen: npt.NDArray[np.bool_], offset: Ints) -> Floats:
    """Fill gaps with the value before them, or with 0 (the middle of a scaled series) at the beginning of a series."""
    rows = np.arange(len(targets))[:, None]
    first = np.zeros(len(targets), dtype=np.int64)
    first[offset] = offset
    first = np.maximum.accumulate(first)[:, None]
    last = np.maximum.accumulate(np.where(seen, rows, -1), axis=0)
    found = np.take_along_axis(targets, np.maximum(last, 0), axis=0)
    return np.where(last >= first, found, np.float32(0.0))


def _ahead(panel: Panel, number: int, window: WindowConfig, further: int) -> npt.NDArray[np.float64]:
    """Return known-future covariates and calendar features of one series and of `further` steps after its end."""
    steps = len(panel.targets[number]) + further
    features = () if window.calendar == ("none",) else window.calendar
    known = panel.future[number][:steps]
    if len(known) < steps and known.shape[1]:
        # In training these steps have no targets; forecasts refuse a known future that is too short.
        known = np.concatenate([known, np.repeat(known[-1:], steps - len(known), axis=0)])
    start = panel.starts[number]
    calendar = panel.frequency.calendar(np.arange(start, start + steps), features)
    return np.concatenate([known, calendar], axis=1) if known.shape[1] else calendar


def training_rows(dataset: WindowDataset, stop: Ints, window: WindowConfig) -> Windows:
    """Return the training windows of each series: from the end, every `stride` steps, with targets before `stop`."""
    found = []
    for number, end in enumerate(stop.tolist()):
        last = end - 2  # the last step that has a target
        begins = np.arange(last - window.context + 1, -window.context, -window.stride, dtype=np.int64)
        whole = begins[begins >= 0]
        starts = whole if len(whole) and whole[-1] == 0 else np.append(whole, 0)
        length = np.minimum(window.context, last + 1 - starts)
        found.append((np.full(len(starts), number), starts, length, np.zeros(len(starts)), np.full(len(starts), end)))
    return _joined(found)


def validation_rows(dataset: WindowDataset, begin: Ints, window: WindowConfig) -> Windows:
    """Return the validation windows: their targets are the values from `begin` to the end of each series.

    With mode "next", each value is a target once, in the second half of a window, so that it has at least half a window
    of context. With mode "direct", there is a window for each forecast origin, and only its last time step predicts.
    """
    found = []
    for number, (first, end) in enumerate(zip(begin.tolist(), dataset.length.tolist(), strict=True)):
        if first >= end:
            continue
        if window.mode == "direct":
            origins = np.arange(first - 1, max(end - window.horizon, first))
            low, high = np.full(len(origins), first), np.full(len(origins), end)
        else:
            piece = max(1, window.context // 2)
            high = np.arange(end, first, -piece)
            low = np.maximum(high - piece, first)
            origins = high - 2
        starts = np.maximum(origins - window.context + 1, 0)
        found.append((np.full(len(origins), number), starts, origins - starts + 1, low, high))
    return _joined(found)


def _joined(parts: Sequence[tuple[npt.NDArray[np.generic], ...]]) -> Windows:
    if not parts:
        return Windows(*(np.zeros(0, dtype=np.int64) for _ in Windows._fields))
    return Windows(*(np.concatenate(column).astype(np.int64) for column in zip(*parts, strict=True)))
