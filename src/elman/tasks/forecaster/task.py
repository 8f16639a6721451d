"""The description of the forecaster."""

from __future__ import annotations

from elman.artifact.card import CardSnippet
from elman.tasks.task import DataArgument, Endpoint, Task, evaluate_endpoint

__all__ = ["TASK"]

TASK = Task(
    name="forecaster",
    package=__package__,
    model=".model:Forecaster",
    config=".config:ForecasterConfig",
    rank=4,
    summary="A forecaster of one or many time series.",
    data=DataArgument(
        help="Files, folders or globs; - for standard input. `.gz` is read as it is.",
        valid="",
        test="",
        toml="such as `hidden = 128`",
    ),
    help="""Train a forecaster on one or many time series.

`--max-steps`, `--max-epochs` or `--max-seconds` take the place of the preset's number of steps. Ctrl-C stops the
run so that `elman train --resume MODEL` goes on. The last steps of each series are held out for validation.""",
    examples=(
        "train forecaster passengers.csv -o model --transform log",
        "train forecaster sales.csv -o model --horizon 28 --future-covariates price,promotion",
        "train forecaster ETTh1.csv -o model --mode direct --horizon 24 --no-together --distribution point",
    ),
    card=CardSnippet(
        pipeline="time-series-forecasting",
        shell="elman forecast MODEL --horizon 12 --picture forecast.png",
        python="print(model.forecast(horizon=12).to_frame())",
    ),
    files=("forecast.png",),
    endpoints=(
        Endpoint(
            verb="forecast",
            summary="Tell how time series go on.",
            help="Tell how time series go on.",
            examples=(
                "forecast model --horizon 24",
                "forecast model passengers.csv --horizon 12 --levels 50,90 --picture forecast.png",
                "forecast model sales.csv --future prices.csv -o forecast.csv",
                "forecast model --create 500 --seed 1",
            ),
            data=DataArgument(
                help="The series up to the forecast; by default, the training data goes on.", several=False
            ),
            options=".endpoints:ForecastOptions",
            answer=".endpoints:forecast",
        ),
        Endpoint(
            verb="backtest",
            summary="Measure a forecaster from many origins, beside simple forecasts.",
            help="""Measure a forecaster from many origins, beside simple forecasts that see no more than it does.

Seasonal naive repeats the last season, drift goes on in a straight line, and a linear autoregression is fitted
anew at every origin. A network that they beat is of no use.""",
            examples=(
                "backtest model passengers.csv --horizon 12 --origins 4",
                "backtest model sales.csv --horizon 28 --origins 3 --step 7 --refit --json",
            ),
            data=DataArgument(help="The series: files, folders or globs; - for standard input."),
            options=".endpoints:BacktestOptions",
            answer=".endpoints:backtest",
            model_option=True,
        ),
        evaluate_endpoint(
            help=(
                "A forecaster: the errors one step ahead on what comes after its training data, or on the last "
                "`--limit` steps."
            ),
            options=".endpoints:EvaluateForecastsOptions",
            answer=".endpoints:evaluate",
        ),
    ),
)
