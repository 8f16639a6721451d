"""Backtests of a forecaster: which model is measured, and its forecasts from each origin."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from elman.data.panel import Panel
from elman.data.panel.fit import lost_steps
from elman.data.panel.split import left_out
from elman.decode.forecast import forecast_from
from elman.display import Progress, counted
from elman.metrics.forecast_backtest import rolling_backtest, testable
from elman.tasks.forecaster.results import Backtest, Forecast

if TYPE_CHECKING:
    from elman.tasks.forecaster.model import Forecaster

__all__ = ["backtest_panel"]

Ints = npt.NDArray[np.int64]


def backtest_panel(
    model: Forecaster,
    panel: Panel,
    horizon: int,
    *,
    origins: int,
    step: int,
    refit: bool,
    as_is: bool,
    levels: Sequence[float],
    paths: int,
    seed: int,
    tune: bool,
    remark: Callable[[str], None],
    progress: Progress | None,
) -> Backtest:
    """Return the backtest of a model, or of new ones with its options, on the series of a panel.

    refit, as_is  train a new model at each origin, or measure this one as it is. By default, this model is measured if
                  it has not seen what it forecasts, else a new one that is trained on what is before the first origin
    remark        called before a new model is trained for the whole backtest
    """
    config, remarks = model.config, []
    if config.data.short_series == "drop":
        lost = lost_steps(config.transforms, panel.frequency.season)
        kept = testable(panel, horizon, origins, step, lost)
        remarks, panel = left_out(panel, kept, "for the backtest"), kept
    spread = config.network.distribution != "point"
    measured: dict[str, Forecaster] = {}

    def forecast(origin: Ints, first: Ints) -> Forecast:
        """Forecast from one origin of each series; scales of new series use the data before `first`."""
        if refit:
            own = refitted(model, panel.cut(origin + 1), tune=tune)
        elif "model" not in measured:
            measured["model"] = own = model if as_is else _unspoilt(model, panel, first, tune, remark, remarks)
        else:
            own = measured["model"]
        ahead = forecast_from(
            own.network,
            panel,
            own.known.transforms_of(panel, first),
            np.arange(len(panel)),
            origin,
            horizon,
            levels=levels,
            samples=paths if spread else 0,
            paths=paths,
            seed=seed,
            shared=own.known.earlier,
            correction=own.known.correction,
        )
        return Forecast.after(panel, origin, *ahead)

    found = rolling_backtest(
        panel,
        forecast,
        horizon,
        origins=origins,
        step=step,
        lags=config.window.autoregression,
        seen=model.known.seen(panel) if as_is else None,
        progress=progress,
    )
    return Backtest(**{**vars(found), "remarks": [*remarks, *found.remarks]})


def _unspoilt(
    model: Forecaster, panel: Panel, first: Ints, tune: bool, remark: Callable[[str], None], remarks: list[str]
) -> Forecaster:
    """Return the model if it was trained and selected on steps before `first` alone, else a new one that is."""
    if not (model.known.seen(panel) > first).any():
        return model
    steps = int(first.sum())
    remark(
        "the model was trained or selected on steps that it forecasts here: a new one with the same options is trained "
        f"on the {counted(steps, 'step')} before the first origin, about as long as the model was "
        f"({model.training.get('seconds', 0):g} s); as_is (--as-is) measures the model as it is"
    )
    new = refitted(model, panel.cut(first), tune=tune)
    remarks.append(
        f"the network is a new one with the same options, trained on the {counted(steps, 'step')} before the first "
        f"origin in {new.training['seconds']:g} s"
    )
    return new


def refitted(model: Forecaster, panel: Panel, *, tune: bool) -> Forecaster:
    """Return a new model with the same options, trained on the panel; windows are shortened if necessary.

    It starts from no other model, so that options of a start are left out.
    """
    window = model.config.window
    most = max(int(panel.lengths.max()) - window.horizon, 2)
    shorter = dataclasses.replace(
        window,
        context=min(window.context, most),
        loss_steps=min(window.loss_steps, most),
        autoregression=min(window.autoregression, most),
    )
    new = type(model)()
    training = dataclasses.replace(model.config.training, baseline=False, start_scales="auto")
    new._start(dataclasses.replace(model.config, window=shorter, training=training))
    return new.fit(panel, progress=False, tune=tune)
