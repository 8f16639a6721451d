"""Endpoints of the forecaster: forecast, backtest, evaluate. Does not import torch."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from elman.display import aligned, counted, plain
from elman.errors import ConfigError
from elman.files import write_text
from elman.options import option
from elman.tasks.endpoint import (
    Answer,
    Call,
    EndpointCallbacks,
    EndpointOptions,
    EvaluateOptions,
    Files,
    Metrics,
    Screen,
    expect_data,
)

if TYPE_CHECKING:
    from elman.tasks.forecaster.model import Forecaster
    from elman.tasks.forecaster.results import Backtest, Forecast

__all__ = ["BacktestOptions", "EvaluateForecastsOptions", "ForecastOptions", "backtest", "evaluate", "forecast"]

# Maximum number of rows on the screen; files and JSON have all of them.
_MAX_ROWS = 200


def _levels_option() -> Any:
    """Option for prediction intervals."""
    return option(None, "Prediction intervals in per cent, separated by commas, or none. By default 80,95.")


def _missing_option() -> Any:
    """Option for missing times and values."""
    help = "How to handle missing times and values; by default as in training."
    return option("", help, choices=("", "error", "interpolate", "forward", "zero"))


def _short_series_option() -> Any:
    """Option for series that are too short."""
    help = "How to handle series that are too short; drop leaves them out. By default as in training."
    return option("", help, choices=("", "error", "drop"))


@dataclass(frozen=True)
class ForecastOptions(EndpointOptions):
    """Options of `forecast`."""

    horizon: int | None = option(None, "Time steps to forecast; by default the model's horizon.")
    levels: str | None = _levels_option()
    samples: int = option(0, "Number of sample paths to return; needs --json or --create.")
    future: Path | None = option(
        None, "A file with future values of the known covariates, if DATA does not have them.", local=True
    )
    create: int | None = option(None, "Generate a new series of this many time steps, instead of a forecast.")
    missing: str = _missing_option()
    short_series: str = _short_series_option()
    seed: int = option(0, "Random seed of sample paths.")
    picture: Path | None = option(None, "Plot a series to this PNG or SVG file.", local=True)
    series: str | None = option(None, "The series to plot, or the scale for --create; by default the first.")
    output: Path | None = option(None, "Write the forecast to this CSV file.", local=True, flag="-o")

    def check(self, files: Files, call: Call) -> None:
        _levels(self.levels)
        if self.create is None:
            _check_series(self.series, self.picture)
            if self.samples and not call.as_json:
                raise ConfigError(
                    f"expected --json with --samples, to print the paths. Received: --samples {self.samples} alone"
                )
            return
        others = {
            "DATA": bool(files),
            "--horizon": self.horizon is not None,
            "--levels": self.levels is not None,
            "--future": self.future is not None,
            "--missing": bool(self.missing),
            "--short-series": bool(self.short_series),
            "--picture": self.picture is not None,
            "--json": call.as_json,
        }
        if any(others.values()):
            raise ConfigError(
                "expected only --samples, --seed, --series and --output with --create. "
                f"Received: {', '.join(name for name, given in others.items() if given)}"
            )


class Forecasts(Answer):
    """Forecasts of series."""

    def __init__(self, found: Forecast, callbacks: EndpointCallbacks) -> None:
        self.found = found
        self.callbacks = callbacks

    def to_json(self) -> dict[str, Any]:
        """Return the complete forecast."""
        return self.found.to_json()

    def to_text(self, screen: Screen) -> Iterator[str]:
        """Yield a table with a row for each series and time, up to the maximum."""
        del screen
        rows = islice(csv.reader(io.StringIO(self.found.to_csv())), _MAX_ROWS + 1)
        short = [[_rounded(cell) if column > 1 else plain(cell) for column, cell in enumerate(row)] for row in rows]
        yield aligned(short, right=range(2, len(short[0]))) + "\n"
        more = self.found.horizon * len(self.found.ids) - _MAX_ROWS
        if more > 0:
            self.callbacks.remark(f"and {counted(more, 'row')} more: -o or --json for all of them")

    def save(self, path: Path, *, as_json: bool, remark: Callable[[str], None]) -> bool:
        """Write the forecast as CSV; JSON is still printed."""
        write_text(path, self.found.to_csv())
        remark(f"written: {path}")
        return not as_json


class CreatedSeries(Answer):
    """Generated series: a column for each series and variable."""

    def __init__(self, columns: Mapping[str, list[float]]) -> None:
        self.columns = columns

    def to_json(self) -> dict[str, list[float]]:
        """Return the values of every column."""
        return dict(self.columns)

    def to_text(self, screen: Screen) -> Iterator[str]:
        """Yield the series as CSV."""
        del screen
        out = io.StringIO()
        writer = csv.writer(out, lineterminator="\n")
        writer.writerow(["step", *self.columns])
        rows = zip(*self.columns.values(), strict=True)
        writer.writerows([step, *(f"{value:.10g}" for value in row)] for step, row in enumerate(rows, 1))
        yield out.getvalue()


def forecast(
    model: Forecaster, files: Files, options: ForecastOptions, callbacks: EndpointCallbacks
) -> Forecasts | CreatedSeries:
    """Forecast the series in a file, or by default the training series; or generate new series."""
    if options.create is not None:
        return _created(model, options.create, options, callbacks)
    reader = model.reading(missing=options.missing, short_series=options.short_series, remark=callbacks.remark)
    found = reader.forecast(
        files[0] if files else None,
        options.horizon,
        levels=_levels(options.levels),
        samples=options.samples,
        future=options.future,
        seed=options.seed,
        progress=callbacks.progress,
    )
    _draw(found, options.picture, options.series, callbacks)
    return Forecasts(found, callbacks)


def _created(model: Forecaster, length: int, options: ForecastOptions, callbacks: EndpointCallbacks) -> CreatedSeries:
    samples, columns = max(options.samples, 1), {}
    for number in range(samples):
        seed = options.seed + number
        values = model.create(length, series=options.series or 0, random=seed, progress=callbacks.progress)
        for name, column in zip(model.known.tail.target_names, values.reshape(length, -1).T, strict=True):
            columns[name if samples == 1 else f"{name}-{number + 1}"] = column.tolist()
    return CreatedSeries(columns)


def _rounded(cell: str) -> str:
    try:
        return f"{float(cell):.6g}"
    except ValueError:
        return plain(cell)


@dataclass(frozen=True)
class BacktestOptions(EndpointOptions):
    """Options of `backtest`."""

    horizon: int | None = option(None, "Time steps to forecast; by default the model's horizon.")
    origins: int = option(5, "Number of forecast origins per series; the last forecast ends with the series.")
    step: int | None = option(None, "Time steps between origins; by default the horizon.")
    refit: bool = option(False, "Train a new model at each origin, on the data before it.")
    as_is: bool = option(False, "Measure the model as it is, even if it has seen what it forecasts here.")
    levels: str | None = _levels_option()
    missing: str = _missing_option()
    short_series: str = _short_series_option()
    seed: int = option(0, "Random seed of sample paths.")
    picture: Path | None = option(None, "Plot a series to this PNG or SVG file.", local=True)
    series: str | None = option(None, "The series to plot; by default the first.")

    def check(self, files: Files, call: Call) -> None:
        """Raise ConfigError for missing data and incompatible options."""
        del call
        expect_data(files, "data to test on: elman backtest MODEL DATA --horizon H")
        if self.refit and self.as_is:
            raise ConfigError("expected one of --refit and --as-is. Received: both")
        _levels(self.levels)
        _check_series(self.series, self.picture)


class Backtests(Answer):
    """Metrics of a backtest, compared with simple baselines."""

    def __init__(self, found: Backtest) -> None:
        self.found = found

    def to_json(self) -> dict[str, Any]:
        return self.found.to_json()

    def to_text(self, screen: Screen) -> Iterator[str]:
        """Yield the table of metrics and a conclusion."""
        del screen
        yield f"{counted(self.found.windows, 'forecast')} of {counted(self.found.horizon, 'step')}\n{self.found}\n"


def backtest(model: Forecaster, files: Files, options: BacktestOptions, callbacks: EndpointCallbacks) -> Backtests:
    """Evaluate forecasts from several origins."""
    reader = model.reading(missing=options.missing, short_series=options.short_series, remark=callbacks.remark)
    found = reader.backtest(
        files,
        options.horizon,
        origins=options.origins,
        step=options.step,
        refit=options.refit,
        as_is=options.as_is,
        levels=_levels(options.levels),
        seed=options.seed,
        progress=callbacks.progress,
    )
    _draw(found, options.picture, options.series, callbacks)
    for sentence in found.remarks:
        callbacks.remark(sentence)
    return Backtests(found)


@dataclass(frozen=True)
class EvaluateForecastsOptions(EvaluateOptions):
    """Options of `evaluate`; `limit` is the number of last time steps to use."""

    noun = "step"

    short_series: str = _short_series_option()


def evaluate(
    model: Forecaster, files: Files, options: EvaluateForecastsOptions, callbacks: EndpointCallbacks
) -> Metrics:
    """Compute errors of forecasts from every origin after the training data, or in the last steps."""
    reader = model.reading(
        short_series=options.short_series, encoding=options.encoding, errors=options.errors, remark=callbacks.remark
    )
    figures = reader.evaluate(list(files), steps=options.limit or 0, progress=callbacks.progress)
    rows = [(name, f"{value:,}" if isinstance(value, int) else f"{value:.6g}") for name, value in figures.items()]
    return Metrics(figures, aligned(rows, right=[1]))


def _check_series(series: str | None, picture: Path | None) -> None:
    if series is not None and picture is None:
        raise ConfigError(f"expected --picture with --series. Received: --series {series} alone")


def _draw(found: Forecast | Backtest, picture: Path | None, series: str | None, callbacks: EndpointCallbacks) -> None:
    if picture is not None:
        found.plot(picture, series=series or 0)
        callbacks.remark(f"plotted: {picture}")


def _levels(text: str | None) -> tuple[float, ...] | None:
    """Parse levels in per cent, such as 80,95; None means the default."""
    if text is None:
        return None
    if text == "none":
        return ()
    try:
        return tuple(float(part) for part in text.split(","))
    except ValueError:
        raise ConfigError(f"expected --levels in per cent, such as 80,95, or none. Received: {text!r}") from None
