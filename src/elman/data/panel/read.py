"""Reading of panels from files, data frames and arrays."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from elman.data.inputs import find_files
from elman.data.panel.build import build_panel, gather
from elman.data.panel.clean import drop_duplicates, in_order, on_grid
from elman.data.panel.config import PanelConfig
from elman.data.panel.frequency import Frequency
from elman.data.panel.panel import Panel
from elman.data.panel.sources import FrameSource, Source, TableSource, open_frame
from elman.data.table import read_table
from elman.errors import DataError

__all__ = ["future_from", "panel_from", "read_panel"]

Paths = str | os.PathLike[str] | Sequence[str | os.PathLike[str]]


def read_panel(
    paths: Paths,
    config: PanelConfig,
    *,
    frequency: Frequency | None = None,
    encoder: Sequence[Mapping[str, Any]] | None = None,
) -> Panel:
    """Read the series in CSV, TSV or JSON-lines files, or in the files of a folder.

    In long form, a column has the names of the series, and the rows of a series may be in several files. Without such a
    column, each file is a series; in wide form with together=false, each column is one. With known-future covariates,
    rows without targets at the end of a series are its known future.

    frequency  grid of the times; by default that of the options, or inferred
    encoder    encoding of the static columns, from a panel that was read before

    Raises DataError with file and line for a missing column, an invalid number or time, times that are unsorted,
    duplicate or missing (unless the options handle them), and mixed frequencies; ConfigError for options that
    contradict each other; EncodingError; StorageError.
    """
    sources: list[Source] = []
    for file in find_files(paths):  # type: ignore[arg-type]
        try:
            table = read_table(
                file.path,
                delimiter=config.delimiter,
                quoting=config.quoting,
                encoding=config.encoding,
                errors=config.errors,
            )
        finally:
            if file.spooled:
                file.path.unlink(missing_ok=True)
        sources.append(TableSource(replace(table, name=file.name)))
    return build_panel(sources, config, frequency, encoder)


def panel_from(
    data: Any,
    config: PanelConfig,
    *,
    frequency: Frequency | None = None,
    encoder: Sequence[Mapping[str, Any]] | None = None,
) -> Panel:
    """Convert a pandas or polars data frame or series, an array, or a dictionary of arrays by series to a panel.

    A pandas index of dates or periods is the time; an index of two levels is series and time. Arrays have the shape [T]
    or [T, Y], with columns "y" or "1", "2", ...; in a dictionary each array is a series, and in [N, T, Y] each row is.
    The times of arrays are the integers from 0, as are those of a frame without a column or an index of times. Integer
    times of a frame are integers, or years or compact dates if the frequency is one of dates. Other arguments and
    errors are those of `read_panel`; messages count rows from 1.
    """
    source, config = _source_of(data, config)
    return build_panel([source], config, frequency, encoder)


def future_from(data: Any, panel: Panel, config: PanelConfig) -> Panel:
    """Return the panel with its known-future covariates extended from a file or data frame.

    Rows with times that the panel already has are ignored, and targets are not needed. If the panel counts rows
    (frequency "step" with dates), the given rows follow its last row.

    Raises DataError for a series that the panel does not have, and for a missing time step.
    """
    if not panel.future_names:
        raise DataError("expected a model with covariates that are known ahead (future_covariates). Received: none")
    if isinstance(data, str | os.PathLike):
        table = read_table(
            os.fspath(data), delimiter=config.delimiter, quoting=config.quoting, encoding=config.encoding
        )
        source: Source = TableSource(table)
    else:
        source, config = _source_of(data, config)
    wanted = replace(config, past_covariates=(), static_columns=(), future_covariates=panel.future_names)
    rows, _, _ = gather([source], wanted, targets=False, dated=panel.frequency.dated)
    rows = drop_duplicates(in_order(rows, config.sort), config.duplicates)
    counted = rows.dated and not panel.frequency.dated
    ordinals = np.arange(len(rows.times)) if counted else on_grid(rows, panel.frequency)
    everyone = rows.ids == [""]
    position = {name: place for place, name in enumerate(panel.ids)}
    unknown = next((name for name in rows.ids if name not in position and not everyone), None)
    if unknown is not None:
        raise DataError(f"{source.name}: expected only series that the panel has. Received: {unknown!r}")
    future = list(panel.future)
    begins = np.append(rows.begins, len(ordinals))
    pairs = [(series, 0) for series in range(len(panel))] if everyone else [
        (position[name], code) for code, name in enumerate(rows.ids)
    ]  # fmt: skip
    for series, code in pairs:
        values, own = rows.values[begins[code] : begins[code + 1]], ordinals[begins[code] : begins[code + 1]]
        end = panel.starts[series] + len(future[series])
        new = np.ones(len(own), dtype=np.bool_) if counted else own >= end
        steps = np.arange(int(new.sum())) + (own[0] if counted else end)
        gap = np.flatnonzero(own[new] != steps)
        if len(gap):
            raise DataError(
                f"{source.name}: expected a row for {panel.frequency.format(int(steps[gap[0]]))} of the series "
                f"{panel.ids[series]!r}. Received: {panel.frequency.format(int(own[new][gap[0]]))}"
            )
        empty = np.argwhere(np.isnan(values[new]))
        if len(empty):
            row = begins[code] + int(np.flatnonzero(new)[empty[0][0]])
            raise DataError(
                f"{rows.place(row)}: expected a number in the column {panel.future_names[empty[0][1]]!r}. "
                f"Received: none"
            )
        future[series] = np.concatenate([future[series], values[new]])
    return replace(panel, future=future)


def _source_of(data: Any, config: PanelConfig) -> tuple[FrameSource, PanelConfig]:
    if isinstance(data, np.ndarray | list | tuple):
        array = _numbers(data, "the array")
        if array.ndim == 1:
            return FrameSource({"y": array}, len(array), "the array"), config
        if array.ndim == 2:
            return FrameSource(_columns(array), len(array), "the array"), config
        data = {str(number + 1): values for number, values in enumerate(array)}
    if isinstance(data, Mapping):
        return _dictionary(data, config)
    return open_frame(data), config


def _dictionary(data: Mapping[Any, Any], config: PanelConfig) -> tuple[FrameSource, PanelConfig]:
    """Return arrays by series as one source in long form."""
    arrays = {str(name): _numbers(values, f"the array {name!r}") for name, values in data.items()}
    tables = {name: values[:, None] if values.ndim == 1 else values for name, values in arrays.items()}
    if not tables:
        raise DataError("expected at least one series. Received: none")
    widths = {name: values.shape[1] if values.ndim == 2 else 0 for name, values in tables.items()}
    first = next(iter(widths))
    for name, width in widths.items():
        if width != widths[first] or not width:
            raise DataError(
                f"the array {name!r}: expected the shape [T] or [T, {widths[first] or 'Y'}], as for the others. "
                f"Received: {arrays[name].shape}"
            )
    lengths = [len(values) for values in tables.values()]
    ends = np.cumsum(lengths)
    steps = np.concatenate([np.arange(length) for length in lengths])
    owners = np.repeat(np.array(list(tables), dtype=object), lengths)
    columns: dict[str, Any] = {config.id_column: owners, "ds": steps, **_columns(np.concatenate(list(tables.values())))}
    covariates = {*config.past_covariates, *config.future_covariates}
    targets = config.target_columns or tuple(name for name in list(columns)[2:] if name not in covariates)

    def place(row: int) -> str:
        return f"the array {owners[row]!r}, row {steps[row] + 1}"

    source = FrameSource(columns, int(ends[-1]), "the arrays", place)
    return source, replace(config, layout="long", time_column="ds", target_columns=targets)


def _columns(array: Any) -> dict[str, Any]:
    names = ["y"] if array.shape[1] == 1 else [str(number + 1) for number in range(array.shape[1])]
    return {name: array[:, number] for number, name in enumerate(names)}


def _numbers(data: Any, name: str) -> Any:
    try:
        found = np.asarray(data)
        array = np.empty(0) if found.dtype.kind == "c" else found.astype(np.float64)
    except (ValueError, TypeError) as error:
        raise DataError(f"{name}: expected numbers in rows of one width. Received: {error}") from error
    if found.dtype.kind == "c":
        raise DataError(f"{name}: expected real numbers. Received: complex ones")
    if not 1 <= array.ndim <= 3 or not array.size:
        raise DataError(f"{name}: expected numbers of the shape [T], [T, Y] or [N, T, Y]. Received: {array.shape}")
    return array
