"""The training series as stored with a forecaster: names, frequency, transforms and last values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from elman.data.columns import comparable, order_of
from elman.data.panel import Frequency, Panel, Transform, TransformConfig, fit_transforms
from elman.data.panel.fit import lost_steps
from elman.data.panel.interval_correction import IntervalCorrection
from elman.data.panel.static import check_encoder, static_names
from elman.data.panel.window_config import WindowConfig
from elman.data.panel.windows import InputSizes, lookback
from elman.errors import ArtifactError, DataError

__all__ = ["SeriesHistory", "series_history", "series_history_from_json"]

Doubles = npt.NDArray[np.float64]

# The values of a panel for each time step.
_VALUES = ("targets", "past", "future")
# Most steps between 1970, or step 0, and the beginning or end of a series.
_FARTHEST = 1 << 48


@dataclass(frozen=True)
class SeriesHistory:
    """The training series of a forecaster.

    tail        their last values; of length 0 if the model does not store values
    transforms  transform of each series, fitted on the values before its validation part
    until       ordinal after the last step of each series that was used for training or validation
    chain       options of the transforms, for new series
    earlier     whether an earlier version wrote it: ids stay texts, and all series share one stream of random numbers
    correction  correction of the intervals; None if they are those of the network
    """

    tail: Panel
    transforms: list[Transform]
    until: list[int]
    chain: TransformConfig
    earlier: bool = False
    correction: IntervalCorrection | None = None

    def matched(self, panel: Panel) -> Panel:
        """Return a panel with its variables in the order of the training data, by name.

        The name of a single variable, and variables without names (those of arrays), are not compared. Raises DataError
        if the frequency or the columns differ from those of the training data.
        """
        names, given = self.tail.target_names, panel.target_names
        if max(len(names), len(given)) > 1 and comparable(names, given):
            order = order_of(names, given, "the series")
            if order is not None:
                targets = [values[:, order] for values in panel.targets]
                panel = replace(panel, targets=targets, target_names=names)
        self.check(panel)
        return panel

    def check(self, panel: Panel) -> None:
        """Raise DataError if the frequency or the columns of a panel differ from those of the training data."""
        own = self.tail
        if panel.frequency != own.frequency:
            raise DataError(
                f"expected series of the frequency {own.frequency.name}, as in training. "
                f"Received: {panel.frequency.name}"
            )
        self.check_columns(panel)

    def check_columns(self, panel: Panel) -> None:
        """Raise DataError if the columns of a panel differ from those of the training data."""
        own = self.tail
        for what in ("target_names", "past_names", "future_names", "static_names"):
            if len(getattr(panel, what)) != len(getattr(own, what)) or (
                what != "target_names" and getattr(panel, what) != getattr(own, what)
            ):
                raise DataError(
                    f"expected the {what.replace('_', ' ')} {', '.join(getattr(own, what)) or '(none)'}, as in "
                    f"training. Received: {', '.join(getattr(panel, what)) or '(none)'}"
                )

    def with_transforms_of(self, other: SeriesHistory) -> SeriesHistory:
        """Return these series with the transforms of another history. Raises DataError for a series it lacks."""
        known = dict(zip(other.tail.ids, other.transforms, strict=True))
        missing = [name for name in self.tail.ids if name not in known]
        if missing:
            raise DataError(
                "expected series of the model to start from, whose transforms are taken with start_scales=source. "
                f"Received: the new series {missing[0]!r}"
            )
        return replace(self, transforms=[known[name] for name in self.tail.ids])

    def continued(self, panel: Panel) -> Panel:
        """Return a panel in which known series have the kept values before their first step, if nothing is between."""
        own, places = self.tail, {name: place for place, name in enumerate(self.tail.ids)}
        starts = list(panel.starts)
        parts: dict[str, Any] = {name: list(getattr(panel, name)) for name in _VALUES}
        for number, name in enumerate(panel.ids):
            place = places.get(name)
            if place is None:
                continue
            before = panel.starts[number] - own.starts[place]
            if 0 < before <= len(own.targets[place]):
                starts[number] = own.starts[place]
                for kind, values in parts.items():
                    values[number] = np.concatenate([getattr(own, kind)[place][:before], values[number]])
        return replace(panel, starts=starts, **parts)

    def short_of(self, panel: Panel, context: int) -> list[str]:
        """Return a remark on the series with fewer steps than a window of `context`, and than were kept of them."""
        kept = dict(zip(self.tail.ids, self.tail.lengths.tolist(), strict=True))
        short = [
            (name, length)
            for name, length in zip(panel.ids, panel.lengths.tolist(), strict=True)
            if length < min(context, kept.get(name) or context)
        ]
        if not short:
            return []
        name, length = short[0]
        which = f"the series {name!r} has" if len(short) == 1 else f"{len(short):,} series, such as {name!r}, have"
        return [
            f"{which} fewer steps ({length:,}) than the window of {context} that the network reads: give more of the "
            "history for a better forecast"
        ]

    def transforms_of(self, panel: Panel, stops: npt.NDArray[np.int64] | None = None) -> list[Transform]:
        """Return the transform of each series: that of training, or for new series one fitted on their values.

        `stops` are the time steps before which new series are fitted, by default all. Raises DataError for values that
        cannot be transformed.
        """
        places = {name: place for place, name in enumerate(self.tail.ids)}
        new = [number for number, name in enumerate(panel.ids) if name not in places]
        fitted: dict[int, Transform] = {}
        if new:
            part = panel.take(new) if stops is None else panel.take(new).cut(stops[new])
            fitted = dict(zip(new, fit(part, self.chain), strict=True))
        return [
            fitted[number] if number in fitted else self.transforms[places[name]]
            for number, name in enumerate(panel.ids)
        ]

    def seen(self, panel: Panel) -> npt.NDArray[np.int64]:
        """Return the number of time steps of each series of a panel that were used for training or validation."""
        ends = dict(zip(self.tail.ids, self.until, strict=True))
        return np.array(
            [max(ends.get(name, start) - start, 0) for name, start in zip(panel.ids, panel.starts, strict=True)],
            dtype=np.int64,
        )

    def first_unseen(self, panel: Panel, context: int) -> npt.NDArray[np.int64]:
        """Return the first time step of each series after those of training; of a new series, after one window."""
        seen = self.seen(panel)
        return np.where(seen > 0, seen, np.minimum(context, panel.lengths))

    def sizes(self, window: WindowConfig, *, masked: bool) -> InputSizes:
        """Return the numbers of input columns of a network; `masked` is whether it reads the mask of missing values."""
        tail = self.tail
        features = () if window.calendar == ("none",) else window.calendar
        calendar = tail.frequency.calendar([0], features).shape[1]
        return InputSizes(
            len(tail.target_names),
            len(tail.past_names),
            len(tail.future_names) + calendar,
            len(tail.static_names),
            masked,
            calendar,
        )

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON values for `series_history_from_json`."""
        tail = self.tail
        return {
            "kind": "series",
            "frequency": tail.frequency.to_json(),
            "targets": list(tail.target_names),
            "past": list(tail.past_names),
            "future": list(tail.future_names),
            "static": list(tail.static_names),
            "encoder": [dict(entry) for entry in tail.encoder],
            **({} if self.earlier else {"whole_ids": tail.whole_ids}),
            **({"zone": tail.zone} if tail.zone else {}),
            **({} if self.correction is None else {"intervals": self.correction.to_json()}),
            "series": [
                {
                    "id": name,
                    "start": tail.starts[number],
                    "until": self.until[number],
                    "transform": self.transforms[number].to_json(),
                    "values": _plain(tail.targets[number]),
                    "past": _plain(tail.past[number]),
                    "future": _plain(tail.future[number]),
                    "static": tail.static[number].tolist(),
                }
                for number, name in enumerate(tail.ids)
            ],
        }


def series_history(
    panel: Panel, begin: npt.NDArray[np.int64], chain: TransformConfig, window: WindowConfig, *, keep: bool
) -> SeriesHistory:
    """Return the training series to be stored with a model, with their last values if `keep`.

    Transforms are fitted on the values before time step `begin` of each series.
    """
    transforms = fit(panel.cut(begin), chain)
    lost = lost_steps(chain, panel.frequency.season)
    kept = window.context * (4 if window.carry else 1) + lookback(window) + lost
    until = [start + int(length) for start, length in zip(panel.starts, panel.lengths, strict=True)]
    return SeriesHistory(panel.tail(kept if keep else 0), transforms, until, chain)


def series_history_from_json(values: Any, chain: TransformConfig, where: str) -> SeriesHistory:
    """Create from the result of `SeriesHistory.to_json`. Raises ArtifactError for other values."""
    try:
        of_panel, transforms, until, correction = _read_history(values)
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
        raise ArtifactError(f"{where}: expected the series of a forecaster. Received: {error!r}") from error
    try:
        history = SeriesHistory(Panel(**of_panel), transforms, until, chain, "whole_ids" not in values, correction)
        _check_sizes(history)
    except ValueError as error:
        raise ArtifactError(f"{where}: expected the series of a forecaster. Received: {error!r}") from error
    return history


def _read_history(values: Any) -> tuple[dict[str, Any], list[Transform], list[int], IntervalCorrection | None]:
    """Return the arguments of a panel, transforms, ends of training, and factors of intervals; any error for others."""
    names = {name: tuple(map(str, values[name])) for name in ("targets", "past", "future", "static")}
    series: Sequence[Mapping[str, Any]] = values["series"]
    if not series or not names["targets"]:
        raise ValueError("no series")
    of_panel = {
        "ids": [str(each["id"]) for each in series],
        "frequency": Frequency.from_json(values["frequency"]),
        "starts": [int(each["start"]) for each in series],
        "targets": [_array(each["values"], len(names["targets"])) for each in series],
        "past": [_array(each["past"], len(names["past"])) for each in series],
        "future": [_array(each["future"], len(names["future"])) for each in series],
        "static": np.array([each["static"] for each in series], dtype=np.float64).reshape(
            len(series), len(names["static"])
        ),
        "target_names": names["targets"],
        "past_names": names["past"],
        "future_names": names["future"],
        "static_names": names["static"],
        "encoder": tuple(check_encoder(values["encoder"])),
        "whole_ids": bool(values.get("whole_ids", False)),
        "zone": str(values.get("zone", "")),
    }
    transforms = [Transform.from_json(each["transform"]) for each in series]
    intervals, width = values.get("intervals"), len(names["targets"])
    correction = None if intervals is None else IntervalCorrection.from_json(intervals, width)
    return of_panel, transforms, [int(each["until"]) for each in series], correction


def _check_sizes(history: SeriesHistory) -> None:
    """Raise ValueError for fields that contradict each other."""
    panel = history.tail
    if len(set(panel.ids)) != len(panel):
        raise ValueError("a series twice")
    if not all(abs(time) <= _FARTHEST for time in (*panel.starts, *history.until)):
        raise ValueError("a time out of range")
    if panel.static_names != static_names(panel.encoder):
        raise ValueError("static features that the encoder does not make")
    for number, transform in enumerate(history.transforms):
        steps = len(panel.targets[number])
        if len(panel.past[number]) != steps or len(panel.future[number]) < steps:
            raise ValueError("covariates for other steps than the values")
        if len(transform.scale) != len(panel.target_names):
            raise ValueError("a transform of other variables")


def fit(panel: Panel, chain: TransformConfig) -> list[Transform]:
    """Fit a transform for each series. Raises DataError with the name of a series that cannot be transformed."""
    return fit_transforms(panel.targets, chain, ids=panel.ids, season=panel.frequency.season, time=panel.time_text)


def _plain(values: Doubles) -> list[list[float | None]]:
    """Return the values as lists, with None for missing values."""
    if np.isfinite(values).all():
        rows: list[list[float | None]] = values.tolist()
        return rows
    return [[None if np.isnan(value) else float(value) for value in row] for row in values]


def _array(rows: Any, width: int) -> Doubles:
    values = np.array([[np.nan if value is None else float(value) for value in row] for row in rows], dtype=np.float64)
    return values.reshape(len(rows), width)
