"""A forecaster's run: its job from a panel, and the panel of a stopped run read again."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from elman.artifact import Artifact
from elman.data.batches import Shuffled
from elman.data.panel import Panel, read_panel
from elman.data.panel.covariates import covariate_scales
from elman.data.panel.known import Known, fit
from elman.data.panel.lanes import CarriedWindows
from elman.data.panel.window_config import settle_windows
from elman.data.panel.windows import Bank, Rows, lookback, make_bank, training_rows, validation_rows
from elman.errors import ConfigError, DataError
from elman.tasks.building import make_network
from elman.tasks.forecaster.config import ForecasterConfig, check_options
from elman.tasks.forecaster.linear_start import start_network
from elman.tasks.forecaster.network import ForecasterNetwork, Sizes
from elman.tasks.forecaster.objective import NextValues
from elman.tasks.forecaster.picture import draw_held_out
from elman.tasks.run import Job, settle
from elman.types import Batch

__all__ = ["TASK", "forecaster_job", "known_of", "reopen"]

TASK = "forecaster"

Ints = npt.NDArray[np.int64]

# Windows that are evaluated at once.
_AT_ONCE = 512


def forecaster_job(
    config: ForecasterConfig, panel: Panel, paths: Sequence[str | os.PathLike[str]] = ()
) -> Job[ForecasterNetwork]:
    """What a run on `panel` trains; `paths` tells where it came from. Raises ConfigError, DataError, OutOfMemory."""
    check_options(config)
    config = dataclasses.replace(config, training=settle(config.training), window=_settled(config, panel))
    window, training = config.window, config.training
    begin = training_ends(panel, config)
    known = known_of(panel, config, begin)
    counts = config.network.distribution == "negative-binomial"
    if counts:
        check_counts(panel)
    scales = covariate_scales(panel, begin)
    bank = make_bank(
        panel,
        known.transforms,
        window,
        further=window.horizon,
        counts=counts,
        masked=config.data.missing == "mask",
        scales=scales,
    )
    stop = begin - bank.lost
    if int(stop.min()) < 2:
        worst = int(stop.argmin())
        raise DataError(
            f"the series {panel.ids[worst]!r}: expected at least {bank.lost + 2} values to train on. "
            f"Received: {int(begin[worst])}, and {int(panel.lengths[worst] - begin[worst])} held out"
        )
    sizes = Sizes(
        bank.targets.shape[1],
        bank.past.shape[1],
        bank.ahead.shape[1],
        bank.static.shape[1],
        bank.masked,
        bank.ahead.shape[1] - len(panel.future_names),
    )
    network = make_network(lambda: ForecasterNetwork(sizes, window, config.network), training)
    network.scales = scales
    start_network(network, bank, stop, window)
    rows = training_rows(bank, stop, window)
    horizon = network.horizon

    def make(places: Ints) -> Batch:
        return bank.batch(rows.take(places), horizon, window.counted)

    stream: Shuffled | CarriedWindows
    if window.carry:
        stream = CarriedWindows(bank, stop, context=window.context, lanes=window.batch_size, seed=training.seed)
    else:
        stream = Shuffled(rows.length, make, batch_size=window.batch_size, seed=training.seed)
    held = validation_rows(bank, stop, window)
    holds_out = bool(len(held.series))
    objective = NextValues(
        network,
        counted=window.counted,
        held_out=_held_out(bank, held, horizon, window.mode == "direct") if holds_out else None,
        sampling=_sampling(config, stream) if window.scheduled_sampling else None,
        carry=window.carry,
    )
    name = {"point": f"{config.network.loss} error", "quantiles": "quantile loss"}.get(
        config.network.distribution, "nats"
    )
    steps = int(panel.lengths.sum())

    def describe(figures: Mapping[str, float]) -> str:
        return f"{figures['loss']:.4f} {name} a value, RMSE {figures['scaled_rmse']:.4f} of scaled series"

    def finish(folder: Path | None) -> dict[str, Any]:
        if folder is not None:
            draw_held_out(network, config, panel, known.transforms, begin, folder / "forecast.png")
        return {}

    return Job(
        task=TASK,
        config=config,
        network=network,
        objective=objective,
        stream=stream,
        holds_out=holds_out,
        fingerprint=panel.fingerprint(),
        inputs={"paths": [os.path.abspath(path) if os.fspath(path) != "-" else "-" for path in paths]},
        data={
            "files": [os.path.basename(os.fspath(path)) or os.fspath(path) for path in paths],
            "series": len(panel),
            "steps": steps,
            "valid_steps": steps - int(begin.sum()),
            "frequency": panel.frequency.name,
            "fingerprint": panel.fingerprint(),
        },
        vocabulary=known.to_json(),
        unit="value",
        finish=finish,
        loss_name=f"{name} a value",
        describe=describe,
        outline=[*panel.summary(), ("windows", f"{len(rows.series):,} of {window.context} steps")],
        start=(
            f"{config.network.cell} {config.network.layers}x{config.network.hidden}, "
            f"{network.count_parameters():,} weights; {len(panel):,} series, {steps:,} steps of {panel.frequency.name}"
        ),
    )


def _settled(config: ForecasterConfig, panel: Panel) -> Any:
    if not len(panel):
        raise DataError("expected at least one series to train on. Received: none")
    counts = config.network.distribution == "negative-binomial"
    longest = int(panel.lengths.max())
    settled = settle_windows(config.window, season=panel.frequency.season, longest=longest, counts=counts)
    if settled.context >= longest:
        raise DataError(
            f"expected a series longer than a window of context = {settled.context} steps. "
            f"Received: {longest} steps in the longest"
        )
    if settled.autoregression >= longest:
        raise DataError(
            f"expected a series longer than autoregression = {settled.autoregression} steps. "
            f"Received: {longest} steps in the longest"
        )
    if settled.mode == "direct" and settled.horizon >= longest:
        raise DataError(
            f"expected a series longer than horizon = {settled.horizon} steps, with mode=direct. "
            f"Received: {longest} steps in the longest"
        )
    if settled.counted > settled.context:
        raise ConfigError(f"expected counted of at most context = {settled.context}. Received: {settled.counted}")
    return settled


def training_ends(panel: Panel, config: ForecasterConfig) -> Ints:
    """Of each series, the step at which its validation part begins; series of fewer than 4 steps have none."""
    lengths, window = panel.lengths, config.window
    short = int(lengths.argmin())
    if lengths[short] < 2:
        raise DataError(
            f"the series {panel.ids[short]!r}: expected at least 2 values to train on. Received: {int(lengths[short])}"
        )
    held = np.floor(lengths * window.valid_share).astype(np.int64)
    if window.valid_steps:
        held = np.full_like(lengths, window.valid_steps)
    held = np.where(lengths < 4, 0, np.minimum(held, lengths // 2)) if not window.valid_steps else held
    if int((lengths - held).min()) < 2:
        worst = int((lengths - held).argmin())
        raise DataError(
            f"the series {panel.ids[worst]!r}: expected more than valid_steps + 1 = {window.valid_steps + 1} values. "
            f"Received: {int(lengths[worst])}"
        )
    ends: Ints = lengths - held
    return ends


def known_of(panel: Panel, config: ForecasterConfig, begin: Ints) -> Known:
    """What the model keeps of the panel. Transforms are fitted on what comes before step `begin` of each series."""
    chain = config.transforms
    transforms = fit(panel.cut(begin), chain)
    lost = chain.difference + chain.seasonal_difference * (chain.seasonal_period or panel.frequency.season)
    kept = config.window.context * (4 if config.window.carry else 1) + lookback(config.window) + lost
    until = [start + int(length) for start, length in zip(panel.starts, panel.lengths, strict=True)]
    return Known(panel.tail(kept if config.network.keep_history else 0), transforms, until, chain)


def check_counts(panel: Panel) -> None:
    """Raise DataError for a series that is not of counts, naming it and the step."""
    for number, values in enumerate(panel.targets):
        wrong = np.argwhere((values < 0) | (values != np.floor(values)) & np.isfinite(values))
        if len(wrong):
            step, column = wrong[0]
            time = panel.frequency.format(panel.starts[number] + int(step))
            raise DataError(
                f"the series {panel.ids[number]!r} at {time}: expected counts (0, 1, 2, ...) for negative-binomial. "
                f"Received: {values[step, column]:g}"
            )


def _held_out(bank: Bank, rows: Rows, horizon: int, direct: bool) -> Callable[[int], tuple[Iterable[Batch], int]]:
    """What makes the batches of an evaluation, thinned evenly where there would be more values than the limit."""
    counted = 1 if direct else 0
    widths = bank.targets.shape[1] * (np.full(len(rows.series), horizon) if direct else rows.high - rows.low)

    def batches(limit: int) -> tuple[Iterable[Batch], int]:
        chosen = rows
        total = int(widths.sum())
        if limit and total > limit:
            count = max(1, int(len(widths) * limit / total))
            chosen = rows.take(np.unique(np.linspace(0, len(widths) - 1, count).astype(np.int64)))
        order = np.argsort(-chosen.length, kind="stable")
        parts = (order[first : first + _AT_ONCE] for first in range(0, len(order), _AT_ONCE))
        return (bank.batch(chosen.take(part), horizon, counted) for part in parts), counted

    return batches


def _sampling(config: ForecasterConfig, stream: Shuffled | CarriedWindows) -> Callable[[], float]:
    """The probability of reading an own prediction: it rises evenly over the first epochs, then stays."""
    most, epochs = config.window.scheduled_sampling, config.window.sampling_epochs

    def now() -> float:
        return most * (min(1.0, stream.epoch / epochs) if epochs else 1.0)

    return now


def reopen(
    described: Artifact,
    inputs: Mapping[str, Any],
    config: ForecasterConfig,
    *,
    progress: Any = None,
    cache: Path | None = None,
) -> Job[ForecasterNetwork]:
    """The job of a stopped run, its series read again. Raises ConfigError for a `cache`: nothing is kept there."""
    del described, progress
    if cache is not None:
        raise ConfigError(f"expected a cache for language models only. Received: {cache} for a forecaster")
    paths = [str(path) for path in inputs["paths"]]
    if not paths:
        raise DataError("expected a run on files, which can be read again. Received: a run on data in memory")
    return forecaster_job(config, read_panel(paths, config.data), paths)
