"""What a trained forecaster does: forecasts, backtests, figures. Imports no torch."""

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
    Conversation,
    EndpointOptions,
    EvaluateOptions,
    Figures,
    Screen,
    expect_data,
)

if TYPE_CHECKING:
    from elman.tasks.forecaster.model import Forecaster
    from elman.tasks.forecaster.results import Backtest, Forecast

__all__ = ["BacktestOptions", "EvaluateForecastsOptions", "ForecastOptions", "backtest", "evaluate", "forecast"]

# Of more series or steps than this the screen shows only some; a file or JSON has all of them.
_MOST_ROWS = 200


def _levels_option() -> Any:
    """Intervals, of forecasts and of backtests."""
    return option(None, "Intervals, in per cent with commas between them; none for none. By default 80,95.")


def _missing_option() -> Any:
    """Missing times and values, of forecasts and of backtests."""
    help = "What to do about missing times and values; by default as in training."
    return option("", help, choices=("", "error", "interpolate", "forward", "zero"))


@dataclass(frozen=True)
class ForecastOptions(EndpointOptions):
    """What a forecast takes."""

    horizon: int | None = option(None, "Steps ahead; by default the model's own horizon.")
    levels: str | None = _levels_option()
    samples: int = option(0, "Paths to draw as well; with --json or --create.")
    future: Path | None = option(
        None, "A file with the covariates that are known ahead, if DATA does not have them.", local=True
    )
    create: int | None = option(None, "Draw a new series of so many steps instead, from nothing.")
    missing: str = _missing_option()
    seed: int = option(0, "Of the paths that are drawn.")
    picture: Path | None = option(None, "Draw a series there, as PNG or SVG.", local=True)
    series: str | None = option(None, "The series to draw, or to take the scale of for --create; by default the first.")
    output: Path | None = option(None, "Write the forecast there, as CSV.", local=True, flag="-o")

    def check(self, files: tuple[str, ...], call: Call) -> None:
        """Raise ConfigError for options that do not go together."""
        _levels(self.levels)
        if self.create is None:
            _check_series(self.series, self.picture)
            if self.samples and not call.as_json:
                raise ConfigError(
                    f"expected --json with --samples, which has the paths. Received: --samples {self.samples} alone"
                )
            return
        others = {
            "DATA": bool(files),
            "--horizon": self.horizon is not None,
            "--levels": self.levels is not None,
            "--future": self.future is not None,
            "--missing": bool(self.missing),
            "--picture": self.picture is not None,
            "--json": call.as_json,
        }
        if any(others.values()):
            raise ConfigError(
                "expected none but --samples, --seed, --series and --output with --create. "
                f"Received: {', '.join(name for name, given in others.items() if given)}"
            )


class Forecasts(Answer):
    """How series go on."""

    def __init__(self, found: Forecast, talk: Conversation) -> None:
        self.found = found
        self.talk = talk

    def to_json(self) -> dict[str, Any]:
        """All of it."""
        return self.found.to_json()

    def to_text(self, screen: Screen) -> Iterator[str]:
        """A row for each series and time, the first ones."""
        del screen
        rows = islice(csv.reader(io.StringIO(self.found.to_csv())), _MOST_ROWS + 1)
        short = [[_rounded(cell) if column > 1 else plain(cell) for column, cell in enumerate(row)] for row in rows]
        yield aligned(short, right=range(2, len(short[0]))) + "\n"
        more = self.found.horizon * len(self.found.ids) - _MOST_ROWS
        if more > 0:
            self.talk.remark(f"and {counted(more, 'row')} more: -o or --json for all of them")

    def save(self, path: Path, *, as_json: bool, remark: Callable[[str], None]) -> bool:
        """Write it as CSV; JSON is still to be shown."""
        write_text(path, self.found.to_csv())
        remark(f"written: {path}")
        return not as_json


class CreatedSeries(Answer):
    """New series by name: a column for each, or for each and variable."""

    def __init__(self, columns: Mapping[str, list[float]]) -> None:
        self.columns = columns

    def to_json(self) -> dict[str, list[float]]:
        """The values of every column."""
        return dict(self.columns)

    def to_text(self, screen: Screen) -> Iterator[str]:
        """CSV."""
        del screen
        out = io.StringIO()
        writer = csv.writer(out, lineterminator="\n")
        writer.writerow(["step", *self.columns])
        rows = zip(*self.columns.values(), strict=True)
        writer.writerows([step, *(f"{value:.10g}" for value in row)] for step, row in enumerate(rows, 1))
        yield out.getvalue()


def forecast(
    model: Forecaster, files: tuple[str, ...], options: ForecastOptions, talk: Conversation
) -> Forecasts | CreatedSeries:
    """How the series in files go on, or without any the training data; or new series."""
    if options.create is not None:
        return _created(model, options.create, options, talk)
    found = model.reading(missing=options.missing).forecast(
        files[0] if files else None,
        options.horizon,
        levels=_levels(options.levels),
        samples=options.samples,
        future=options.future,
        seed=options.seed,
        progress=talk.progress,
    )
    _draw(found, options.picture, options.series, talk)
    return Forecasts(found, talk)


def _created(model: Forecaster, length: int, options: ForecastOptions, talk: Conversation) -> CreatedSeries:
    samples, columns = max(options.samples, 1), {}
    for number in range(samples):
        seed = options.seed + number
        values = model.create(length, series=options.series or 0, random=seed, progress=talk.progress)
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
    """What a backtest takes."""

    horizon: int | None = option(None, "Steps ahead; by default the model's own horizon.")
    origins: int = option(5, "Forecasts of each series; the last one ends with it.")
    step: int | None = option(None, "Steps between two origins; by default the horizon.")
    refit: bool = option(False, "Train anew at each origin, on what came before it.")
    levels: str | None = _levels_option()
    missing: str = _missing_option()
    seed: int = option(0, "Of the paths that are drawn.")
    picture: Path | None = option(None, "Draw a series there, as PNG or SVG.", local=True)
    series: str | None = option(None, "The series to draw; by default the first one.")

    def check(self, files: tuple[str, ...], call: Call) -> None:
        """Raise ConfigError where there is no data, and for options that do not go together."""
        del call
        expect_data(files, "data to test on: elman backtest MODEL DATA --horizon H")
        _levels(self.levels)
        _check_series(self.series, self.picture)


class Backtests(Answer):
    """Scores from many origins, beside those of simple forecasts."""

    def __init__(self, found: Backtest) -> None:
        self.found = found

    def to_json(self) -> dict[str, Any]:
        """All figures."""
        return self.found.to_json()

    def to_text(self, screen: Screen) -> Iterator[str]:
        """The table of scores and a verdict."""
        del screen
        yield f"{counted(self.found.windows, 'forecast')} of {counted(self.found.horizon, 'step')}\n{self.found}\n"


def backtest(model: Forecaster, files: tuple[str, ...], options: BacktestOptions, talk: Conversation) -> Backtests:
    """How good forecasts from many origins were."""
    found = model.reading(missing=options.missing).backtest(
        files,
        options.horizon,
        origins=options.origins,
        step=options.step,
        refit=options.refit,
        levels=_levels(options.levels),
        seed=options.seed,
        progress=talk.progress,
    )
    _draw(found, options.picture, options.series, talk)
    for sentence in found.remarks:
        talk.remark(sentence)
    return Backtests(found)


@dataclass(frozen=True)
class EvaluateForecastsOptions(EvaluateOptions):
    """What the evaluation of a forecaster takes; `limit` is a number of last steps."""

    noun = "step"


def evaluate(
    model: Forecaster, files: tuple[str, ...], options: EvaluateForecastsOptions, talk: Conversation
) -> Figures:
    """Errors of forecasts from every origin in turn, with the true past: of what comes after the training, or of the
    last steps."""
    reader = model.reading(encoding=options.encoding, errors=options.errors)
    figures = reader.evaluate(list(files), steps=options.limit or 0, progress=talk.progress)
    rows = [(name, f"{value:,}" if isinstance(value, int) else f"{value:.6g}") for name, value in figures.items()]
    return Figures(figures, aligned(rows, right=[1]))


def _check_series(series: str | None, picture: Path | None) -> None:
    if series is not None and picture is None:
        raise ConfigError(f"expected --picture with --series. Received: --series {series} alone")


def _draw(found: Forecast | Backtest, picture: Path | None, series: str | None, talk: Conversation) -> None:
    if picture is not None:
        found.plot(picture, series=series or 0)
        talk.remark(f"drawn: {picture}")


def _levels(text: str | None) -> tuple[float, ...] | None:
    """Levels in per cent, such as 80,95; None where nothing was said."""
    if text is None:
        return None
    if text == "none":
        return ()
    try:
        return tuple(float(part) for part in text.split(","))
    except ValueError:
        raise ConfigError(f"expected --levels in per cent, such as 80,95, or none. Received: {text!r}") from None
