"""Sources of a panel in memory: arrays, dictionaries of series by name, data frames."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from elman.data.columns import order_of
from elman.data.panel.config import PanelConfig
from elman.data.panel.sources import FrameSource, open_frame
from elman.data.values import as_array, is_frame
from elman.errors import DataError

__all__ = ["source_of"]


def source_of(data: Any, config: PanelConfig) -> tuple[FrameSource, PanelConfig]:
    """Return the columns of an array, a dictionary of arrays, series or frames, or a data frame; see `panel_from`.

    Also returns the options with the columns of a dictionary. Raises DataError for other objects and values.
    """
    if isinstance(data, list | tuple) and any(map(is_frame, data)):
        raise DataError(
            "expected several series as a dictionary of them by name, or as one data frame. "
            f"Received: a {type(data).__name__} of {type(data[0]).__name__}"
        )
    if isinstance(data, np.ndarray | list | tuple):
        array = _numbers(data, "the array")
        if array.ndim == 1:
            return FrameSource({"y": array}, len(array), "the array"), config
        if array.ndim == 2:
            return FrameSource(_columns(array), len(array), "the array"), config
        data = {str(number + 1): values for number, values in enumerate(array)}
    if isinstance(data, Mapping):
        return _dictionary(data, config)
    return open_frame(data, config.id_column, config.time_column), config


def _dictionary(data: Mapping[Any, Any], config: PanelConfig) -> tuple[FrameSource, PanelConfig]:
    """Return arrays, or series and data frames with their times, by the names of the series as one source."""
    if any(map(is_frame, data.values())):
        return _frames(data, config)
    arrays = {str(name): _numbers(values, f"the array {str(name)!r}") for name, values in data.items()}
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
    owners = _owners(list(data), lengths)
    columns: dict[str, Any] = {config.id_column: owners, "ds": steps, **_columns(np.concatenate(list(tables.values())))}
    covariates = {*config.past_covariates, *config.future_covariates}
    targets = config.target_columns or tuple(name for name in list(columns)[2:] if name not in covariates)

    def place(row: int) -> str:
        return f"the array {str(owners[row])!r}, row {steps[row] + 1}"

    source = FrameSource(columns, int(ends[-1]), "the arrays", place)
    return source, replace(config, layout="long", time_column="ds", target_columns=targets)


def _owners(names: Sequence[Any], lengths: Sequence[int]) -> npt.NDArray[Any]:
    """Return the name of the series of each row: whole numbers if all are."""
    whole = all(isinstance(name, int | np.integer) and not isinstance(name, bool) for name in names)
    return np.repeat(np.array(names if whole else [str(name) for name in names], dtype=np.int64 if whole else object),
                     lengths)  # fmt: skip


def _frames(data: Mapping[Any, Any], config: PanelConfig) -> tuple[FrameSource, PanelConfig]:
    """Return series and data frames by the names of the series as one source in long form, with their times."""
    time = "ds" if config.time_column in ("", "rows") else config.time_column
    sources: dict[str, FrameSource] = {}
    for name, values in data.items():
        if not is_frame(values):
            raise DataError(
                f"the series {str(name)!r}: expected a series or a data frame, as for the others. "
                f"Received: {type(values).__name__}"
            )
        own = open_frame(values, config.id_column, config.time_column)
        sources[str(name)] = FrameSource(own.columns, len(own), f"the series {str(name)!r}", zoned=own.zoned)
    dated = {name: time in source.names for name, source in sources.items()}
    if len(set(dated.values())) > 1:
        without = next(name for name, has in dated.items() if not has)
        raise DataError(f"the series {without!r}: expected times, as for the others. Received: none")
    first = next(iter(sources.values()))
    names = [name for name in first.names if name != time]
    parts: dict[str, list[npt.NDArray[Any]]] = {name: [] for name in (["y"] if len(names) == 1 else names)}
    for source in sources.values():
        own_names = [name for name in source.names if name != time]
        if len(names) > 1 or len(own_names) > 1:
            order_of(names, own_names, source.name, like=f"in {first.name}")
        for column, name in zip(parts, own_names if len(names) == 1 else names, strict=True):
            parts[column].append(source.array(name))
    lengths = [len(source) for source in sources.values()]
    steps = np.concatenate([np.arange(length) for length in lengths])
    owners = _owners(list(data), lengths)
    has_times = all(dated.values())
    moments = np.concatenate([source.array(time) for source in sources.values()]) if has_times else steps
    columns = {config.id_column: owners, time: moments, **{name: np.concatenate(own) for name, own in parts.items()}}
    others = {*config.past_covariates, *config.future_covariates, *config.static_columns}
    targets = config.target_columns or tuple(name for name in parts if name not in others)

    def place(row: int) -> str:
        return f"the series {str(owners[row])!r}, row {steps[row] + 1}"

    found = FrameSource(columns, len(steps), "the series", place, _zoned(list(sources.values()), time))
    return found, replace(config, layout="long", time_column=time, target_columns=targets)


def _zoned(sources: Sequence[FrameSource], time: str) -> dict[str, tuple[str, npt.NDArray[Any]]]:
    """Return the zone and the local times of all sources, if they have the same zone."""
    zones = [source.zoned[time] for source in sources if time in source.zoned]
    if len(zones) < len(sources) or len({zone for zone, _ in zones}) > 1:
        return {}
    return {time: (zones[0][0], np.concatenate([walls for _, walls in zones]))}


def _columns(array: Any) -> dict[str, Any]:
    names = ["y"] if array.shape[1] == 1 else [str(number + 1) for number in range(array.shape[1])]
    return {name: array[:, number] for number, name in enumerate(names)}


def _numbers(data: Any, name: str) -> Any:
    try:
        found = as_array(data, name)
        array = np.empty(0) if found.dtype.kind == "c" else found.astype(np.float64)
    except DataError:
        raise
    except (ValueError, TypeError) as error:
        raise DataError(f"{name}: expected numbers in rows of one width. Received: {error}") from error
    if found.dtype.kind == "c":
        raise DataError(f"{name}: expected real numbers. Received: complex ones")
    if not 1 <= array.ndim <= 3 or not array.size:
        raise DataError(f"{name}: expected numbers of the shape [T], [T, Y] or [N, T, Y]. Received: {array.shape}")
    return array
