"""The forecaster as people use it: fit, forecast, backtest, evaluate, create, save, load."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from elman.data.panel import Panel, future_from, panel_from, read_panel
from elman.data.panel.known import Known, known_from
from elman.errors import ArtifactError, ConfigError
from elman.tasks.building import load_network
from elman.tasks.folder import open_folder, save_folder
from elman.tasks.forecaster.backtest import Backtest
from elman.tasks.forecaster.config import ForecasterConfig, check_options
from elman.tasks.forecaster.create import create_series
from elman.tasks.forecaster.forecast import Forecast
from elman.tasks.forecaster.network import ForecasterNetwork, Sizes
from elman.tasks.forecaster.predict import check_horizon, check_levels, forecast_from
from elman.tasks.forecaster.rolling import evaluate_rolling, rolling_backtest
from elman.tasks.forecaster.run import TASK, forecaster_job
from elman.tasks.run import Run, tune_process

__all__ = ["Forecaster"]

LEVELS = (80.0, 95.0)


class Forecaster:
    """A recurrent forecaster of one or many time series.

    Args:
        preset: "small", "base" or "large": the options to start from.
        options: any option of `elman train forecaster` by its name, such as `horizon=24`, `mode="direct"`.

    Example:
        >>> model = elman.Forecaster(max_seconds=60).fit("airline-passengers.csv")  # doctest: +SKIP
        >>> model.forecast(horizon=12).to_frame()  # doctest: +SKIP

    Raises ConfigError for an unknown option, a value that is not allowed, and options that do not go together.
    """

    def __init__(self, preset: str = "base", **options: Any) -> None:
        self.config = ForecasterConfig.make(preset, options)
        check_options(self.config)
        self.chosen = self.config  # as it was before any data settled what was left to it
        self.preset = preset
        self.options = options
        self.metrics: dict[str, Any] = {}
        self.data: dict[str, Any] = {}
        self.training: dict[str, Any] = {}
        self.command = ""
        self.kind = "pandas"
        self._network: ForecasterNetwork | None = None
        self._known: Known | None = None

    def __repr__(self) -> str:
        """What kind of model it is, in a line."""
        network = self.config.network
        shape = f"{network.cell} {network.layers}x{network.hidden}, {self.config.window.mode}"
        if self._network is None:
            return f"<Forecaster {shape}, not trained>"
        return f"<Forecaster {shape}, {self._network.count_parameters():,} weights>"

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """The arguments that the model was made with."""
        del deep
        return {"preset": self.preset, **self.options}

    def set_params(self, **options: Any) -> Forecaster:
        """Change arguments; the model has to be trained again. Raises ConfigError. Returns self."""
        changed = {**self.get_params(), **options}
        type(self)(**changed)  # what is refused changes nothing
        self.__init__(**changed)  # type: ignore[misc]
        return self

    @property
    def network(self) -> ForecasterNetwork:
        """The network. Raises ConfigError before `fit`."""
        if self._network is None:
            raise ConfigError("expected a model that is trained: call fit() or elman.load() first")
        return self._network

    @property
    def known(self) -> Known:
        """What the model knows of its series. Raises ConfigError before `fit`."""
        if self._known is None:
            raise ConfigError("expected a model that is trained: call fit() or elman.load() first")
        return self._known

    def fit(
        self,
        data: Any,
        *,
        folder: str | os.PathLike[str] | None = None,
        progress: bool = True,
        tune: bool = True,
    ) -> Forecaster:
        """Train on series.

        data      files (CSV, TSV, JSON lines) or a folder of them; a data frame or series of pandas or polars; an array
                  `[T]` or `[T, Y]`, or a dictionary of them; a `Panel`
        folder    keep checkpoints and the best model there while training, which needs data in files
        progress  show a progress bar on standard error
        tune      set this process' threads and memory allocator for training

        The last steps of each series are held out (`valid_share`, `valid_steps`): the weights that are best there are
        kept. Returns self. Raises DataError, ConfigError, StorageError, Diverged, OutOfMemory.
        """
        paths = _paths(data)
        if folder is not None and not paths:
            raise ConfigError("expected series in files when training in a folder. Received: data in memory")
        panel = _panel(data, self.chosen)
        training = self.chosen.training
        if not (training.max_steps or training.max_epochs or training.max_seconds):
            raise ConfigError("expected a budget: max_steps, max_epochs or max_seconds. Received: none of them")
        job = forecaster_job(self.chosen, panel, paths)
        where = None if folder is None else Path(folder)
        run = Run(job, folder=where, command="", watch=job.watch(quiet=not progress))
        if tune:
            tune_process(run.config.training)
        run.go()
        self.kind = _kind(data)
        return self.adopt(run)

    def adopt(self, run: Run[ForecasterNetwork]) -> Forecaster:
        """Take what a run has made so far."""
        self.config = run.config
        self.metrics = run.metrics
        self.data = run.job.data
        self.training = {"steps": run.training.step, "seconds": round(run.training.seconds, 1)}
        self.command = run.command
        self._network = run.network
        self._known = known_from(run.job.vocabulary, run.config.transforms, "the run")
        return self

    def _read(self, data: Any, future: Any = None) -> Panel:
        """The panel in `data`, read as in training, with more of what is known ahead."""
        tail = self.known.tail
        panel = _panel(data, self.config, frequency=tail.frequency, encoder=tail.encoder)
        self.known.check(panel)
        return panel if future is None else future_from(future, panel, self.config.data)

    def forecast(
        self,
        data: Any = None,
        horizon: int | None = None,
        *,
        levels: Sequence[float] | None = None,
        samples: int = 0,
        future: Any = None,
        seed: int = 0,
    ) -> Forecast:
        """How series go on.

        data     the series up to the forecast, as for `fit`; they need not be those of the training. By default, the
                 training data goes on
        horizon  steps ahead, at most 100,000; by default the option `horizon`
        levels   of intervals, in per cent; by default 80 and 95 where a distribution is predicted
        samples  joint paths to return as well
        future   a file or data frame with the covariates that are known ahead, where `data` does not have them
        seed     of the paths that are drawn

        Raises DataError for series that do not fit to the model, and ConfigError.
        """
        network, known = self.network, self.known
        horizon = self.config.window.horizon if horizon is None else horizon
        check_horizon(horizon)
        if isinstance(samples, bool) or not isinstance(samples, int) or samples < 0:
            raise ConfigError(f"expected samples of 0 or more. Received: {samples!r}")
        chosen = check_levels(LEVELS if levels is None and network.spread else levels or (), network.spread)
        if data is None:
            panel = self._kept() if future is None else future_from(future, self._kept(), self.config.data)
        else:
            panel = self._read(data, future)
        series = np.arange(len(panel))
        ahead = forecast_from(
            network,
            self.config,
            panel,
            known.transforms_of(panel),
            series,
            panel.lengths - 1,
            horizon,
            levels=chosen,
            samples=samples if network.spread else 0,
            seed=seed,
        )
        half = len(chosen)
        return Forecast(
            ids=list(panel.ids),
            frequency=panel.frequency,
            starts=[start + int(length) for start, length in zip(panel.starts, panel.lengths, strict=True)],
            names=known.tail.target_names,
            mean=ahead.mean,
            intervals={
                level: (ahead.quantiles[place], ahead.quantiles[half + place]) for place, level in enumerate(chosen)
            },
            samples=ahead.samples,
            history=panel,
            columns=(self.config.data.id_column, self.config.data.time_column or "ds"),
            kind=self.kind if data is None else _kind(data),
        )

    predict = forecast

    def _kept(self) -> Panel:
        if not self.config.network.keep_history:
            raise ConfigError(
                "expected series to go on from: this model keeps none (keep_history=false). Received: none"
            )
        return self.known.tail

    def backtest(
        self,
        data: Any,
        horizon: int | None = None,
        *,
        origins: int = 5,
        step: int | None = None,
        refit: bool = False,
        levels: Sequence[float] | None = None,
        paths: int = 200,
        seed: int = 0,
    ) -> Backtest:
        """Forecasts from several origins, each from what was known there, beside simple forecasts of the same steps.

        data     the series, as for `fit`
        horizon  steps of each forecast; by default the option `horizon`
        origins  how many forecasts of each series; the last one ends with the series
        step     steps between two origins; by default the horizon
        refit    train a new network at each origin, on what came before it; else this one forecasts from all of them
        levels   of intervals whose coverage is measured; by default 80 and 95 where a distribution is predicted
        paths    drawn for intervals and for the continuous ranked probability score

        Seasonal naive, drift and the linear autoregression see nothing after an origin either. Raises DataError for a
        series that is too short, and ConfigError.
        """
        horizon = self.config.window.horizon if horizon is None else horizon
        check_horizon(horizon)
        spread = self.config.network.distribution != "point"
        chosen = check_levels(LEVELS if levels is None and spread else levels or (), spread)
        step = horizon if step is None else step
        return rolling_backtest(
            self,
            _panel(data, self.chosen) if refit and self._known is None else self._read(data),
            horizon,
            origins=origins,
            step=step,
            refit=refit,
            levels=chosen,
            paths=paths,
            seed=seed,
        )

    def evaluate(self, data: Any, *, steps: int = 0, stride: int = 1) -> dict[str, float]:
        """Figures of forecasts from every origin in turn, each with the true values before it.

        A network that predicts the next value forecasts one step, a direct one its whole horizon.

        data    the series with their past, as for `fit`
        steps   measure the last so many steps of each series; 0 for all that come after what the model was trained on,
                or, of a series that it has not seen, after the first window
        stride  steps between two origins

        Returns rmse, mse, mae, smape, mase, forecasts (how many these are of) and horizon. Raises DataError when no
        step is left to measure.
        """
        return evaluate_rolling(self, self._read(data), steps=steps, stride=stride)

    def create(
        self,
        length: int,
        seed: Any = "zeros",
        *,
        series: str | int = 0,
        draw: bool | None = None,
        random: int = 0,
    ) -> npt.NDArray[np.float64]:
        """A long series of the network's own, `[length]` or `[length, Y]`, in the unit of one of its series.

        length  its steps, at most 100,000
        seed    what comes before it: "zeros" (of the scaled series), an array of values, or a pair of a series' name
                and a slice of its last values, which the model has kept
        series  whose scale and features are used, by name or number
        draw    draw each value from its distribution; else take its middle. By default where there is one
        random  the seed of those draws

        Raises ConfigError for a model with covariates, whose values nobody knows.
        """
        check_horizon(length)
        return create_series(self, length, seed, series=series, draw=draw, random=random)

    def save(self, folder: str | os.PathLike[str]) -> None:
        """Write the model as a folder. Raises StorageError when that is not possible."""
        save_folder(
            folder,
            task=TASK,
            network=self.network,
            config=self.config,
            training=self.training,
            metrics=self.metrics,
            data=self.data,
            command=self.command,
            vocabulary=self.known.to_json(),
        )

    @classmethod
    def load(cls, folder: str | os.PathLike[str]) -> Forecaster:
        """The model in `folder`. Raises ArtifactError for anything that is not a whole and safe model."""
        opened = open_folder(folder, TASK, ForecasterConfig)
        described, where = opened.described, opened.where
        model = cls()
        model.config = opened.config
        try:
            check_options(model.config)
        except ConfigError as error:
            raise ArtifactError(f"{where} is broken: {error}") from error
        model.chosen = model.config
        known = known_from(opened.vocabulary, model.config.transforms, where)
        model._known = known
        model._network = load_network(described, lambda: _network(model.config, known))
        if (scales := model._network.scales) is not None and not (scales.scale > 0).all():
            raise ArtifactError(f"{where}: expected scales of covariates above 0. Received: {scales.scale.min()}")
        model.metrics, model.data, model.command = described.metrics, described.data, described.command
        model.training = opened.training
        return model


def _network(config: ForecasterConfig, known: Known) -> ForecasterNetwork:
    tail, window = known.tail, config.window
    features = () if window.calendar == ("none",) else window.calendar
    calendar = tail.frequency.calendar([0], features).shape[1]
    sizes = Sizes(
        len(tail.target_names),
        len(tail.past_names),
        len(tail.future_names) + calendar,
        len(tail.static_names),
        config.data.missing == "mask",
        calendar,
    )
    return ForecasterNetwork(sizes, window, config.network)


def _panel(data: Any, config: ForecasterConfig, **like: Any) -> Panel:
    """The series in `data`; `like` is what `read_panel` takes of a panel from before."""
    paths = _paths(data)
    if isinstance(data, Panel):
        return data
    return read_panel(paths, config.data, **like) if paths else panel_from(data, config.data, **like)


def _paths(data: Any) -> list[str | os.PathLike[str]]:
    """The files that `data` names; none where it is data in memory."""
    if isinstance(data, str | os.PathLike):
        return [data]
    if isinstance(data, list | tuple) and data and all(isinstance(each, str | os.PathLike) for each in data):
        return list(data)
    return []


def _kind(data: Any) -> str:
    return "polars" if type(data).__module__.partition(".")[0] == "polars" else "pandas"
