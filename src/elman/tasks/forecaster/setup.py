"""`ForecasterSetup`: data, loss and metrics of a forecaster's training run."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from elman.data.batches import ShuffledBatches
from elman.data.panel import Panel, read_panel
from elman.data.panel.carried_windows import CarriedWindowBatches
from elman.data.panel.covariates import covariate_scales
from elman.data.panel.fit import lost_steps
from elman.data.panel.history import SeriesHistory, series_history, series_history_from_json
from elman.data.panel.split import (
    SHORT,
    check_counts,
    held_out_batches,
    left_out,
    resolve_windows,
    trainable,
    training_ends,
)
from elman.data.panel.window_config import resolve_window_sizes
from elman.data.panel.windows import InputSizes, make_window_dataset, training_rows, validation_rows
from elman.data.sources import Sources
from elman.decode.forecast import CARRIED, forecast_from
from elman.display import Progress, number_text
from elman.errors import ArtifactError, ConfigError, DataError
from elman.nn.linear_init import init_network
from elman.state import Batch
from elman.tasks.comparison import Comparison
from elman.tasks.forecaster.baselines import comparison_of
from elman.tasks.forecaster.calibration import PATHS, calibrate_intervals
from elman.tasks.forecaster.config import ForecasterConfig, check_options
from elman.tasks.forecaster.network import ForecasterNetwork
from elman.tasks.forecaster.objective import NextValueObjective
from elman.tasks.forecaster.shrinkage import SHARES, shrink
from elman.tasks.remarks import constant_columns, constant_series
from elman.tasks.samples import compared
from elman.tasks.setup import Setup
from elman.tasks.start import StartModel
from elman.train.loop import Training
from elman.train.trainer import Trainer

__all__ = ["ForecasterSetup"]

Ints = npt.NDArray[np.int64]

# Sample paths of each forecast that is compared with simple ones, and steps of one that a sample shows as numbers.
_COMPARED_PATHS, _SAMPLED_STEPS = 100, 8
# Work of training on a time step of a window, and of the quantiles of a value, compared with a step of a sample path.
_TRAINING_WORK, _QUANTILE_WORK = 10, 20
# The work of the calibration, as a share of that of training, and the least number of origins; then of the shrinkage.
_CALIBRATION_WORK, _LEAST_ORIGINS = 0.03, 60
_SHRINKAGE_WORK, _LEAST_COMPARED, _SHARE = 0.02, 40, "network_share"

# What the remark on constant series says.
_EASY = "such series are easy to forecast, so figures are better than for the others"
_COLUMNS = "each is a column, name the others in target_columns"


class ForecasterSetup(Setup[ForecasterConfig, ForecasterNetwork, Panel, SeriesHistory]):
    """Setup of a forecaster. The last time steps of each series of the panel are the validation set."""

    task = "forecaster"
    config_class = ForecasterConfig
    vocabulary_class = SeriesHistory
    unit = "value"
    start_scaling = ("covariate_offset", "covariate_scale")
    start_leaves = frozenset({"valid_share", "valid_steps"})
    # Every series has its own transform, which is fitted to it, whatever the network.
    start_scales = "data"

    def __init__(
        self,
        config: ForecasterConfig,
        parts: Panel,
        sources: Sources | None = None,
        *,
        vocabulary: SeriesHistory | None = None,
    ) -> None:
        self._remarks: list[str] = []
        if config.data.short_series == "drop" and len(parts):
            kept = trainable(parts, config.window, lost_steps(config.transforms, parts.frequency.season))
            self._remarks = left_out(parts, kept, "to train on")
            parts = kept
        super().__init__(config, parts, sources, vocabulary=vocabulary)

    @classmethod
    def check_options(cls, config: ForecasterConfig) -> None:
        check_options(config)
        super().check_options(config)

    @classmethod
    def read(
        cls,
        config: ForecasterConfig,
        sources: Sources,
        *,
        vocabulary: SeriesHistory | None = None,
        progress: Progress | None = None,
    ) -> Panel:
        del vocabulary
        if progress is not None:
            progress("reading", 0.0)
        return read_panel(sources.train, config.data)

    @classmethod
    def vocabulary_from(cls, content: Mapping[str, Any], config: ForecasterConfig, where: str) -> SeriesHistory:
        """Load the vocabulary: the history of the training series."""
        return series_history_from_json(content, config.transforms, where)

    @classmethod
    def check_folder(cls, config: ForecasterConfig, vocabulary: SeriesHistory, where: str) -> None:
        """Raise ArtifactError for incompatible options."""
        try:
            check_options(config)
        except ConfigError as error:
            raise ArtifactError(f"{where} is broken: {error}") from error

    @staticmethod
    def make_network(config: ForecasterConfig, vocabulary: SeriesHistory) -> ForecasterNetwork:
        """Return a network for series like those in the vocabulary."""
        sizes = vocabulary.sizes(config.window, masked=config.data.missing == "mask")
        return ForecasterNetwork(sizes, config.window, config.network)

    @classmethod
    def make_smallest_network(cls, config: ForecasterConfig) -> ForecasterNetwork:
        """Return a network for one variable without covariates."""
        window = resolve_window_sizes(config.window, season=1, longest=1000, counts=config.counts)
        return ForecasterNetwork(InputSizes(1, 0, 0, 0, False), window, config.network)

    @classmethod
    def uncalibrated(cls, vocabulary: SeriesHistory) -> SeriesHistory:
        """Return the vocabulary without a correction of the intervals."""
        return dataclasses.replace(vocabulary, correction=None)

    def resolve_config(self, config: ForecasterConfig) -> ForecasterConfig:
        """Resolve automatic window sizes from the series."""
        config = super().resolve_config(config)
        return dataclasses.replace(config, window=resolve_windows(config.window, self.parts, counts=config.counts))

    @cached_property
    def begin(self) -> Ints:
        """The time step at which validation starts in each series."""
        return training_ends(self.parts, self.config.window)

    def learn_vocabulary(self) -> SeriesHistory:
        """Return the transforms of the series, and their last values."""
        config = self.config
        keep = config.network.keep_history
        return series_history(self.parts, self.begin, config.transforms, config.window, keep=keep)

    def vocabulary_from_start(self, learnt: SeriesHistory, source: StartModel) -> SeriesHistory:
        """Return the history of the new series. Raises DataError for columns that differ from those of the model.

        With start_scales=source, every series must be one of those that the model was trained on.
        """
        known: SeriesHistory = source.vocabulary
        known.check_columns(learnt.tail)
        if not self.keeps_scales:
            return learnt
        return learnt.with_transforms_of(known)

    def encode(self) -> None:
        """Transform the series, and select the windows for training and validation."""
        panel, window = self.parts, self.config.window
        if self.resumed:
            self.vocabulary.check(panel)
            self.vocabulary = self.uncalibrated(self.vocabulary)
        if self.config.counts:
            check_counts(panel)
        self._transforms = self.vocabulary.transforms_of(panel)
        self._scales = covariate_scales(panel, self.begin)
        self._dataset = dataset = make_window_dataset(
            panel,
            self._transforms,
            window,
            further=window.horizon,
            counts=self.config.counts,
            masked=self.config.data.missing == "mask",
            scales=self._scales,
        )
        self._stop = stop = self.begin - dataset.lost
        if int(stop.min()) < 2:
            worst = int(stop.argmin())
            begin, length = int(self.begin[worst]), int(panel.lengths[worst])
            raise DataError(
                f"the series {panel.ids[worst]!r}: expected at least {dataset.lost + 2} values to train on{SHORT}. "
                f"Received: {begin}, and {length - begin} held out"
            )
        self._rows = training_rows(dataset, stop, window)
        self._held = validation_rows(dataset, stop, window)

    def init_network(self) -> None:
        """Set the scales of the covariates, and initialise the members with a linear autoregression."""
        self.network.scales = self._scales
        init_network(self.network.members, self._dataset, self._stop, self.config.window)

    def stream(self) -> ShuffledBatches | CarriedWindowBatches:
        """Return shuffled batches of windows, or with `carry` consecutive windows."""
        return self._stream

    @cached_property
    def _stream(self) -> ShuffledBatches | CarriedWindowBatches:
        window, seed = self.config.window, self.training_config.seed
        if window.carry:
            return CarriedWindowBatches(
                self._dataset, self._stop, context=window.context, batch_size=window.batch_size, seed=seed
            )
        horizon = self.network.horizon

        def make(places: Ints) -> Batch:
            return self._dataset.batch(self._rows.take(places), horizon, window.loss_steps)

        return ShuffledBatches(self._rows.length, make, batch_size=window.batch_size, seed=seed)

    def objective(self) -> NextValueObjective:
        """Return the loss of the values after each time step."""
        window, held_out = self.config.window, None
        if self.holds_out:
            direct = window.mode == "direct"
            held_out = held_out_batches(self._dataset, self._held, self.network.horizon, direct=direct)
        return NextValueObjective(
            self.network,
            loss_steps=window.loss_steps,
            held_out=held_out,
            sampling=self._sampling if window.scheduled_sampling else None,
            carry=window.carry,
        )

    def _sampling(self) -> float:
        """Return the current probability of scheduled sampling, which rises linearly over the first epochs."""
        most, epochs = self.config.window.scheduled_sampling, self.config.window.sampling_epochs
        return most * (min(1.0, self._stream.epoch / epochs) if epochs else 1.0)

    @property
    def evaluation_cost(self) -> float:
        return 0.5 * len(self._held.series) / len(self._rows.series)

    @property
    def holds_out(self) -> bool:
        """Whether any series has validation steps."""
        return bool(len(self._held.series))

    @property
    def loss_name(self) -> str:
        network = self.config.network
        names = {"point": f"{network.loss} error", "quantiles": "quantile loss"}
        return f"{names.get(network.distribution, 'nats')} per value"

    def sample(self) -> str:
        """Return the forecast of the first held-out steps of a series, and their values."""
        begin = self._sampled_from()
        number = int(np.flatnonzero(self.parts.lengths > begin)[0])
        first, network = int(begin[number]), self.network
        most = network.horizon if network.sizes.past else self.config.window.horizon
        horizon = min(most, int(self.parts.lengths[number]) - first)
        place = np.array([number]), np.array([first - 1])
        found = forecast_from(network, self.parts, self._transforms, *place, horizon, paths=_COMPARED_PATHS)
        truth = self.parts.targets[number][first : first + horizon]
        rows = [("forecast", found.mean[0, :, 0]), ("values", truth[:, 0])]
        shown = [(name, " ".join(f"{value:.5g}" for value in values[:_SAMPLED_STEPS])) for name, values in rows]
        time = self.parts.time_text(number, first) if self.parts.frequency.dated else f"step {first + 1}"
        return compared([("series", f"{self.parts.ids[number]}, from {time} on"), *shown])

    def draw_sample(self, path: Path) -> bool:
        from elman.plots.forecast import draw_held_out

        draw_held_out(self.network, self.parts, self._transforms, self._sampled_from(), path)
        return path.is_file()

    def _sampled_from(self) -> Ints:
        """Return the time step at which a sample's forecast begins in each series."""
        if self.holds_out:
            return self.begin
        return self.begin - min(self.config.window.horizon, int(self.begin.min()) // 2)

    @property
    def plotted_metrics(self) -> list[str]:
        return ["scaled_rmse"]

    def describe(self, figures: Mapping[str, float]) -> str:
        loss, rmse = (number_text(figures[name]) for name in ("loss", "scaled_rmse"))
        shown = f"{loss} {self.loss_name}, RMSE {rmse} of scaled series"
        if _SHARE in figures:
            shown += f", with {figures[_SHARE]:.0%} of the network and the rest a linear autoregression"
        return shown

    def finish(self, folder: Path | None) -> dict[str, Any]:
        """Shrink the network and calibrate its intervals on the validation steps; plot the forecast of these steps."""
        metrics = self._shrink() if self.config.network.shrink and self.holds_out else {}
        figures = self._calibrate() if self._calibrates else {}
        if folder is not None:
            from elman.plots.forecast import draw_held_out

            correction = self.vocabulary.correction
            draw_held_out(self.network, self.parts, self._transforms, self.begin, folder / "forecast.png", correction)
        return metrics | ({"calibration": figures} if figures else {})

    def _shrink(self) -> dict[str, Any]:
        """Shrink the network towards its linear start; return the new validation metrics if it changed."""
        network, horizon = self.network, self._compared_horizon
        writes = horizon * (_QUANTILE_WORK * network.sizes.targets if horizon <= network.horizon else _COMPARED_PATHS)
        work = self.config.window.context + writes
        most = self._affordable(_SHRINKAGE_WORK / len(SHARES), work, least=_LEAST_COMPARED)
        if isinstance(self._trained, Training):  # a resumed run may have made no further step
            self._trained.freezing.apply(self._trained.stream.epoch)
        share = shrink(network, self._forecast, self.parts, self._dataset, self.begin, horizon=horizon, most=most)
        if share == 1:
            return {}
        figures = self.objective().evaluate(self._trained.evaluation_limit) | {_SHARE: share}
        return {"valid": {name: value for name, value in figures.items() if math.isfinite(value)}}

    def _affordable(self, share: float, work: float, *, least: int) -> int:
        """Return the number of forecasts that take this share of the training's work, each with so much work."""
        window = self.config.window
        trained = self._trained.step * window.batch_size * window.context * _TRAINING_WORK
        return max(least, int(share * trained / work))

    def _forecast(self, series: Ints, origin: Ints, horizon: int) -> npt.NDArray[np.float64]:
        panel, transforms = self.parts, self._transforms
        return forecast_from(self.network, panel, transforms, series, origin, horizon, paths=_COMPARED_PATHS).mean

    @property
    def _calibrates(self) -> bool:
        """Whether the intervals are calibrated."""
        return self.config.network.calibrate and self.network.spread

    def _calibrate(self) -> dict[str, Any]:
        """Calibrate the intervals, and return their coverage."""
        window, network = self.config.window, self.network
        reads = window.context * (CARRIED if window.carry else 1)
        exact = window.horizon <= network.horizon and not self._dataset.lost
        writes = window.horizon * (_QUANTILE_WORK * network.sizes.targets if exact else PATHS)
        most = self._affordable(_CALIBRATION_WORK, reads + writes, least=_LEAST_ORIGINS)
        correction, figures = calibrate_intervals(network, self.parts, self._transforms, self.begin, most=most)
        self.vocabulary = dataclasses.replace(self.vocabulary, correction=correction)
        return figures

    def trainer(self) -> Trainer:
        """Return the trainer."""
        self._trained = super().trainer()
        return self._trained

    @property
    def _compared_horizon(self) -> int:
        """Steps of the forecasts of validation steps. Past covariates are known no further than the network reaches."""
        return self.network.horizon if self.network.sizes.past else self.config.window.horizon

    def comparison(self, limit: int) -> Comparison | None:
        del limit
        return comparison_of(
            self._forecast, self.parts, self.begin, self._compared_horizon, self.config.window.autoregression
        )

    def notes(self) -> list[str]:
        """Report series that are left out, constant ones, and intervals that cannot be calibrated."""
        values = [each[:end] for each, end in zip(self.parts.targets, self.begin, strict=True)]
        notes = [
            *super().notes(),
            *self._remarks,
            *constant_series(self.parts.ids, values, f"{_EASY}; leave out their rows, or where {_COLUMNS}"),
            *constant_columns(self.parts.target_names, values, "target columns", f"{_EASY}; {_COLUMNS}"),
        ]
        if not self._calibrates or self.holds_out:
            return notes
        return [
            *notes,
            "no steps are held out for validation (valid_share, valid_steps): the intervals are at least as wide as "
            "the errors of a seasonal naive forecast, and may be too wide",
        ]

    def data_facts(self) -> dict[str, Any]:
        """Return the number of series and time steps, and the frequency."""
        steps = int(self.parts.lengths.sum())
        return {
            "series": len(self.parts),
            "steps": steps,
            "valid_steps": steps - int(self.begin.sum()),
            "frequency": self.parts.frequency.name,
        }

    def outline(self) -> list[tuple[str, str]]:
        """Describe the series and the windows."""
        windows = f"{len(self._rows.series):,} of {self.config.window.context} steps"
        return [*self.parts.summary(), ("windows", windows)]

    def summary(self) -> str:
        facts = self.data
        series = f"{facts['series']:,} series, {facts['steps']:,} steps of {facts['frequency']}"
        return f"{self.network_summary}; {series}"
