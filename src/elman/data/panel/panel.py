"""The `Panel` class: time series of one frequency with covariates."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from elman.data.panel.frequency import Frequency
from elman.errors import DataError

__all__ = ["Panel"]

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Panel:
    """N time series of Y variables each, all of one frequency, without missing time steps.

    ids        names of the series
    frequency  the grid of times
    starts     ordinal of the first time step of each series
    targets    values to forecast, [T, Y] for each series; NaN only for values that `missing="mask"` left out
    past       past covariates, known up to the present, [T, F]
    future     known-future covariates, [T + S, F], also of the S time steps after the series
    static     static features of each series, [N, C]; categories are one-hot
    encoder    encoding of the static columns, as plain JSON values
    whole_ids  whether the names of the series were given as whole numbers
    zone       name of the time zone of the times: local times if steps are a day or longer, else UTC; empty without one

    `target_names`, `past_names`, `future_names` and `static_names` are the names of the columns.
    """

    ids: list[str]
    frequency: Frequency
    starts: list[int]
    targets: list[Floats]
    past: list[Floats]
    future: list[Floats]
    static: Floats
    target_names: tuple[str, ...]
    past_names: tuple[str, ...] = ()
    future_names: tuple[str, ...] = ()
    static_names: tuple[str, ...] = ()
    encoder: Sequence[Mapping[str, Any]] = field(default=())
    whole_ids: bool = False
    zone: str = ""

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def lengths(self) -> npt.NDArray[np.int64]:
        """Number of time steps T of each series."""
        return np.array([len(values) for values in self.targets], dtype=np.int64)

    @property
    def ahead(self) -> npt.NDArray[np.int64]:
        """Number of time steps S after each series that have known-future covariates."""
        return np.array([len(f) - len(t) for f, t in zip(self.future, self.targets, strict=True)], dtype=np.int64)

    def find(self, name: str) -> int:
        """Return the index of the series with this name. Raises DataError if there is none."""
        try:
            return self.ids.index(name)
        except ValueError:
            shown = ", ".join(map(repr, self.ids[:5])) + (", ..." if len(self) > 5 else "")
            raise DataError(f"expected a series among {shown}. Received: {name!r}") from None

    def take(self, series: Sequence[int] | npt.NDArray[np.int64]) -> Panel:
        """Return a panel of the series with these indices, in this order."""
        rows = [int(row) for row in series]
        return replace(
            self,
            ids=[self.ids[row] for row in rows],
            starts=[self.starts[row] for row in rows],
            targets=[self.targets[row] for row in rows],
            past=[self.past[row] for row in rows],
            future=[self.future[row] for row in rows],
            static=self.static[rows],
        )

    def cut(self, stops: int | Sequence[int] | npt.NDArray[np.int64]) -> Panel:
        """Return the panel with each series cut off before a time step: one stop for all, or one for each series.

        A negative stop counts from the end. Known-future covariates are kept, because they would be known at that step.
        """
        lengths = self.lengths
        ends = np.broadcast_to(np.asarray(stops, dtype=np.int64), lengths.shape)
        ends = np.where(ends < 0, np.maximum(lengths + ends, 0), np.minimum(ends, lengths))
        return replace(
            self,
            targets=[values[:end] for values, end in zip(self.targets, ends, strict=True)],
            past=[values[:end] for values, end in zip(self.past, ends, strict=True)],
        )

    def head(self, steps: int) -> Panel:
        """Return the first `steps` of each series; shorter series are unchanged."""
        return self.cut(max(steps, 0))

    def tail(self, steps: int) -> Panel:
        """Return the last `steps` of each series with its known future; shorter series are unchanged."""
        begins = [max(len(values) - max(steps, 0), 0) for values in self.targets]
        return replace(
            self,
            starts=[start + begin for start, begin in zip(self.starts, begins, strict=True)],
            targets=[values[begin:] for values, begin in zip(self.targets, begins, strict=True)],
            past=[values[begin:] for values, begin in zip(self.past, begins, strict=True)],
            future=[values[begin:] for values, begin in zip(self.future, begins, strict=True)],
        )

    def times(self, series: int, start: int = 0, count: int | None = None) -> Any:
        """Return the times of `count` time steps of a series from step `start`, as datetime64[s] or integers.

        By default all steps. They may lie after the end of the series, for the times of a forecast.
        """
        steps = len(self.targets[series]) - start if count is None else count
        return self.frequency.time(self.starts[series] + start + np.arange(max(steps, 0)))

    def time_text(self, series: int, step: int) -> str:
        """Return the time of a step of a series as text."""
        return self.frequency.format(self.starts[series] + step)

    def fingerprint(self) -> str:
        """Return a hash of the contents of the panel, the same on all platforms."""
        names = [self.target_names, self.past_names, self.future_names, self.static_names]
        digest = hashlib.sha256(json.dumps([self.ids, self.starts, self.frequency.to_json(), names]).encode())
        for group in (self.targets, self.past, self.future, [self.static]):
            for values in group:
                digest.update(str(values.shape).encode())
                digest.update(np.ascontiguousarray(values, dtype="<f8").tobytes())
        return digest.hexdigest()

    def summary(self) -> list[tuple[str, str]]:
        """Return a summary of the panel for display, as pairs of a label and a text."""
        lengths = self.lengths
        span = f"{lengths.min():,}" if lengths.min() == lengths.max() else f"{lengths.min():,} to {lengths.max():,}"
        ends = [start + int(length) - 1 for start, length in zip(self.starts, lengths, strict=True)]
        missing = sum(int(np.isnan(values).sum()) for values in self.targets)
        rows = [
            ("series", f"{len(self):,}"),
            ("steps", span),
            ("frequency", self.frequency.name),
            ("from", self.frequency.format(min(self.starts))),
            ("to", self.frequency.format(max(ends))),
            ("targets", ", ".join(self.target_names)),
        ]
        named = (
            ("past covariates", self.past_names),
            ("future covariates", self.future_names),
            ("static", self.static_names),
        )
        rows += [(word, ", ".join(names)) for word, names in named if names]
        if len(self) and self.future_names:
            rows.append(("known ahead", f"{int(self.ahead.min()):,} steps"))
        if missing:
            rows.append(("masked values", f"{missing:,}"))
        return rows
