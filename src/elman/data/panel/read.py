"""Reading of panels from files, data frames and arrays."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from elman.data.inputs import find_files
from elman.data.panel.build import build_panel, gather, local_rule
from elman.data.panel.clean import drop_duplicates, in_order, on_grid
from elman.data.panel.config import PanelConfig
from elman.data.panel.frequency import Frequency
from elman.data.panel.memory import source_of
from elman.data.panel.panel import Panel
from elman.data.panel.sources import Source, TableSource
from elman.data.sources import as_paths, is_path
from elman.data.table import Table, read_table
from elman.errors import DataError

__all__ = ["future_from", "panel_from", "panel_of", "read_panel"]

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
            table = _table(file.path, config)
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
    """Convert a data frame or series of pandas or polars, an array, or a dictionary of these by series to a panel.

    A pandas index of dates or periods is the time; an index of two levels is series and time, by name or by what they
    hold. Arrays have the shape [T] or [T, Y], with columns "y" or "1", "2", ...; in a dictionary each array, series or
    frame is a series, and in [N, T, Y] each row is. The times of arrays are the integers from 0, as are those of a
    frame of numbers alone. Integer times of a frame are integers or compact dates (20240131), or years if the frequency
    is one of dates. Masked values are missing. Other arguments and errors are those of `read_panel`; messages count
    rows from 1.
    """
    source, config = source_of(data, config)
    return build_panel([source], config, frequency, encoder)


def panel_of(data: Any, config: PanelConfig, **like: Any) -> Panel:
    """Return the series in paths, as `read_panel` does, or in objects, as `panel_from` does; a `Panel` as it is."""
    if isinstance(data, Panel):
        return data
    return read_panel(as_paths(data), config, **like) if is_path(data) else panel_from(data, config, **like)


def future_from(data: Any, panel: Panel, config: PanelConfig) -> Panel:
    """Return the panel with its known-future covariates extended from a file or data frame.

    Rows with times that the panel already has are ignored, and targets are not needed. If the panel counts rows
    (frequency "step" with dates), the given rows follow its last row.

    Raises DataError for a series that the panel does not have, and for a missing time step.
    """
    if not panel.future_names:
        raise DataError("expected a model with covariates that are known ahead (future_covariates). Received: none")
    if isinstance(data, str | os.PathLike):
        source: Source = TableSource(_table(os.fspath(data), config))
    else:
        source, config = source_of(data, config)
    wanted = replace(config, past_covariates=(), static_columns=(), future_covariates=panel.future_names)
    rows, _, _ = gather(
        [source],
        wanted,
        targets=False,
        dated=panel.frequency.dated,
        local=local_rule(panel.frequency),
        trained=True,
    )
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


def _table(path: str | os.PathLike[str], config: PanelConfig) -> Table:
    return read_table(
        os.fspath(path),
        delimiter=config.delimiter,
        quoting=config.quoting,
        decimal=config.decimal,
        encoding=config.encoding,
        errors=config.errors,
    )
