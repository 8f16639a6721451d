"""Roles of the columns of a source: series, time, targets and covariates."""

from __future__ import annotations

from dataclasses import dataclass

from elman.data.columns import are_row_numbers, is_unnamed
from elman.data.panel.config import ONE_SERIES, PanelConfig
from elman.data.panel.sources import FrameSource, Source
from elman.data.panel.times import looks_like_a_time
from elman.display import listed
from elman.errors import ConfigError, DataError

__all__ = ["ColumnRoles", "find_roles"]


@dataclass(frozen=True)
class ColumnRoles:
    """Roles of the columns.

    series    column with the names of the series; None if there is one series
    time      columns of the time: one column, the parts of a date, or none if each row is a time step
    targets   columns to forecast
    separate  whether each target is a separate series
    """

    series: str | None
    time: tuple[str, ...]
    targets: tuple[str, ...]
    separate: bool = False


def find_roles(source: Source, config: PanelConfig, targets: bool = True) -> ColumnRoles:
    """Return the roles of the columns; without `targets`, target columns are not looked for.

    Raises DataError with the existing columns if one is missing; ConfigError for a column with two roles.
    """
    series, is_long = _series(source, config)
    time = config.time_parts or _time(source, config, series, is_long)
    found: tuple[str, ...] = ()
    if targets:
        found = _targets(source, config, {series or "", *time}, is_long)
    roles = [
        *([series] if series else []),
        *time,
        *found,
        *config.past_covariates,
        *config.future_covariates,
        *config.static_columns,
    ]
    for name in roles:
        if name not in source.names:
            default = name in found and not config.target_columns
            hint = " (the option target_columns names the columns to forecast)" if default else ""
            raise DataError(
                f"{source.name}: expected a column {listed([name])}{hint}. Received: the columns {listed(source.names)}"
            )
        if roles.count(name) > 1:
            raise ConfigError(
                f"expected each column as one of series, time, target or covariate. Received: {name!r} twice"
            )
    separate = not is_long and not config.together
    if separate and config.static_columns:
        raise ConfigError(
            f"expected static columns in long form alone, or with together=true. "
            f"Received: {', '.join(config.static_columns)}"
        )
    return ColumnRoles(series, time, found, separate)


def _series(source: Source, config: PanelConfig) -> tuple[str | None, bool]:
    """Return the column with the names of the series, and whether the layout is long."""
    usual = PanelConfig.id_column
    if config.layout == "wide":
        return None, False
    if config.id_column in source.names:
        return config.id_column, True
    if config.id_column not in (usual, ONE_SERIES):
        return config.id_column, True  # a missing column is reported by `find_roles`
    return None, config.layout == "long" or (not config.target_columns and "y" in source.names)


def _row_numbers(source: Source) -> set[str]:
    """Return the columns of row numbers, which pandas writes without a name."""
    unnamed = [name for name in source.names if is_unnamed(name) and source.numeric(name)]
    return {name for name in unnamed if are_row_numbers(name, source.numbers(name))}


def _time(source: Source, config: PanelConfig, series: str | None, is_long: bool) -> tuple[str, ...]:
    """Return the column of times: that of the option, "ds", the first column, or the only one that has dates."""
    skipped = {name for name in _row_numbers(source) if not looks_like_a_time(source.first(name))}
    names = [name for name in source.names if name != series and name not in skipped]
    if config.time_column == "rows" and "rows" not in names:
        return ()
    if config.time_column:
        return (config.time_column,)
    if "ds" in names:
        return ("ds",)
    if len(names) <= 1:
        return ()
    if looks_like_a_time(source.first(names[0])) or (config.time_format and not source.numeric(names[0])):
        return (names[0],)
    roles = {*config.target_columns, *config.past_covariates, *config.future_covariates, *config.static_columns}
    roles |= {"y"} if is_long else set()
    free = [name for name in names if name not in roles and not source.numeric(name)]
    if len(free) == 1 and looks_like_a_time(source.first(free[0])) and not source.first(free[0]).isdecimal():
        return (free[0],)
    if isinstance(source, FrameSource) and not free:
        return ()
    shown = next((name for name in free if name != names[0]), "") if isinstance(source, FrameSource) else ""
    raise DataError(
        f"{source.name}: expected times in the first column, or their column by time_column (rows where each row is a "
        f"step) and that of the series' names by id_column, or how times are written by time_format. "
        f"Received: {names[0]!r} with {source.first(names[0])[:40]!r}{f' first, and texts in {shown!r}' * bool(shown)}"
    )


def _targets(source: Source, config: PanelConfig, used: set[str], is_long: bool) -> tuple[str, ...]:
    if config.target_columns:
        return config.target_columns
    if is_long:
        return ("y",)
    used |= {*config.past_covariates, *config.future_covariates, *config.static_columns}
    used |= _row_numbers(source)
    free = [name for name in source.names if name not in used]
    found = tuple(name for name in free if source.numeric(name))
    comma = next((name for name in free if name not in found and source.decimal_commas(name)), None)
    if comma is not None:
        raise DataError(
            f"{source.name}: expected numbers with a decimal point in the column {comma!r} (for a file the option "
            f"decimal=, reads a decimal comma). Received: {source.first(comma)[:40]!r}"
        )
    if not found:
        shown = ", ".join(map(repr, source.names))
        raise DataError(f"{source.name}: expected a column of numbers to forecast. Received: the columns {shown}")
    return found
