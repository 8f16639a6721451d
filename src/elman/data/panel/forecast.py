"""The `Forecast` class: times, means, intervals and sample paths, as a data frame, JSON or CSV."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from elman.data.panel.frequency import Frequency
from elman.data.panel.panel import Panel
from elman.data.panel.zones import as_known_zone, pandas_times, polars_times, zoned_text
from elman.errors import ConfigError

__all__ = ["Forecast"]

Doubles = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Forecast:
    """Forecast of N series of Y variables for T time steps.

    ids        names of the series
    frequency  the grid of times
    starts     ordinal of the first forecast step of each series
    names      names of the Y variables
    mean       point forecasts, `[N, T, Y]`: mean or median of the distribution, by the model's option `point`
    intervals  lower and upper bounds of the prediction intervals, `[N, T, Y]` each, by level in per cent
    samples    K sample paths, `[N, K, T, Y]`, drawn jointly over the time steps; None if none were requested
    history    the series up to the forecast, for plots
    columns    names of the columns of ids and times in a table
    kind       default data frame library of `to_frame`: "pandas" or "polars"
    title      title of plots
    whole_ids  whether the names of the series are whole numbers in a table, as in the data
    zone       name of the time zone of the data, in which tables have the times; empty without one
    remarks    sentences on what makes the forecast worse than it could be, and on what was left out
    """

    ids: list[str]
    frequency: Frequency
    starts: list[int]
    names: tuple[str, ...]
    mean: Doubles
    intervals: dict[float, tuple[Doubles, Doubles]]
    samples: Doubles | None
    history: Panel | None = None
    columns: tuple[str, str] = ("unique_id", "ds")
    kind: str = "pandas"
    title: str = field(default="")
    whole_ids: bool = False
    zone: str = ""
    remarks: tuple[str, ...] = ()

    @classmethod
    def after(
        cls,
        panel: Panel,
        origin: Ints,
        mean: Doubles,
        intervals: Mapping[float, tuple[Doubles, Doubles]],
        samples: Doubles | None = None,
        **more: Any,
    ) -> Self:
        """Create a forecast that follows time step `origin` of each series of a panel; `more` are other fields."""
        return cls(
            ids=list(panel.ids),
            frequency=panel.frequency,
            starts=[start + int(last) + 1 for start, last in zip(panel.starts, origin, strict=True)],
            mean=mean,
            intervals=dict(intervals),
            samples=samples,
            history=panel.cut(origin + 1),
            **{"names": panel.target_names, "whole_ids": panel.whole_ids, "zone": as_known_zone(panel.zone), **more},
        )

    def __repr__(self) -> str:
        """Return the numbers of series, time steps and paths in one line."""
        paths = "" if self.samples is None else f", {self.samples.shape[1]} paths"
        return f"<Forecast of {len(self.ids)} series, {self.horizon} steps of {self.frequency.name}{paths}>"

    @property
    def horizon(self) -> int:
        """Number of forecast steps T."""
        return self.mean.shape[1]

    def times(self, series: int = 0) -> Any:
        """Return the forecast times of a series: datetime64[s], or integers."""
        return self.frequency.time(self.starts[series] + np.arange(self.horizon))

    def _table(self) -> Iterator[tuple[str, Doubles]]:
        """Yield the names and values, `[N, T]`, of the numeric columns."""
        for place, name in enumerate(self.names):
            yield name, self.mean[..., place]
            for level, (low, high) in sorted(self.intervals.items()):
                yield f"{name}-lo-{level:g}", low[..., place]
                yield f"{name}-hi-{level:g}", high[..., place]

    def to_frame(self, kind: str | None = None) -> Any:
        """Return a data frame in long form: a row for each series and time; columns such as y, y-lo-80, y-hi-80.

        kind  "pandas" or "polars"; by default that of the input data

        Raises ConfigError for another kind, or one that is not installed.
        """
        kind = kind or self.kind
        if kind not in ("pandas", "polars"):
            raise ConfigError(f"expected a frame of pandas or polars. Received: {kind!r}")
        times = np.concatenate([np.asarray(self.times(number)) for number in range(len(self.ids))])
        moments: Any = times.astype("datetime64[us]") if times.dtype.kind == "M" else times
        columns: dict[str, Any] = {
            self.columns[0]: [int(each) if self.whole_ids else each for each in self.ids for _ in range(self.horizon)],
            self.columns[1]: moments,
            **{name: values.ravel() for name, values in self._table()},
        }
        try:
            if kind == "polars":
                import polars

                if self.zone:
                    columns[self.columns[1]] = polars_times(moments, self.zone, local=self.frequency.days)
                return polars.DataFrame(columns)
            import pandas  # type: ignore[import-untyped]

            if self.zone:
                columns[self.columns[1]] = pandas_times(moments, self.zone, local=self.frequency.days)
            return pandas.DataFrame(columns)
        except ImportError as error:
            raise ConfigError(f"expected {kind} to be installed. Received: {error}") from error

    def to_csv(self) -> str:
        """Return the table of `to_frame` as CSV."""
        table = list(self._table())
        out = io.StringIO()
        writer = csv.writer(out, lineterminator="\n")
        writer.writerow([*self.columns, *(name for name, _ in table)])
        for number, name in enumerate(self.ids):
            for step in range(self.horizon):
                time = zoned_text(self.frequency, self.starts[number] + step, self.zone)
                writer.writerow([name, time, *(f"{values[number, step]:.10g}" for _, values in table)])
        return out.getvalue()

    def to_json(self) -> dict[str, Any]:
        """Return the forecast as plain JSON values."""
        series = []
        for number, name in enumerate(self.ids):
            entry: dict[str, Any] = {
                "id": name,
                "times": [
                    zoned_text(self.frequency, self.starts[number] + step, self.zone) for step in range(self.horizon)
                ],
                "mean": self._by_name(self.mean[number]),
                "intervals": {
                    f"{level:g}": {"low": self._by_name(low[number]), "high": self._by_name(high[number])}
                    for level, (low, high) in sorted(self.intervals.items())
                },
            }
            if self.samples is not None:
                entry["samples"] = [self._by_name(path) for path in self.samples[number]]
            series.append(entry)
        remarks = {"remarks": list(self.remarks)} if self.remarks else {}
        return {"frequency": self.frequency.name, "horizon": self.horizon, "series": series, **remarks}

    def _by_name(self, values_TY: Doubles) -> dict[str, list[float]]:
        return {name: values_TY[:, place].tolist() for place, name in enumerate(self.names)}

    def find(self, name: str) -> int:
        """Return the index of the series with this name. Raises ConfigError if there is none."""
        if name not in self.ids:
            raise ConfigError(f"expected a series among {', '.join(map(repr, self.ids[:5]))}. Received: {name!r}")
        return self.ids.index(name)
