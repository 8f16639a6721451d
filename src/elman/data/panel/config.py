"""The options of reading series and of transforming them. Imports neither numpy nor torch."""

from __future__ import annotations

from dataclasses import dataclass

from elman.data import shared_options as shared
from elman.options import option

__all__ = ["PanelConfig", "TransformConfig"]


@dataclass(frozen=True)
class PanelConfig:
    """How time series are read and cleaned."""

    layout: str = option(
        "auto", "long: a row for each series and time; wide: a column for each series", choices=("auto", "long", "wide")
    )
    id_column: str = option("unique_id", "long: the column that names the series; one series where there is none")
    time_column: str = option("", "the column with the times; by default ds, else the first one")
    time_parts: tuple[str, ...] = option((), "columns with year, month, day, hour, ... in place of one time column")
    time_format: str = option("", "how times are written, as for strptime (%d.%m.%Y); by default ISO 8601")
    target_columns: tuple[str, ...] = option((), "what to forecast; by default y, or wide: every column of numbers")
    past_covariates: tuple[str, ...] = option((), "columns that help and are known up to the present")
    future_covariates: tuple[str, ...] = option((), "columns that help and are known ahead of time")
    static_columns: tuple[str, ...] = option((), "columns with one number or category for each series")
    together: bool = option(True, "wide: all columns are one series of many variables, not a series each")
    frequency: str = option("", "of the series: MS, W-SUN, D, B, h, 15min, step, ...; by default inferred")
    missing: str = option(
        "error",
        "what to do about missing times and values; mask leaves values out of the loss",
        choices=("error", "interpolate", "forward", "zero", "mask"),
    )
    duplicates: str = option(
        "error", "what to do about two rows of one time", choices=("error", "first", "last", "mean", "sum")
    )
    sort: str = option("error", "what to do about rows that are not in the order of time", choices=("error", "sort"))
    delimiter: str = option("", "what parts the cells of a file; by default found in its first row")
    encoding: str = option("utf-8", "the files' encoding")
    errors: str = shared.errors()


@dataclass(frozen=True)
class TransformConfig:
    """What is done to each series before the network reads it, and undone on the way out, in this order."""

    transform: str = option(
        "none", "of the values; box-cox finds its power for each series", choices=("none", "log", "log1p", "box-cox")
    )
    difference: int = option(0, "how often to take the difference from the step before", least=0, most=2)
    seasonal_difference: int = option(0, "how often to take the difference from the season before", least=0, most=1)
    seasonal_period: int = option(0, "steps of a season; 0 for the frequency's own", least=0)
    scaling: str = option("standard", "of each series", choices=("none", "standard", "min-max", "mean", "robust"))
