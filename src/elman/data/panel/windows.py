"""Series as one bank of numbers, and windows of them as batches. Knows nothing about networks.

A bank holds all series end to end, so that a batch of windows is one gather however many series there are. Step t of a
window reads what is known at t, and what is known ahead about t + 1; its targets are the values after t.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from elman.data.panel import Panel, Transform
from elman.data.panel.covariates import Scales
from elman.data.panel.window_config import WindowConfig
from elman.types import Batch

__all__ = ["Bank", "Inputs", "Rows", "Sizes", "lookback", "make_bank", "training_rows", "validation_rows"]

Floats = npt.NDArray[np.float32]
Ints = npt.NDArray[np.int64]


class Sizes(NamedTuple):
    """Columns of the data: Y targets, P past and Q known-ahead covariates (calendar included), C statics, whether the
    network reads where values were missing, and how many of Q are of the calendar."""

    targets: int
    past: int
    ahead: int
    static: int
    masked: bool
    calendar: int = 0


class Inputs(NamedTuple):
    """What a network reads of B windows of T steps. Y targets, P past and Q known-ahead covariates, C statics.

    values_BKY  transformed values, gaps filled with the value before; the last T of them are the window's
    seen_BTY    1 where a value was there, 0 where it was filled; of no width where data never has gaps
    past_BTP    covariates that are known up to the present
    ahead_BUQ   covariates that are known ahead: entry j is about step j + 1
    static_BC   features of the series
    """

    values_BKY: Tensor
    seen_BTY: Tensor
    past_BTP: Tensor
    ahead_BUQ: Tensor
    static_BC: Tensor


class Rows(NamedTuple):
    """Windows: their series, first and number of steps, and the stretch of the series that may be a target."""

    series: Ints
    start: Ints
    length: Ints
    low: Ints
    high: Ints

    def take(self, places: Ints) -> Rows:
        """Those at `places`."""
        return Rows(*(part[places] for part in self))


@dataclass(frozen=True)
class Bank:
    """Series end to end.

    values, seen, past  N x Y, N x Y, N x P: transformed values with gaps filled, where there was one, covariates
    targets             N x Y: transformed values, NaN in gaps
    ahead               M x Q: covariates known ahead and the calendar, over each series and some steps more
    static              S x C
    offset, length      of every series in the first four
    ahead_offset, ahead_length  of every series in `ahead`
    lost                steps at each series' beginning that differences use up
    lookback            K - T: how many values before a window's first step are needed, that one included
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

    def inputs(self, series: Ints, start: Ints, steps: int, horizon: int) -> Inputs:
        """What a network reads of windows of `steps` steps, before a horizon of so many."""
        places = self._places(series, start, 1 - self.lookback, steps)
        inside = self._places(series, start, 0, steps)
        return Inputs(
            torch.from_numpy(self.values[places]),
            torch.from_numpy(self.seen[inside] if self.masked else self.seen[inside][..., :0]),
            torch.from_numpy(self.past[inside]),
            self.ahead_of(series, start + 1, steps + horizon - 1),
            torch.from_numpy(self.static[series]),
        )

    def ahead_of(self, series: Ints, first: Ints, steps: int) -> Tensor:
        """Known-ahead covariates of `steps` steps from `first` on, `[B, steps, Q]`; the last there is past its end."""
        steps_BU = first[:, None] + np.arange(steps)
        return torch.from_numpy(
            self.ahead[
                self.ahead_offset[series][:, None] + np.minimum(steps_BU, self.ahead_length[series][:, None] - 1)
            ]
        )

    def targets_of(self, rows: Rows, steps_Bn: Ints, horizon: int) -> Tensor:
        """`targets_BnHY`, the values after each of the steps; NaN outside the rows' stretch and for steps below 0."""
        wanted = (rows.start[:, None] + steps_Bn)[..., None] + np.arange(1, horizon + 1)
        kept = (wanted >= rows.low[:, None, None]) & (wanted < rows.high[:, None, None])
        kept &= (steps_Bn >= 0)[..., None] & (steps_Bn < rows.length[:, None])[..., None]
        inside = np.clip(wanted, 0, self.length[rows.series][:, None, None] - 1)
        found = self.targets[self.offset[rows.series][:, None, None] + inside]
        return torch.from_numpy(np.where(kept[..., None], found, np.float32(np.nan)))

    def batch(self, rows: Rows, horizon: int, counted: int) -> Batch:
        """Windows with their targets: at all steps, or at the last `counted` ones of each."""
        steps = int(rows.length.max())
        inputs = self.inputs(rows.series, rows.start, steps, horizon)
        places = np.arange(steps)[None].repeat(len(rows.series), 0)
        if counted:
            places = rows.length[:, None] - counted + np.arange(counted)
        lengths_B = None if int(rows.length.min()) == steps else torch.from_numpy(rows.length)
        return Batch(inputs, self.targets_of(rows, places, horizon), lengths_B)

    def _places(self, series: Ints, start: Ints, first: int, stop: int) -> Ints:
        steps = np.clip(start[:, None] + np.arange(first, stop), 0, self.length[series][:, None] - 1)
        places: Ints = self.offset[series][:, None] + steps
        return places


def make_bank(
    panel: Panel,
    transforms: Sequence[Transform],
    window: WindowConfig,
    *,
    further: int,
    counts: bool = False,
    masked: bool = False,
    scales: Scales | None = None,
) -> Bank:
    """The bank of a panel's series.

    further     how many steps after each series' end the known-ahead covariates are to reach
    counts      read log(1 + value), and predict the counts themselves
    masked      whether the network reads where values were missing
    scales      of the covariates; None to leave them as they are
    """
    if scales is not None:
        panel = _scaled(panel, scales)
    series = [transform.forward(target) for transform, target in zip(transforms, panel.targets, strict=True)]
    lost = transforms[0].lost
    targets = np.concatenate(series).astype(np.float32)
    length = np.array([len(each) for each in series], dtype=np.int64)
    offset = np.cumsum(length) - length
    seen = np.isfinite(targets)
    filled = targets if seen.all() else _filled(targets, seen, offset)
    ahead = [_ahead(panel, number, window, further)[lost:] for number in range(len(panel))]
    ahead_length = np.array([len(each) for each in ahead], dtype=np.int64)
    return Bank(
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


def _scaled(panel: Panel, scales: Scales) -> Panel:
    """The panel with scaled covariates."""
    ends = np.cumsum([len(panel.past_names), len(panel.future_names)])
    (past, ahead, static) = (Scales(*part) for part in zip(*(np.split(each, ends) for each in scales), strict=True))
    return replace(
        panel,
        past=[(values - past.offset) / past.scale for values in panel.past],
        future=[(values - ahead.offset) / ahead.scale for values in panel.future],
        static=(panel.static - static.offset) / static.scale,
    )


def lookback(window: WindowConfig) -> int:
    """How many values up to the present a step reads."""
    return max(2 if window.anchor else 1, window.autoregression, *window.resolutions, 1)


def _filled(targets: Floats, seen: npt.NDArray[np.bool_], offset: Ints) -> Floats:
    """Gaps take the value before them, and 0 (the middle of a scaled series) where there is none."""
    rows = np.arange(len(targets))[:, None]
    first = np.zeros(len(targets), dtype=np.int64)
    first[offset] = offset
    first = np.maximum.accumulate(first)[:, None]
    last = np.maximum.accumulate(np.where(seen, rows, -1), axis=0)
    found = np.take_along_axis(targets, np.maximum(last, 0), axis=0)
    return np.where(last >= first, found, np.float32(0.0))


def _ahead(panel: Panel, number: int, window: WindowConfig, further: int) -> npt.NDArray[np.float64]:
    """Known-ahead covariates and calendar of one series, and of `further` steps after its end."""
    steps = len(panel.targets[number]) + further
    features = () if window.calendar == ("none",) else window.calendar
    known = panel.future[number][:steps]
    if len(known) < steps and known.shape[1]:
        # In training no target is there; forecasts refuse what is not long enough.
        known = np.concatenate([known, np.repeat(known[-1:], steps - len(known), axis=0)])
    start = panel.starts[number]
    calendar = panel.frequency.calendar(np.arange(start, start + steps), features)
    return np.concatenate([known, calendar], axis=1) if known.shape[1] else calendar


def training_rows(bank: Bank, stop: Ints, window: WindowConfig) -> Rows:
    """Windows that tile each series up to `stop`, the last one ending where its last target is the last before it."""
    found = []
    for number, end in enumerate(stop.tolist()):
        last = end - 2  # the last step that has a target
        begins = np.arange(last - window.context + 1, -window.context, -window.stride, dtype=np.int64)
        whole = begins[begins >= 0]
        starts = whole if len(whole) and whole[-1] == 0 else np.append(whole, 0)
        length = np.minimum(window.context, last + 1 - starts)
        found.append((np.full(len(starts), number), starts, length, np.zeros(len(starts)), np.full(len(starts), end)))
    return _joined(found)


def validation_rows(bank: Bank, begin: Ints, window: WindowConfig) -> Rows:
    """Windows whose targets are the values from `begin` to each series' end, every value once where mode is next.

    Of a window only what is in its second half is a target, so that each has half a window or more before it. Direct:
    one window for every origin, and its last step alone predicts.
    """
    found = []
    for number, (first, end) in enumerate(zip(begin.tolist(), bank.length.tolist(), strict=True)):
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


def _joined(parts: Sequence[tuple[npt.NDArray[np.generic], ...]]) -> Rows:
    if not parts:
        return Rows(*(np.zeros(0, dtype=np.int64) for _ in Rows._fields))
    return Rows(*(np.concatenate(column).astype(np.int64) for column in zip(*parts, strict=True)))
