"""Options for reading and transforming series. Imports neither numpy nor torch."""

from __future__ import annotations

from elman.data import shared_options as shared
from elman.options import option, section

__all__ = ["ONE_SERIES", "PanelConfig", "TransformConfig", "table_columns"]

# Value of `id_column`: there is one series.
ONE_SERIES = "none"


@section
class PanelConfig:
    """Options for reading and cleaning time series."""

    layout: str = option(
        "auto", "long: a row for each series and time; wide: a column for each series", choices=("auto", "long", "wide")
    )
    id_column: str = option(
        "unique_id",
        "long: column with the names of the series; if missing, or with none, there is one series",
    )
    time_column: str = option("", "column with the times; by default ds, else the first column")
    time_parts: tuple[str, ...] = option((), "columns with year, month, day, hour, ... in place of one time column")
    time_format: str = option("", "format of the times, as for strptime (%d.%m.%Y); by default ISO 8601")
    target_columns: tuple[str, ...] = option((), "columns to forecast; by default y, or wide: every column of numbers")
    past_covariates: tuple[str, ...] = option((), "columns of covariates that are known up to the present")
    future_covariates: tuple[str, ...] = option((), "columns of covariates that are known ahead of time")
    static_columns: tuple[str, ...] = option((), "columns with one number or category for each series")
    together: bool = option(True, "wide: all columns are one multivariate series, not one series each")
    frequency: str = option("", "frequency of the series: MS, W-SUN, D, B, h, 15min, step, ...; by default inferred")
    missing: str = option(
        "error",
        "how to handle missing times and values; mask leaves values out of the loss",
        choices=("error", "interpolate", "forward", "zero", "mask"),
    )
    duplicates: str = option(
        "error", "how to handle rows with the same time", choices=("error", "first", "last", "mean", "sum")
    )
    sort: str = option("error", "how to handle rows that are not sorted by time", choices=("error", "sort"))
    short_series: str = option(
        "error",
        "how to handle a series that is too short to train on or to forecast; drop leaves it out, with a remark",
        choices=("error", "drop"),
    )
    delimiter: str = option("", "separator of the cells in a row; by default detected from the first row")
    quoting: str = shared.quoting()
    decimal: str = shared.decimal()
    encoding: str = shared.encoding()
    errors: str = shared.errors()


def table_columns(config: PanelConfig) -> tuple[str, str]:
    """Return the names of the columns of series and times in a table of forecasts."""
    own = config.id_column != ONE_SERIES
    return config.id_column if own else PanelConfig.id_column, config.time_column or "ds"


@section
class TransformConfig:
    """Options for the invertible transforms of each series, applied in this order before the network reads it."""

    transform: str = option(
        "none",
        "function of the values; box-cox fits its power to each series",
        choices=("none", "log", "log1p", "box-cox"),
    )
    difference: int = option(0, "number of times that the value one step before is subtracted", least=0, most=2)
    seasonal_difference: int = option(
        0, "number of times that the value one season before is subtracted", least=0, most=1
    )
    seasonal_period: int = option(0, "steps of a season; 0 for the usual season of the frequency", least=0)
    scaling: str = option(
        "standard", "scaling of each series", choices=("none", "standard", "min-max", "mean", "robust")
    )
