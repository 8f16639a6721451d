"""What a forecaster answers: `elman forecast`, `backtest`, `evaluate`. Imports torch only when one is opened."""

from __future__ import annotations

import csv
import dataclasses
import io
from collections.abc import Sequence
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from cyclopts import Parameter

from elman.cli.evaluate import EvaluateFlags
from elman.cli.flags import INPUT, whole_number
from elman.cli.model_folder import open_model
from elman.cli.output import print_json, remark
from elman.display import aligned, counted, plain
from elman.errors import ConfigError

if TYPE_CHECKING:
    from elman.tasks.forecaster.forecast import Forecast

__all__ = ["backtest", "evaluate_forecasts", "forecast"]

Count = Annotated[int, Parameter(converter=whole_number)]
Json = Annotated[bool, Parameter(negative="", show_default=False, help="Print one JSON document.")]
Model = Annotated[Path, Parameter(help="The model's folder.")]
Horizon = Annotated[Count | None, Parameter(help="Steps ahead; by default the model's own horizon.")]
Levels = Annotated[
    str | None, Parameter(help="Intervals, in per cent with commas between them; none for none. By default 80,95.")
]
Picture = Annotated[Path | None, Parameter(help="Draw a series there, as PNG or SVG.")]
Series = Annotated[str | None, Parameter(help="The series to draw; by default the first one.")]
Seed = Annotated[Count, Parameter(help="Of the paths that are drawn.")]
Missing = Annotated[
    Literal["error", "interpolate", "forward", "zero"] | None,
    Parameter(help="What to do about missing times and values; by default as in training."),
]

# Of more series or steps than this the screen shows only some; a file or JSON has all of them.
_MOST_ROWS = 200


def forecast(
    model: Model,
    data: Annotated[
        str | None, INPUT, Parameter(help="The series up to the forecast; by default, the training data goes on.")
    ] = None,
    /,
    *,
    horizon: Horizon = None,
    levels: Levels = None,
    samples: Annotated[Count, Parameter(help="Paths to draw as well; with --json or --create.")] = 0,
    future: Annotated[
        Path | None, Parameter(help="A file with the covariates that are known ahead, if DATA does not have them.")
    ] = None,
    create: Annotated[Count | None, Parameter(help="Draw a new series of so many steps instead, from nothing.")] = None,
    missing: Missing = None,
    seed: Seed = 0,
    picture: Picture = None,
    series: Annotated[
        str | None, Parameter(help="The series to draw, or to take the scale of for --create; by default the first.")
    ] = None,
    output: Annotated[Path | None, Parameter(name=["--output", "-o"], help="Write the forecast there, as CSV.")] = None,
    json: Json = False,
) -> None:
    """Tell how time series go on.

    For example:

        elman forecast model --horizon 24
        elman forecast model passengers.csv --horizon 12 --levels 50,90 --picture forecast.png
        elman forecast model sales.csv --future prices.csv -o forecast.csv
        elman forecast model --create 500 --seed 1
    """
    chosen = _levels(levels)
    forecaster = open_model(model, "forecaster")
    _read_as(forecaster, missing=missing)
    if create is not None:
        others = {"DATA": data, "--horizon": horizon, "--levels": levels, "--future": future, "--missing": missing,
                  "--picture": picture, "--json": json or None}  # fmt: skip
        wrong = ", ".join(name for name, value in others.items() if value is not None)
        if wrong:
            raise ConfigError(
                f"expected none but --samples, --seed, --series and --output with --create. Received: {wrong}"
            )
        _write(_created(forecaster, create, max(samples, 1), seed, series or 0), output)
        return
    if samples and not json:
        raise ConfigError(f"expected --json with --samples, which has the paths. Received: --samples {samples} alone")
    found = forecaster.forecast(data, horizon, levels=chosen, samples=samples, future=future, seed=seed)
    if picture is not None:
        found.plot(picture, series=series or 0)
        remark(f"drawn: {picture}")
    elif series is not None:
        raise ConfigError(f"expected --picture with --series. Received: --series {series} alone")
    if output is not None:
        _write(found.to_csv(), output)
        remark(f"written: {output}")
    if json:
        print_json(found.to_json())
    elif output is None:
        _show(found)


def _show(found: Forecast) -> None:
    rows = islice(csv.reader(io.StringIO(found.to_csv())), _MOST_ROWS + 1)
    short = [[_rounded(cell) if column > 1 else plain(cell) for column, cell in enumerate(row)] for row in rows]
    print(aligned(short, right=range(2, len(short[0]))))
    more = found.horizon * len(found.ids) - _MOST_ROWS
    if more > 0:
        remark(f"and {counted(more, 'row')} more: -o or --json for all of them")


def _rounded(cell: str) -> str:
    try:
        return f"{float(cell):.6g}"
    except ValueError:
        return plain(cell)


def _created(forecaster: Any, length: int, samples: int, seed: int, series: str | int) -> str:
    """New series as CSV: a column for each, or for each and variable."""
    columns: list[tuple[str, Any]] = []
    for number in range(samples):
        values = forecaster.create(length, series=series, random=seed + number)
        table = values[:, None] if values.ndim == 1 else values
        for place, name in enumerate(forecaster.known.tail.target_names):
            columns.append((name if samples == 1 else f"{name}-{number + 1}", table[:, place]))
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(["step", *(name for name, _ in columns)])
    writer.writerows([step + 1, *(f"{values[step]:.10g}" for _, values in columns)] for step in range(length))
    return out.getvalue()


def _write(text: str, output: Path | None) -> None:
    if output is None:
        print(text, end="")
        return
    from elman.files import write_text

    write_text(output, text)


def backtest(
    model: Model,
    *data: Annotated[str, INPUT, Parameter(help="The series: files, folders or globs; - for standard input.")],
    horizon: Horizon = None,
    origins: Annotated[Count, Parameter(help="Forecasts of each series; the last one ends with it.")] = 5,
    step: Annotated[Count | None, Parameter(help="Steps between two origins; by default the horizon.")] = None,
    refit: Annotated[
        bool, Parameter(negative="", show_default=False, help="Train anew at each origin, on what came before it.")
    ] = False,
    levels: Levels = None,
    missing: Missing = None,
    seed: Seed = 0,
    picture: Picture = None,
    series: Series = None,
    json: Json = False,
) -> None:
    """Measure a forecaster from many origins, beside simple forecasts that see no more than it does.

    Seasonal naive repeats the last season, drift goes on in a straight line, and a linear autoregression is fitted
    anew at every origin. A network that they beat is of no use.

    For example:

        elman backtest model passengers.csv --horizon 12 --origins 4
        elman backtest model sales.csv --horizon 28 --origins 3 --step 7 --refit --json
    """
    if not data:
        raise ConfigError("expected data to test on: elman backtest MODEL DATA --horizon H. Received: none")
    chosen = _levels(levels)
    forecaster = open_model(model, "forecaster")
    _read_as(forecaster, missing=missing)
    found = forecaster.backtest(data, horizon, origins=origins, step=step, refit=refit, levels=chosen, seed=seed)
    if picture is not None:
        found.plot(picture, series=series or 0)
        remark(f"drawn: {picture}")
    elif series is not None:
        raise ConfigError(f"expected --picture with --series. Received: --series {series} alone")
    for sentence in found.remarks:
        remark(sentence)
    if json:
        print_json(found.to_json())
        return
    print(f"{counted(found.windows, 'forecast')} of {counted(found.horizon, 'step')}")
    print(found)


def evaluate_forecasts(model: Path, data: Sequence[str], flags: EvaluateFlags) -> None:
    """`elman evaluate` for a forecaster: errors of forecasts from every origin in turn, with the true past.

    It measures the steps that come after those of the training; `limit` is a number of last steps instead.
    """
    flags.refuse("forecaster", "picture")
    if flags.limit is not None and flags.limit < 1:
        raise ConfigError(f"expected --limit of at least 1 step. Received: {flags.limit}")
    forecaster = open_model(model, "forecaster")
    _read_as(forecaster, encoding=flags.encoding, errors=flags.errors)
    figures = forecaster.evaluate(list(data), steps=flags.limit or 0)
    if flags.json:
        print_json(figures)
        return
    rows = [(name, f"{value:,}" if isinstance(value, int) else f"{value:.6g}") for name, value in figures.items()]
    print(aligned(rows, right=[1]))


def _read_as(forecaster: Any, **changes: str | None) -> None:
    """Read data otherwise than in training."""
    given = {name: value for name, value in changes.items() if value is not None}
    if given:
        data = dataclasses.replace(forecaster.config.data, **given)
        forecaster.config = dataclasses.replace(forecaster.config, data=data)


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
