"""Task description of the forecaster."""

from __future__ import annotations

from elman.artifact.card import CardSnippet
from elman.tasks.task import DataArgument, Endpoint, Task, evaluate_endpoint

__all__ = ["TASK"]

TASK = Task(
    name="forecaster",
    package=__package__,
    model=".model:Forecaster",
    paired=".paired:paired_items",
    config=".config:ForecasterConfig",
    rank=4,
    summary="Forecaster of one or many time series.",
    data=DataArgument(
        help="Files, folders or globs; - for standard input. `.gz` files are decompressed.",
        valid="",
        test="",
        toml="such as `hidden_size = 128`",
    ),
    help="""Train a forecaster on one or many time series.

The last time steps of each series are the validation set. `--max-steps`, `--max-epochs` or `--max-seconds` replace the
preset's number of steps. Ctrl-C saves a checkpoint and stops; `elman train --resume MODEL` continues.""",
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
    files=("forecast.png", "sample.png"),
    endpoints=(
        Endpoint(
            verb="forecast",
            summary="Forecast time series.",
            help="Forecast time series.",
            examples=(
                "forecast model --horizon 24",
                "forecast model passengers.csv --horizon 12 --levels 50,90 --picture forecast.png",
                "forecast model sales.csv --future prices.csv -o forecast.csv",
                "forecast model --create 500 --seed 1",
            ),
            data=DataArgument(help="The series before the forecast; by default the training data.", several=False),
            options=".endpoints:ForecastOptions",
            answer=".endpoints:forecast",
        ),
        Endpoint(
            verb="backtest",
            summary="Evaluate forecasts from several origins, with simple baselines.",
            help="""Evaluate forecasts from several origins, and compare them with baselines on the same data.

If the model was trained on steps after the first origin, a new one with the same options is trained on what is before
it, and measured. `--as-is` measures the model as it is.

Baselines: seasonal naive repeats the last season, drift extends a straight line, and a linear autoregression is
fitted at every origin. A model that does not beat them is of no use.""",
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
                "Forecasters: errors of one-step forecasts after the training data, or in the last `--limit` steps "
                "(direct mode: of the whole horizon)."
            ),
            options=".endpoints:EvaluateForecastsOptions",
            answer=".endpoints:evaluate",
        ),
    ),
)
