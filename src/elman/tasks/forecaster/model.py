"""`Forecaster`: train, forecast, backtest, evaluate, create series, save and load."""

from __future__ import annotations

import copy
import dataclasses
import logging
import os
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt

from elman.data.columns import is_unnamed
from elman.data.panel import Panel, PanelConfig, future_from
from elman.data.panel.config import table_columns
from elman.data.panel.fit import lost_steps
from elman.data.panel.history import SeriesHistory
from elman.data.panel.read import panel_of
from elman.data.panel.split import left_out, longer
from elman.data.sources import Sources, as_paths, is_path
from elman.decode.forecast import LEVELS, check_horizon, check_levels, create_series, forecast_from
from elman.display import Progress
from elman.errors import ArtifactError, ConfigError
from elman.metrics.forecast_backtest import evaluable, evaluate_rolling
from elman.options import AUTO, python_value, with_given
from elman.tasks.forecaster.backtesting import backtest_panel
from elman.tasks.forecaster.config import ForecasterConfig
from elman.tasks.forecaster.network import ForecasterNetwork
from elman.tasks.forecaster.results import Backtest, Forecast
from elman.tasks.forecaster.setup import ForecasterSetup
from elman.tasks.model import TaskModel
from elman.tasks.start import startable
from elman.train.callbacks import OnEvent

__all__ = ["Forecaster"]

Ints = npt.NDArray[np.int64]
Doubles = npt.NDArray[np.float64]

_log = logging.getLogger("elman.tasks")


def _logged(sentence: str) -> None:
    _log.warning("%s", sentence)


class Forecaster(TaskModel[ForecasterConfig, ForecasterNetwork, SeriesHistory]):
    """A recurrent forecaster of one or many time series.

    Args:
        preset: "auto" (chosen by the data), "small", "base", "large" or "plain", the options to start from.
        options: any option of `elman train forecaster` by its name, such as `horizon=24`, `mode="direct"`.

    Example:
        >>> model = elman.Forecaster(max_seconds=60).fit("airline-passengers.csv")  # doctest: +SKIP
        >>> model.forecast(horizon=12).to_frame()  # doctest: +SKIP

    Raises ConfigError for an unknown option, a value that is not allowed, and incompatible options.
    """

    setup_class = ForecasterSetup
    _remark: Callable[[str], None] = staticmethod(_logged)

    def __init__(self, preset: str = AUTO, **options: Any) -> None:
        super().__init__(preset, **options)
        self.setup_class.check_options(self.config)
        self.kind = "pandas"

    def __repr__(self) -> str:
        shape = f"{self.config.network.shape}, {self.config.window.mode}"
        if self._network is None:
            return f"<Forecaster {shape}, not trained>"
        return f"<Forecaster {shape}, {self._network.count_parameters():,} weights>"

    @property
    def known(self) -> SeriesHistory:
        """Transforms and last values of the training series: the vocabulary. Raises ConfigError before `fit`."""
        return self.vocabulary

    @startable
    def fit(
        self,
        data: Any,
        *,
        folder: str | os.PathLike[str] | None = None,
        progress: bool | None = None,
        tune: bool = True,
        on_event: OnEvent = None,
        start_from: str | os.PathLike[str] | TaskModel[Any, Any, Any] | None = None,
    ) -> Forecaster:
        """Train on series.

        data      files (CSV, TSV, JSON lines) or a folder of them; a data frame or series of pandas or polars; an array
                  `[T]` or `[T, Y]`, or a dictionary of them; a `Panel`
        folder    for files: write checkpoints and the best model to this folder during training
        progress  show a progress bar on standard error; by default, unless scikit-learn calls `fit`
        tune      set the threads and the memory allocator of this process for training
        on_event  a function, or a list of them, that is called with the events of the run and may stop it
        start_from  a trained model or the path of one, whose weights, vocabulary and options are the start

        The last time steps of each series are the validation set (`valid_share`, `valid_steps`), which selects the
        best weights. Returns self. Raises DataError, ConfigError, StorageError, DivergenceError, OutOfMemoryError.
        """
        if is_path(data):
            self._fit_files(Sources(as_paths(data)), folder=folder, progress=progress, tune=tune, on_event=on_event)
        else:
            self._fit_memory(
                panel_of(data, self._chosen.data), folder=folder, progress=progress, tune=tune, on_event=on_event
            )
        self.kind = _kind(data)
        return self

    def reading(
        self,
        *,
        missing: str = "",
        short_series: str = "",
        encoding: str = "",
        errors: str = "",
        remark: Callable[[str], None] | None = None,
    ) -> Forecaster:
        """Return a copy of the model that reads data with these options, if given, instead of its own.

        `remark` is called with each remark on the data of a forecast; by default these are logged.
        """
        other, own = copy.copy(self), self.config.data
        data = with_given(own, missing=missing, short_series=short_series, encoding=encoding, errors=errors)
        other.config = dataclasses.replace(self.config, data=data)
        other._remark = remark or self._remark
        return other

    def read(self, data: Any, future: Any = None) -> Panel:
        """Read the series in `data` with the data options of training; None means the last training values.

        future  a file or data frame with future values of the known covariates, if `data` does not have them

        Raises DataError for series that do not match the model, and ConfigError.
        """
        tail = self.known.tail
        if data is not None:
            panel = panel_of(data, self._reading(), frequency=tail.frequency, encoder=tail.encoder)
            panel = self.known.matched(panel)
        elif self.config.network.keep_history:
            panel = tail
        else:
            raise ConfigError(
                "expected data to forecast: this model has no history (keep_history=false). Received: none"
            )
        return panel if future is None else future_from(future, panel, self.config.data)

    def _reading(self) -> PanelConfig:
        """Return the options for reading: models of earlier versions may have learnt a column without a name."""
        names, data = self.known.tail.target_names, self.config.data
        if data.target_columns or not data.together or not any(map(is_unnamed, names)):
            return data
        return dataclasses.replace(data, target_columns=names)

    def forecast(
        self,
        data: Any = None,
        horizon: int | None = None,
        *,
        levels: Sequence[float] | None = None,
        samples: int = 0,
        future: Any = None,
        seed: int = 0,
        progress: Progress | None = None,
    ) -> Forecast:
        """Forecast series.

        data      the series before the forecast, as for `fit`, also series that are not in the training data; by
                  default, the training data
        horizon   time steps to forecast, at most 100,000; by default the option `horizon`
        levels    prediction intervals in per cent; by default 80 and 95 if a distribution is predicted
        samples   number of joint sample paths to return
        future    a file or data frame with future values of the known covariates, if `data` does not have them
        seed      random seed of sample paths
        progress  called with the name of the stage and the completed fraction

        Data that follows on the training data goes on from the history in the model. A series is forecast alike
        whichever other series are forecast with it. Raises DataError for series that do not match the model, and
        ConfigError.
        """
        network = self.network
        horizon = self.config.window.horizon if horizon is None else python_value(horizon)
        check_horizon(horizon)
        samples = python_value(samples)
        if isinstance(samples, bool) or not isinstance(samples, int) or samples < 0:
            raise ConfigError(f"expected samples of 0 or more. Received: {samples!r}")
        chosen = check_levels(
            LEVELS if levels is None and network.spread else python_value(levels) or (), network.spread
        )
        panel, remarks = self._before_forecast(data, future)
        origin = panel.lengths - 1
        ahead = forecast_from(
            network,
            panel,
            self.known.transforms_of(panel),
            np.arange(len(panel)),
            origin,
            horizon,
            levels=chosen,
            samples=samples if network.spread else 0,
            seed=seed,
            shared=self.known.earlier,
            correction=self.known.correction,
            progress=progress,
        )
        return Forecast.after(
            panel,
            origin,
            *ahead,
            names=self.known.tail.target_names,
            columns=table_columns(self.config.data),
            kind=self.kind if data is None else _kind(data),
            whole_ids=panel.whole_ids and not self.known.earlier,
            remarks=tuple(remarks),
        )

    def predict(self, data: Any = None, horizon: int | None = None, **options: Any) -> Forecast:
        """Forecast series: another name of `forecast`, with the same arguments."""
        return self.forecast(data, horizon, **options)

    def continued(self, data: Any, future: Any = None) -> Panel:
        """Return the series in `data`, with the history in the model before those that follow on it."""
        panel = self.read(data, future)
        return panel if data is None else self.known.continued(panel)

    @property
    def farthest(self) -> int:
        """Steps of a forecast that needs no more than the past: past covariates are known up to the present only."""
        network = self.network
        return network.horizon if network.sizes.past else self.config.window.horizon

    def _long_enough(self, panel: Panel, choose: Callable[..., Panel], why: str) -> tuple[Panel, list[str]]:
        """Return the series that `choose` returns, if the options leave out short ones, and remarks on the others."""
        if self.config.data.short_series != "drop":
            return panel, []
        kept = choose(panel, lost=lost_steps(self.config.transforms, panel.frequency.season))
        return kept, left_out(panel, kept, why)

    def _before_forecast(self, data: Any, future: Any) -> tuple[Panel, list[str]]:
        """Return the series to forecast, and remarks on them: series that are left out, or short."""
        panel = self.continued(data, future)
        if data is None:
            return panel, []
        panel, remarks = self._long_enough(panel, longer, "to forecast")
        remarks += self.known.short_of(panel, self.config.window.context)
        self._say(remarks)
        return panel, remarks

    def _say(self, remarks: Sequence[str]) -> None:
        for sentence in remarks:
            self._remark(sentence)

    def backtest(
        self,
        data: Any,
        horizon: int | None = None,
        *,
        origins: int = 5,
        step: int | None = None,
        refit: bool = False,
        as_is: bool = False,
        levels: Sequence[float] | None = None,
        paths: int = 200,
        seed: int = 0,
        tune: bool = True,
        progress: Progress | None = None,
    ) -> Backtest:
        """Evaluate forecasts from several origins, each from the data before it, and compare with simple baselines.

        data      the series, as for `fit`
        horizon   time steps of each forecast; by default the option `horizon`
        origins   number of origins per series; the last forecast ends with the series
        step      time steps between origins; by default the horizon
        refit     train a new model at each origin, on the data before it
        as_is     measure this model even if it has seen what it forecasts here
        levels    prediction intervals whose coverage is measured; by default 80 and 95 if a distribution is predicted
        paths     number of sample paths for intervals and for the continuous ranked probability score
        seed      random seed of sample paths
        tune      set the threads and the memory allocator of this process if a new model is trained
        progress  called with the name of the stage and the completed fraction

        By default, this model is measured if it was trained only on data before the first origin. Otherwise a new model
        with the same options (and so the same budget) is trained on that data, and measured. The baselines (seasonal
        naive, drift, linear autoregression) use only data before an origin, too. Data that follows on the training data
        goes on from the history in the model. Raises DataError for a series that is
        too short, and ConfigError.
        """
        horizon = self.config.window.horizon if horizon is None else python_value(horizon)
        check_horizon(horizon)
        spread = self.config.network.distribution != "point"
        chosen = check_levels(LEVELS if levels is None and spread else python_value(levels) or (), spread)
        if refit and as_is:
            raise ConfigError("expected one of refit (--refit) and as_is (--as-is). Received: both")
        if paths < 1:
            raise ConfigError(f"expected at least one path. Received: {paths}")
        return backtest_panel(
            self,
            panel_of(data, self._chosen.data) if refit and self._vocabulary is None else self.continued(data),
            horizon,
            origins=python_value(origins),
            step=horizon if step is None else python_value(step),
            refit=refit,
            as_is=as_is,
            levels=chosen,
            paths=paths,
            seed=seed,
            tune=tune,
            remark=self._remark,
            progress=progress,
        )

    def evaluate(
        self, data: Any, *, steps: int = 0, stride: int = 1, progress: Progress | None = None
    ) -> dict[str, float]:
        """Return metrics of forecasts from consecutive origins, each with the true values before it.

        Networks with `mode="direct"` forecast their whole horizon, others one step.

        data      the series with their history, as for `fit`
        steps     number of last time steps of each series to use; 0 for all after the training data or, for a new
                  series, after the first window
        stride    time steps between origins
        progress  called with the name of the stage and the completed fraction

        Data that follows on the training data goes on from the history in the model. Returns rmse, mse, mae, smape,
        mase, forecasts (their number) and horizon. Raises DataError if there are no time steps to evaluate, and
        ConfigError for invalid `steps` or `stride`.
        """
        panel, network, known = self.continued(data), self.network, self.known
        if steps < 0 or stride < 1:
            raise ConfigError(f"expected steps of 0 or more and a stride of at least 1. Received: {steps}, {stride}")

        def first_of(panel: Panel) -> Ints:
            return panel.lengths - steps if steps else known.first_unseen(panel, self.config.window.context)

        choose = partial(evaluable, first=first_of(panel), seen=known.seen(panel), horizon=network.horizon)
        panel, remarks = self._long_enough(panel, choose, "to evaluate")
        self._say(remarks)
        first = first_of(panel)

        def forecast(series: Ints, origin: Ints) -> Doubles:
            transforms = known.transforms_of(panel, np.maximum(first, 2))
            ahead = forecast_from(
                network, panel, transforms, series, origin, network.horizon, shared=known.earlier, progress=progress
            )
            return ahead.mean

        return evaluate_rolling(panel, forecast, network.horizon, first=first, stride=stride)

    def create(
        self,
        length: int,
        seed: Any = "zeros",
        *,
        series: str | int = 0,
        draw: bool | None = None,
        random: int = 0,
        progress: Progress | None = None,
    ) -> Doubles:
        """Generate a new series, `[length]` or `[length, Y]`, on the scale of one of the training series.

        length    number of time steps, at most 100,000
        seed      the values before it: "zeros" (on the standardised scale), an array, or a pair of a series' name
                  and a slice of its last training values
        series    name or index of the series whose scale and features are used
        draw      sample each value from its distribution, instead of the point forecast; by default if there is one
        random    random seed
        progress  called with the name of the stage and the completed fraction

        Raises ConfigError for a model with covariates, because their values are not known, and for invalid options;
        DataError for an invalid `seed`.
        """
        length = python_value(length)
        check_horizon(length)
        network, known = self.network, self.known
        return create_series(network, known, length, seed, series=series, draw=draw, random=random, progress=progress)

    def _check_loaded(self, where: str) -> None:
        """Raise ArtifactError for scales of covariates that are not positive."""
        if (scales := self.network.scales) is not None and not (scales.scale > 0).all():
            raise ArtifactError(f"{where}: expected scales of covariates above 0. Received: {scales.scale.min()}")


def _kind(data: Any) -> str:
    return "polars" if type(data).__module__.partition(".")[0] == "polars" else "pandas"
