"""Construction of a panel from columns: the rows of all sources, cleaned and split into series."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import PurePath
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from elman.data.panel.clean import PanelRows, drop_duplicates, fill_cells, fill_steps, in_order, on_grid
from elman.data.panel.config import PanelConfig
from elman.data.panel.frequency import Frequency
from elman.data.panel.infer import infer_frequency
from elman.data.panel.panel import Panel
from elman.data.panel.roles import ColumnRoles, find_roles
from elman.data.panel.sources import Source
from elman.data.panel.static import encode_static, learn_encoder, static_names
from elman.data.panel.times import LocalRule, Times, from_parts, same_clock
from elman.data.panel.unread_texts import check_unread_texts
from elman.errors import ConfigError, DataError

__all__ = ["build_panel", "gather", "local_rule"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


class _SourceRows(NamedTuple):
    """The rows of one source: series names, times, whether these are dates, values and row numbers."""

    owners: Sequence[str]
    times: Ints
    dated: bool
    values: Floats
    numbers: Ints
    zone: str = ""
    local: bool = False


def build_panel(
    sources: Sequence[Source],
    config: PanelConfig,
    frequency: Frequency | None,
    encoder: Sequence[Mapping[str, Any]] | None,
) -> Panel:
    """Build the panel from the sources; see `read_panel`."""
    grid = frequency or (Frequency.named(config.frequency) if config.frequency else None)
    local = local_rule(frequency, grid)
    rows, roles, numbers = gather(
        sources, config, dated=None if grid is None else grid.dated, local=local, trained=encoder is not None
    )
    static, encoder = _static(sources, config, rows, numbers, encoder)
    rows = drop_duplicates(in_order(rows, config.sort), config.duplicates)
    rows, ordinals, placed = _place(rows, config, frequency, sources[0].name)
    begins = rows.begins
    width, past = rows.targets, rows.targets + len(config.past_covariates)
    position = np.arange(len(rows.codes)) - begins[rows.codes]
    lengths = _lengths(rows, begins, position, config)
    known = position < lengths[rows.codes]
    if config.missing != "mask":
        fill_cells(rows, slice(0, width), config.missing, known)
    fill_cells(rows, slice(width, past), config.missing, known)
    # Known-future covariates are available on both sides of a gap, so they can be interpolated.
    ahead = "interpolate" if config.missing == "mask" else config.missing
    fill_cells(rows, slice(past, None), ahead, np.ones_like(known))
    return Panel(
        ids=rows.ids,
        frequency=placed,
        starts=ordinals[begins].tolist(),
        targets=_split(rows.values[:, :width], begins, lengths),
        past=_split(rows.values[:, width:past], begins, lengths),
        future=_split(rows.values[:, past:], begins, None),
        static=static,
        target_names=rows.columns[:width] if roles.separate else roles.targets,
        past_names=config.past_covariates,
        future_names=config.future_covariates,
        static_names=static_names(encoder),
        encoder=tuple(encoder),
        # Of a grid of days only local dates have a zone: the clock of other times would change with the season.
        zone=rows.zone if placed.dated and placed.days == rows.local else "",
        whole_ids=roles.series is not None and all(source.whole(roles.series) for source in sources),
    )


def _split(values: Floats, begins: Ints, lengths: Ints | None) -> list[Floats]:
    parts = np.split(np.ascontiguousarray(values), begins[1:])
    return parts if lengths is None else [part[:length] for part, length in zip(parts, lengths, strict=True)]


def local_rule(exact: Frequency | None, named: Frequency | None = None) -> LocalRule:
    """Return the rule when local times of a zone are read in place of UTC: if their grid has steps of days or longer.

    exact  the grid of the times, if it is known
    named  the grid without its phase, if only that is known
    """

    def rule(walls: Ints) -> bool:
        if exact is not None:
            return exact.days and not exact.locate(walls)[1].any()
        return (named is None or named.days) and same_clock(walls)

    return rule


def gather(
    sources: Sequence[Source],
    config: PanelConfig,
    targets: bool = True,
    dated: bool | None = None,
    local: LocalRule = same_clock,
    trained: bool = False,
) -> tuple[PanelRows, ColumnRoles, list[int]]:
    """Return the rows of all sources in their order, the roles of the columns, and the first row of each source.

    Without `targets`, only the covariates are read, and a single series has the name "". `dated` says whether
    integers may be years and compact dates, and `local` whether local times are read in place of UTC. `trained` says
    whether the rows are for a trained model.
    """
    all_roles = [find_roles(source, config, targets) for source in sources]
    roles = all_roles[0]
    for source, own in zip(sources, all_roles, strict=True):
        # The columns of each source are read by name, in any order.
        if sorted(own.targets) != sorted(roles.targets) or replace(own, targets=roles.targets) != roles:
            raise DataError(
                f"{source.name}: expected the columns of {sources[0].name}. Received: {', '.join(source.names)}"
            )
    begins = np.cumsum([0, *(len(source) for source in sources)]).tolist()
    parts = [
        _part(source, roles, config, begins[number], len(sources) > 1, targets, dated, local, trained)
        for number, source in enumerate(sources)
    ]
    if len({part.dated for part in parts}) > 1:
        raise DataError(f"{sources[-1].name}: expected dates in every file, or integers in every file. Received: both")
    names = list(dict.fromkeys(name for part in parts for name in dict.fromkeys(part.owners)))
    number_of = {name: number for number, name in enumerate(names)}
    owners = [name for part in parts for name in part.owners]
    codes = np.fromiter(map(number_of.__getitem__, owners), dtype=np.int64, count=len(owners))

    def where(row: int) -> str:
        place = bisect_right(begins, row) - 1
        return sources[place].where(row - begins[place])

    found = ("y",) if roles.separate and targets else roles.targets
    rows = PanelRows(
        ids=names,
        codes=codes,
        times=np.concatenate([part.times for part in parts]),
        dated=parts[0].dated,
        values=np.concatenate([part.values for part in parts]),
        columns=(*found, *config.past_covariates, *config.future_covariates),
        targets=len(found),
        numbers=np.concatenate([part.numbers for part in parts]),
        where=where,
        zone=parts[0].zone if len({(part.zone, part.local) for part in parts}) == 1 else "",
        local=parts[0].local,
    )
    return rows, roles, begins


def _part(
    source: Source,
    roles: ColumnRoles,
    config: PanelConfig,
    begin: int,
    several: bool,
    targets: bool,
    dates: bool | None,
    local: LocalRule,
    trained: bool,
) -> _SourceRows:
    times, dated, *rest = _times(source, roles, config, dates, local)
    check_unread_texts(source, roles, config, times, trained=trained)
    zone: Any = rest
    numbers = np.arange(begin, begin + len(source))
    found = [source.numbers(name) for name in roles.targets]
    covariates = [source.numbers(name) for name in (*config.past_covariates, *config.future_covariates)]
    values = np.stack([*found, *covariates], axis=1)
    if roles.series is not None:
        return _SourceRows(_names(source, roles.series), times, dated, values, numbers, *zone)
    stem = PurePath(source.name).name.split(".")[0]
    if not roles.separate or not targets:
        one = roles.targets[0] if len(roles.targets) == 1 else "series"
        owner = (stem if several else one) if targets else ""
        return _SourceRows([owner] * len(times), times, dated, values, numbers, *zone)
    owners: list[str] = []
    kept: list[Ints] = []
    pieces: list[Floats] = []
    for name, column in zip(roles.targets, found, strict=True):
        there = np.flatnonzero(~np.isnan(column))
        if not len(there):
            raise DataError(f"{source.name}: expected a number in the column {name!r}. Received: none")
        # A column's series begins at its first value and ends at its last, unless a known future follows.
        stop = len(column) if config.future_covariates else there[-1] + 1
        rows = np.arange(there[0], stop)
        owners += [f"{stem}/{name}" if several else name] * len(rows)
        kept.append(rows)
        pieces.append(np.stack([column, *covariates], axis=1)[rows])
    every = np.concatenate(kept)
    return _SourceRows(owners, times[every], dated, np.concatenate(pieces), numbers[every], *zone)


def _names(source: Source, column: str) -> Sequence[str]:
    """Return the name of the series of each row."""
    names = source.texts(column)
    if any(not name.strip() for name in dict.fromkeys(names)):
        row = next(row for row, name in enumerate(names) if not name.strip())
        raise DataError(f"{source.where(row)}: expected the name of a series in the column {column!r}. Received: none")
    return names


def _times(source: Source, roles: ColumnRoles, config: PanelConfig, dated: bool | None, local: LocalRule) -> Times:
    if config.time_parts:
        parts = {name: source.numbers(name) for name in roles.time}
        if len(parts) > 6:
            raise ConfigError(f"expected time_parts from year to second, at most six. Received: {len(parts)}")
        return Times(from_parts(parts, source.where), True)
    if roles.time:
        return source.times(roles.time[0], config.time_format, dated, local)
    if roles.series is None:
        return Times(np.arange(len(source)), False)
    counts: dict[str, int] = {}
    steps = np.empty(len(source), dtype=np.int64)
    for row, name in enumerate(_names(source, roles.series)):
        steps[row] = counts.get(name, 0)
        counts[name] = int(steps[row]) + 1
    return Times(steps, False)


def _place(
    rows: PanelRows, config: PanelConfig, frequency: Frequency | None, name: str
) -> tuple[PanelRows, Ints, Frequency]:
    """Return the rows with all time steps of the grid, their ordinals, and the grid."""
    grid = frequency
    if grid is None and config.frequency:
        grid = Frequency.named(config.frequency, near=int(rows.times[0]) if rows.dated else None)
        if not rows.dated and not grid.dated:
            grid = replace(grid, phase=int(rows.times[0]) % grid.multiple)
    if grid is not None and rows.dated and not grid.dated:
        if grid.multiple != 1:
            raise ConfigError(f"expected the frequency step to count rows that have dates. Received: {grid.name}")
        return rows, np.arange(len(rows.codes)) - rows.begins[rows.codes], Frequency("step")
    if grid is not None and grid.dated and not rows.dated:
        raise DataError(
            f"{name}: expected dates for the frequency {grid.name}. Received: integers such as {rows.times[0]}"
        )
    if grid is None:
        moments = rows.times.astype("datetime64[s]") if rows.dated else rows.times
        grid = infer_frequency(moments, rows.begins, rows.ids, name)
    rows, ordinals = fill_steps(rows, on_grid(rows, grid), grid, config.missing)
    return rows, ordinals, grid


def _lengths(rows: PanelRows, begins: Ints, position: Ints, config: PanelConfig) -> Ints:
    """Return the number of time steps of each series, without its known future."""
    there = ~np.isnan(rows.values[:, : rows.targets]).all(axis=1)
    last = np.maximum.reduceat(np.where(there, position, -1), begins)
    empty = np.flatnonzero(last < 0)
    if len(empty):
        raise DataError(
            f"{rows.place(int(begins[empty[0]]))}: expected a value in {', '.join(rows.columns[: rows.targets])}. "
            f"Received: none in the whole series"
        )
    ends = np.append(begins[1:], len(position)) - begins
    return last + 1 if config.future_covariates else ends


def _static(
    sources: Sequence[Source],
    config: PanelConfig,
    rows: PanelRows,
    begins: Sequence[int],
    encoder: Sequence[Mapping[str, Any]] | None,
) -> tuple[Floats, Sequence[Mapping[str, Any]]]:
    """Return the static features of N series, [N, C], and their encoder. `rows` must be in the order of the sources."""
    first = np.full(len(rows.ids), -1)
    first[rows.codes[::-1]] = np.arange(len(rows.codes))[::-1]
    kinds = {column["name"]: column["kind"] for column in encoder or ()}
    columns: dict[str, Sequence[str] | Floats] = {}
    for name in config.static_columns:
        as_number = kinds[name] == "number" if name in kinds else all(source.numeric(name) for source in sources)
        if as_number:
            values: Any = np.concatenate([source.numbers(name) for source in sources])
            empty = np.flatnonzero(np.isnan(values[rows.numbers]))
        else:
            values = np.array([text for source in sources for text in source.texts(name)], dtype=object)
            empty = np.flatnonzero([not text.strip() for text in values[rows.numbers]])
        if len(empty):
            raise DataError(f"{rows.place(int(empty[0]))}: expected a value in the column {name!r}. Received: none")
        own = values[rows.numbers[first]]
        other = np.flatnonzero(values[rows.numbers] != own[rows.codes])
        if len(other):
            row = int(other[0])
            raise DataError(
                f"{rows.place(row)}: expected one value of the column {name!r} for the whole series. "
                f"Received: {values[rows.numbers[row]]!r} after {own[rows.codes[row]]!r}"
            )
        columns[name] = own if as_number else own.tolist()
    encoder = learn_encoder(columns) if encoder is None else encoder
    wanted = [column["name"] for column in encoder]
    if wanted != list(columns):
        raise ConfigError(f"expected the static columns {wanted} of the encoder. Received: {list(columns)}")
    return encode_static(columns, encoder, lambda series: rows.place(int(first[series])), len(rows.ids)), encoder
