"""Conversion of tables and times between sktime and elman."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd  # type: ignore[import-untyped]
from sktime.forecasting.base import ForecastingHorizon

from elman.data.panel import Frequency
from elman.errors import DataError

__all__ = [
    "answer_index",
    "as_table",
    "column_names",
    "elman_times",
    "joined",
    "moments",
    "relative_steps",
    "requested_times",
]

Ints = npt.NDArray[np.int64]


def as_table(y: pd.DataFrame, X: pd.DataFrame | None) -> pd.DataFrame:
    """Convert series and covariates to a table in long form. Raises DataError for duplicate series names."""
    targets, covariates = column_names(y, X)
    table = y.set_axis(targets, axis=1)
    if X is not None:
        table = pd.concat([table, X.set_axis(covariates, axis=1)], axis=1)
    table = table.sort_index()
    columns: dict[str, Any] = {}
    if table.index.nlevels > 1:
        owners = table.index.droplevel(-1)
        series = owners.unique()
        ids = np.array(_ids(series), dtype=object)
        columns["unique_id"] = ids[series.get_indexer(owners)]
    times = moments(table.index)
    # Days of a zone are read by their local dates.
    columns["ds"] = times if getattr(times, "tz", None) is not None else elman_times(times)
    return pd.DataFrame({**columns, **{name: table[name].to_numpy() for name in table.columns}})


def column_names(y: pd.DataFrame, X: pd.DataFrame | None) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return unique strings as names of the columns. A variable without a name is called y."""
    taken = {"unique_id", "ds"}

    def own(name: Hashable, kind: str) -> str:
        text = kind if name is None else str(name)
        while text in taken:
            text = f"{kind}_{text}"
        taken.add(text)
        return text

    targets = tuple(own(name, "y") for name in ([None] if list(y.columns) == [0] else y.columns))
    return targets, () if X is None else tuple(own(name, "X") for name in X.columns)


def _ids(series: pd.Index) -> list[str]:
    """Join the index levels of each series to a name."""
    names = ["/".join(map(str, each)) if isinstance(each, tuple) else str(each) for each in series]
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise DataError(f"expected a unique name for each series. Received: {twice!r} twice")
    return names


def joined(before: pd.DataFrame | None, after: pd.DataFrame | None) -> pd.DataFrame | None:
    """Merge the rows of two tables in order; for a time in both, the row of `after` is used."""
    if before is None or after is None:
        return before if after is None else after
    return pd.concat([before[~before.index.isin(after.index)], after]).sort_index()


def moments(index: pd.Index) -> pd.Index:
    """Return the times of an index of one or several levels."""
    return index.get_level_values(-1)


def elman_times(times: pd.Index, *, local: bool = False) -> npt.NDArray[Any]:
    """Convert dates or integers for elman: a period becomes its start, and a time with a zone its local or UTC time."""
    if isinstance(times, pd.PeriodIndex):
        times = times.to_timestamp()
    if isinstance(times, pd.DatetimeIndex) and times.tz is not None:
        times = times.tz_localize(None) if local else times.tz_convert("UTC").tz_localize(None)
    return np.asarray(times.to_numpy())


def relative_steps(fh: ForecastingHorizon, cutoff: pd.Index) -> Ints:
    """Convert a horizon to steps after the cutoff; in-sample steps are 0 or less."""
    return np.asarray(fh.to_relative(cutoff).to_numpy(), dtype=np.int64)


def requested_times(fh: ForecastingHorizon, cutoff: pd.Index, frequency: Frequency) -> pd.Index:
    """Return the times of the requested forecasts."""
    if fh.is_relative and fh.freq is None and isinstance(cutoff, pd.DatetimeIndex) and cutoff.tz is None:
        # sktime infers no frequency if times are missing in between; elman does.
        ordinals = frequency.ordinal(cutoff[0].to_datetime64()) + relative_steps(fh, cutoff)
        return pd.DatetimeIndex(frequency.time(ordinals)).as_unit(cutoff.unit)
    return fh.to_absolute_index(cutoff)


def answer_index(known: pd.Index, steps: pd.Index) -> pd.Index:
    """Return the index of a forecast: the requested steps of each series in turn."""
    if known.nlevels == 1:
        return steps
    series = known.sort_values().droplevel(-1).unique()
    levels = [series.get_level_values(level).repeat(len(steps)) for level in range(series.nlevels)]
    times = steps.take(np.tile(np.arange(len(steps)), len(series)))
    return pd.MultiIndex.from_arrays([*levels, times], names=known.names)
