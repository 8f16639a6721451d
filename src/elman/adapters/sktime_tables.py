"""sktime's tables and times as elman's, and back. Knows nothing about models."""

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
    "wanted_times",
]

Ints = npt.NDArray[np.int64]


def as_table(y: pd.DataFrame, X: pd.DataFrame | None) -> pd.DataFrame:
    """Series and covariates as a table in long form, which elman reads. Raises DataError for names that clash."""
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
    columns["ds"] = elman_times(moments(table.index))
    return pd.DataFrame({**columns, **{name: table[name].to_numpy() for name in table.columns}})


def column_names(y: pd.DataFrame, X: pd.DataFrame | None) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The columns' names as elman's: texts, each once. A variable without a name is y."""
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
    """The series' names, of all levels. Raises DataError for two that are one as text."""
    names = ["/".join(map(str, each)) if isinstance(each, tuple) else str(each) for each in series]
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise DataError(f"expected series with names of their own. Received: {twice!r} twice")
    return names


def joined(before: pd.DataFrame | None, after: pd.DataFrame | None) -> pd.DataFrame | None:
    """Rows of two tables in order; of a time that is in both, the later table's."""
    if before is None or after is None:
        return before if after is None else after
    return pd.concat([before[~before.index.isin(after.index)], after]).sort_index()


def moments(index: pd.Index) -> pd.Index:
    """The times of an index, of one level or several."""
    return index.get_level_values(-1)


def elman_times(times: pd.Index) -> npt.NDArray[Any]:
    """Dates or integers as elman counts them: a period at its start, and times with a zone in UTC."""
    if isinstance(times, pd.PeriodIndex):
        times = times.to_timestamp()
    if isinstance(times, pd.DatetimeIndex) and times.tz is not None:
        times = times.tz_convert("UTC").tz_localize(None)
    return np.asarray(times.to_numpy())


def relative_steps(fh: ForecastingHorizon, cutoff: pd.Index) -> Ints:
    """A horizon as steps after the cutoff; what is not after it is 0 or less."""
    return np.asarray(fh.to_relative(cutoff).to_numpy(), dtype=np.int64)


def wanted_times(fh: ForecastingHorizon, cutoff: pd.Index, frequency: Frequency) -> pd.Index:
    """The times that are asked for."""
    if fh.is_relative and fh.freq is None and isinstance(cutoff, pd.DatetimeIndex) and cutoff.tz is None:
        # sktime finds no frequency where times are missing in between; elman does.
        ordinals = frequency.ordinal(cutoff[0].to_datetime64()) + relative_steps(fh, cutoff)
        return pd.DatetimeIndex(frequency.time(ordinals)).as_unit(cutoff.unit)
    return fh.to_absolute_index(cutoff)


def answer_index(known: pd.Index, steps: pd.Index) -> pd.Index:
    """The rows of an answer: the wanted steps, of each series in turn."""
    if known.nlevels == 1:
        return steps
    series = known.sort_values().droplevel(-1).unique()
    levels = [series.get_level_values(level).repeat(len(steps)) for level in range(series.nlevels)]
    times = steps.take(np.tile(np.arange(len(steps)), len(series)))
    return pd.MultiIndex.from_arrays([*levels, times], names=known.names)
