"""A forecast: times, values, intervals and sample paths of every series; as a data frame, JSON and CSV."""

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
from elman.errors import ConfigError

__all__ = ["Forecast"]

Doubles = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Forecast:
    """How S series of Y variables go on for H steps.

    ids        the series' names
    frequency  the grid of times
    starts     of each series, the ordinal of the first step ahead
    names      the Y variables
    mean       one value each, `[S, H, Y]`: the distribution's mean or median, as the model's option `point` says
    intervals  of each level in per cent, the bounds `[S, H, Y]` between which a value lies with that probability
    samples    paths `[S, N, H, Y]` that are drawn jointly over the steps; None where none were asked for
    history    the series up to the forecast, for the picture
    columns    what the columns of ids and times are called in a table
    kind       what `to_frame` makes: "pandas" or "polars"
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
        """The forecast after step `origin` of each series of a panel; `more` are other fields."""
        return cls(
            ids=list(panel.ids),
            frequency=panel.frequency,
            starts=[start + int(last) + 1 for start, last in zip(panel.starts, origin, strict=True)],
            mean=mean,
            intervals=dict(intervals),
            samples=samples,
            history=panel.cut(origin + 1),
            **{"names": panel.target_names, **more},
        )

    def __repr__(self) -> str:
        """How much there is, in a line."""
        paths = "" if self.samples is None else f", {self.samples.shape[1]} paths"
        return f"<Forecast of {len(self.ids)} series, {self.horizon} steps of {self.frequency.name}{paths}>"

    @property
    def horizon(self) -> int:
        """H."""
        return self.mean.shape[1]

    def times(self, series: int = 0) -> Any:
        """The times ahead of a series: datetime64[s], or integers."""
        return self.frequency.time(self.starts[series] + np.arange(self.horizon))

    def _table(self) -> Iterator[tuple[str, Doubles]]:
        """The columns of numbers, `[S, H]` each."""
        for place, name in enumerate(self.names):
            yield name, self.mean[..., place]
            for level, (low, high) in sorted(self.intervals.items()):
                yield f"{name}-lo-{level:g}", low[..., place]
                yield f"{name}-hi-{level:g}", high[..., place]

    def to_frame(self, kind: str | None = None) -> Any:
        """A data frame in long form: a row for each series and time; columns such as y, y-lo-80, y-hi-80.

        kind  "pandas" or "polars"; by default what the data was. Raises ConfigError for another, or one that is not
              installed.
        """
        kind = kind or self.kind
        if kind not in ("pandas", "polars"):
            raise ConfigError(f"expected a frame of pandas or polars. Received: {kind!r}")
        times = np.concatenate([np.asarray(self.times(number)) for number in range(len(self.ids))])
        columns: dict[str, Any] = {
            self.columns[0]: [each for each in self.ids for _ in range(self.horizon)],
            self.columns[1]: times.astype("datetime64[us]") if times.dtype.kind == "M" else times,
            **{name: values.ravel() for name, values in self._table()},
        }
        try:
            if kind == "polars":
                import polars

                return polars.DataFrame(columns)
            import pandas  # type: ignore[import-untyped]

            return pandas.DataFrame(columns)
        except ImportError as error:
            raise ConfigError(f"expected {kind} to be installed. Received: {error}") from error

    def to_csv(self) -> str:
        """The same table as CSV."""
        table = list(self._table())
        out = io.StringIO()
        writer = csv.writer(out, lineterminator="\n")
        writer.writerow([*self.columns, *(name for name, _ in table)])
        for number, name in enumerate(self.ids):
            for step in range(self.horizon):
                time = self.frequency.format(self.starts[number] + step)
                writer.writerow([name, time, *(f"{values[number, step]:.10g}" for _, values in table)])
        return out.getvalue()

    def to_json(self) -> dict[str, Any]:
        """All of it as plain values."""
        series = []
        for number, name in enumerate(self.ids):
            entry: dict[str, Any] = {
                "id": name,
                "times": [self.frequency.format(self.starts[number] + step) for step in range(self.horizon)],
                "mean": self._by_name(self.mean[number]),
                "intervals": {
                    f"{level:g}": {"low": self._by_name(low[number]), "high": self._by_name(high[number])}
                    for level, (low, high) in sorted(self.intervals.items())
                },
            }
            if self.samples is not None:
                entry["samples"] = [self._by_name(path) for path in self.samples[number]]
            series.append(entry)
        return {"frequency": self.frequency.name, "horizon": self.horizon, "series": series}

    def _by_name(self, values_HY: Doubles) -> dict[str, list[float]]:
        return {name: values_HY[:, place].tolist() for place, name in enumerate(self.names)}

    def find(self, name: str) -> int:
        """The number of the series with this name. Raises ConfigError when there is none."""
        if name not in self.ids:
            raise ConfigError(f"expected a series among {', '.join(map(repr, self.ids[:5]))}. Received: {name!r}")
        return self.ids.index(name)
