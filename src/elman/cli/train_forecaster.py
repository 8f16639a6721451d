"""`elman train forecaster`: from time series to a model's folder. Imports torch only when it trains."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, TypeAlias

from cyclopts import Parameter

from elman.cli.flags import INPUT, flags_of, given
from elman.cli.output import Progress
from elman.cli.training import RunFlags, train_model
from elman.data.panel.window_config import WindowConfig, settle_windows
from elman.errors import ConfigError
from elman.nn.recurrent import check_cell
from elman.tasks.forecaster.config import ForecasterConfig, NetworkConfig, check_options
from elman.train.config import TrainConfig

if TYPE_CHECKING:
    from elman.tasks.run import Job

    DataFlags: TypeAlias = Any
    TransformFlags: TypeAlias = Any
    WindowFlags: TypeAlias = Any
    NetworkFlags: TypeAlias = Any
    TrainFlags: TypeAlias = Any
else:
    _base = ForecasterConfig.make()
    DataFlags = flags_of(type(_base.data), "Data", 2, _base.data)
    TransformFlags = flags_of(type(_base.transforms), "Transforms", 3, _base.transforms)
    WindowFlags = flags_of(WindowConfig, "Window", 4, _base.window)
    NetworkFlags = flags_of(NetworkConfig, "Network", 5, _base.network)
    TrainFlags = flags_of(TrainConfig, "Training", 6, _base.training)

__all__ = ["forecaster"]

_USAGE = "elman train forecaster DATA -o MODEL"


def forecaster(
    *data: Annotated[
        str, INPUT, Parameter(help="Files, folders or globs; - for standard input. `.gz` is read as it is.")
    ],
    run: RunFlags = None,
    data_flags: DataFlags = None,
    transform_flags: TransformFlags = None,
    window_flags: WindowFlags = None,
    network_flags: NetworkFlags = None,
    train_flags: TrainFlags = None,
) -> None:
    """Train a forecaster on one or many time series.

    `--max-steps`, `--max-epochs` or `--max-seconds` take the place of the preset's number of steps. Ctrl-C stops the
    run so that `elman train --resume MODEL` goes on. The last steps of each series are held out for validation.

    For example:

        elman train forecaster passengers.csv -o model --transform log
        elman train forecaster sales.csv -o model --horizon 28 --future-covariates price,promotion
        elman train forecaster ETTh1.csv -o model --mode direct --horizon 24 --no-together --distribution point

    A TOML file sets options by name, such as `hidden = 128`, at the top or in the tables `[data]`, `[transforms]`,
    `[window]`, `[network]` and `[training]`.
    """
    if not data:
        raise ConfigError(f"expected at least one file to train on: {_USAGE}. Received: none")

    def open_job(options: ForecasterConfig, progress: Progress) -> Job[Any]:
        from elman.data.panel import read_panel
        from elman.tasks.forecaster.run import forecaster_job

        progress("reading", 0.0)
        return forecaster_job(options, read_panel(data, options.data), data)

    flags = given(data_flags, transform_flags, window_flags, network_flags, train_flags)
    train_model(ForecasterConfig, run, flags, open_job, check=check_network, usage=_USAGE)


def check_network(options: ForecasterConfig) -> None:
    """Raise ConfigError for a network that cannot be made, before any data is read and any memory taken."""
    import torch

    from elman.tasks.forecaster.network import ForecasterNetwork, Sizes

    check_options(options)
    check_cell(options.network.cell, options.network.cell_options)
    counts = options.network.distribution == "negative-binomial"
    window = settle_windows(options.window, season=1, longest=1000, counts=counts)
    with torch.device("meta"):
        ForecasterNetwork(Sizes(1, 0, 0, 0, False), window, options.network)
