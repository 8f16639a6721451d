"""`elman train classifier`: from labelled texts or series to a model's folder. Imports torch only when it trains."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, TypeAlias

from cyclopts import Parameter

from elman.cli.flags import INPUT, flags_of, given
from elman.cli.output import Progress
from elman.cli.training import RUN, RunFlags, train_model
from elman.data.examples.config import InputConfig
from elman.errors import ConfigError
from elman.nn.recurrent import check_cell
from elman.tasks.classifier.config import ClassifierConfig, NetworkConfig, TargetConfig
from elman.train.config import TrainConfig

if TYPE_CHECKING:
    from elman.tasks.run import Job

    DataFlags: TypeAlias = Any
    InputFlags: TypeAlias = Any
    TargetFlags: TypeAlias = Any
    NetworkFlags: TypeAlias = Any
    TrainFlags: TypeAlias = Any
else:
    _base = ClassifierConfig.make()
    DataFlags = flags_of(type(_base.data), "Data", 2, _base.data)
    InputFlags = flags_of(InputConfig, "Input", 3, _base.input)
    TargetFlags = flags_of(TargetConfig, "Target", 4, _base.target)
    NetworkFlags = flags_of(NetworkConfig, "Network", 5, _base.network)
    TrainFlags = flags_of(TrainConfig, "Training", 6, _base.training)

__all__ = ["classifier"]

_USAGE = "elman train classifier DATA -o MODEL"


def classifier(
    *data: Annotated[
        str, INPUT, Parameter(help="Files, folders or globs; - for standard input. `.gz` is read as it is.")
    ],
    valid: Annotated[
        list[str] | None, Parameter(group=RUN, consume_multiple=True, help="Data of its own for validation.")
    ] = None,
    test: Annotated[
        list[str] | None, Parameter(group=RUN, consume_multiple=True, help="Data of its own for the last test.")
    ] = None,
    run: RunFlags = None,
    data_flags: DataFlags = None,
    input_flags: InputFlags = None,
    target_flags: TargetFlags = None,
    network_flags: NetworkFlags = None,
    train_flags: TrainFlags = None,
) -> None:
    """Train a classifier of texts or series, or with `--kind score` a regression to one number.

    `--max-steps`, `--max-epochs` or `--max-seconds` take the place of the preset's number of steps. Ctrl-C stops the
    run so that `elman train --resume MODEL` goes on.

    For example:

        elman train classifier reviews.csv -o model
        elman train classifier names/ -o model --tokens characters
        elman train classifier train.ts --valid valid.ts --test test.ts -o model --cell lstm
        elman train classifier reviews.csv -o model --kind score --label-column stars --max-seconds 300

    A TOML file sets options by name, such as `hidden = 512`, at the top or in the tables `[data]`, `[input]`,
    `[target]`, `[network]` and `[training]`.
    """
    if not data:
        raise ConfigError(f"expected at least one file to train on: {_USAGE}. Received: none")

    def open_job(options: ClassifierConfig, progress: Progress) -> Job[Any]:
        from elman.tasks.classifier.parts import Sources, read_parts
        from elman.tasks.classifier.run import classifier_job

        sources = Sources(data, valid or (), test or (), labels=options.data.labels)
        return classifier_job(options, read_parts(sources, options, progress), sources)

    flags = given(data_flags, input_flags, target_flags, network_flags, train_flags)
    train_model(ClassifierConfig, run, flags, open_job, check=check_network, usage=_USAGE)


def check_network(options: ClassifierConfig) -> None:
    """Raise ConfigError for a network that cannot be made, before any data is read and any memory taken."""
    import torch

    from elman.tasks.classifier.network import ClassifierNetwork
    from elman.tasks.classifier.run import check_options

    check_options(options)
    check_cell(options.network.cell, options.network.cell_options)
    with torch.device("meta"):
        ClassifierNetwork(options.network, outputs=2, tokens=2)
