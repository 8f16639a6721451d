"""The run of one library for many_series.py, in a separate process: prints seconds and error as JSON.

_many_series_one.py LIBRARY SERIES STEPS THREADS SEED
"""

from __future__ import annotations

import json
import logging
import sys
import time
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

MONTHS, HORIZON, CONTEXT, HIDDEN, SEASON = 120, 12, 36, 64, 12

Values = npt.NDArray[np.float64]


def made_up(series: int, seed: int) -> Values:
    """Make synthetic monthly series with a level, a piecewise trend, a season and autocorrelated noise."""
    draw = np.random.default_rng(seed)
    months = np.arange(MONTHS)
    level = draw.uniform(50, 500, (series, 1))
    slope = draw.normal(0, 0.003, (series, 1)) * level
    bend = draw.integers(30, 90, (series, 1))
    trend = slope * np.where(months < bend, months, bend - 0.7 * (months - bend))
    season = draw.normal(0, 1, (series, SEASON))
    season -= season.mean(1, keepdims=True)
    strength = draw.uniform(0.02, 0.2, (series, 1)) * level
    shocks = draw.normal(0, 0.02, (series, MONTHS)) * level
    noise = np.zeros_like(shocks)
    for month in range(1, MONTHS):
        noise[:, month] = 0.7 * noise[:, month - 1] + shocks[:, month]
    return np.maximum(level + trend + strength * season[:, months % SEASON] + noise, 1.0)


def long_frame(values: Values) -> Any:
    """Return the series in long form: unique_id, ds, y."""
    import pandas as pd

    series, months = values.shape
    ids = np.repeat([f"series {number:04}" for number in range(series)], months)
    times = np.tile(pd.date_range("2010-01-01", periods=months, freq="MS").to_numpy(), series)
    return pd.DataFrame({"unique_id": ids, "ds": times, "y": values.ravel()})


def elman(train: Values, steps: int, seed: int) -> Callable[[], Values]:
    """elman.Forecaster: a GRU that predicts the whole horizon at every time step of its window."""
    from elman import Forecaster

    frame = long_frame(train)

    def run() -> Values:
        model = Forecaster(
            mode="direct",
            context=CONTEXT,
            horizon=HORIZON,
            hidden_size=HIDDEN,
            distribution="point",
            loss="absolute",
            max_steps=steps,
            seed=seed,
            threads=torch.get_num_threads(),
        ).fit(frame, progress=False, tune=False)
        forecast = model.forecast(horizon=HORIZON, levels=())
        return np.stack([np.asarray(mean)[:, 0] for mean in forecast.mean])

    return run


def neuralforecast(train: Values, steps: int, seed: int) -> Callable[[], Values]:
    """neuralforecast's GRU, which also predicts the whole horizon."""
    from neuralforecast import NeuralForecast
    from neuralforecast.losses.pytorch import MAE
    from neuralforecast.models import GRU

    frame = long_frame(train)

    def run() -> Values:
        model = GRU(
            h=HORIZON,
            input_size=CONTEXT,
            encoder_hidden_size=HIDDEN,
            encoder_n_layers=1,
            decoder_hidden_size=HIDDEN,
            decoder_layers=1,
            max_steps=steps,
            scaler_type="robust",
            loss=MAE(),
            random_seed=seed,
            accelerator="cpu",
            enable_progress_bar=False,
            enable_model_summary=False,
            logger=False,
        )
        forecaster = NeuralForecast([model], freq="MS")
        forecaster.fit(frame)
        found: Values = forecaster.predict()["GRU"].to_numpy().reshape(len(train), HORIZON)
        return found

    return run


def darts(train: Values, steps: int, seed: int) -> Callable[[], Values]:
    """darts' RNNModel of GRU cells, which feeds its forecasts back; series are scaled as in its guide."""
    import pandas as pd
    from darts import TimeSeries
    from darts.dataprocessing.transformers import Scaler
    from darts.models import RNNModel

    times = pd.date_range("2010-01-01", periods=train.shape[1], freq="MS")
    series = [TimeSeries.from_times_and_values(times, row.astype(np.float32)) for row in train]

    def run() -> Values:
        scaler = Scaler()
        scaled = scaler.fit_transform(series)
        model = RNNModel(
            model="GRU",
            hidden_dim=HIDDEN,
            n_rnn_layers=1,
            input_chunk_length=CONTEXT,
            training_length=CONTEXT + HORIZON,
            batch_size=128,
            n_epochs=1,
            random_state=seed,
            pl_trainer_kwargs={
                "accelerator": "cpu",
                "max_steps": steps,
                "max_epochs": -1,
                "enable_progress_bar": False,
                "enable_model_summary": False,
                "logger": False,
                "enable_checkpointing": False,
            },
        )
        model.fit(scaled, epochs=10_000)
        found = scaler.inverse_transform(model.predict(HORIZON, series=scaled))
        return np.stack([each.values()[:, 0] for each in found])

    return run


LIBRARIES = {"elman": elman, "neuralforecast": neuralforecast, "darts": darts}


def mase(train: Values, truth: Values, forecast: Values) -> float:
    """Mean absolute scaled error: relative to the seasonal naive forecast on the training data, mean over series."""
    scale = np.abs(train[:, SEASON:] - train[:, :-SEASON]).mean(1)
    return float((np.abs(forecast - truth).mean(1) / scale).mean())


def main() -> None:
    library, series, steps, threads, seed = sys.argv[1], *map(int, sys.argv[2:])
    warnings.filterwarnings("ignore")
    logging.disable(logging.WARNING)
    torch.set_num_threads(threads)
    values = made_up(series, 0)
    train, truth = values[:, :-HORIZON], values[:, -HORIZON:]
    if library == "seasonal naive":
        print(json.dumps({"seconds": 0.0, "mase": mase(train, truth, train[:, -SEASON:])}))
        return
    run = LIBRARIES[library](train, steps, seed)
    begun = time.perf_counter()
    forecast = run()
    print(json.dumps({"seconds": time.perf_counter() - begun, "mase": mase(train, truth, forecast)}))


if __name__ == "__main__":
    main()
