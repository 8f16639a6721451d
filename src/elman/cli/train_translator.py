"""`elman train translator`: from pairs of sentences to a model's folder. Imports torch only when it trains."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, TypeAlias

from cyclopts import Parameter

from elman.cli.flags import INPUT, flags_of, given
from elman.cli.output import Progress
from elman.cli.training import RUN, RunFlags, train_model
from elman.data.pairs.config import PairsConfig
from elman.errors import ConfigError
from elman.nn.recurrent import check_cell
from elman.tasks.translator.config import NetworkConfig, TranslatorConfig
from elman.train.config import TrainConfig

if TYPE_CHECKING:
    from elman.tasks.run import Job

    DataFlags: TypeAlias = Any
    NetworkFlags: TypeAlias = Any
    TrainFlags: TypeAlias = Any
else:
    _base = TranslatorConfig.make()
    DataFlags = flags_of(PairsConfig, "Data", 2, _base.data)
    NetworkFlags = flags_of(NetworkConfig, "Network", 3, _base.network)
    TrainFlags = flags_of(TrainConfig, "Training", 4, _base.training)

__all__ = ["translator"]

_USAGE = "elman train translator PAIRS -o MODEL"


def translator(
    *pairs: Annotated[str, INPUT, Parameter(help="A table of pairs, two aligned files, or a zip of either.")],
    valid: Annotated[
        list[str] | None, Parameter(group=RUN, consume_multiple=True, help="Pairs of their own for validation.")
    ] = None,
    test: Annotated[
        list[str] | None, Parameter(group=RUN, consume_multiple=True, help="Pairs of their own for the last test.")
    ] = None,
    run: RunFlags = None,
    data_flags: DataFlags = None,
    network_flags: NetworkFlags = None,
    train_flags: TrainFlags = None,
) -> None:
    """Train a translator: one sequence of tokens in, another of its own length out.

    It reads two aligned files (sources, targets), lines of source, tab, target, CSV and JSON lines with two columns,
    and zip archives of these. Ctrl-C stops the run so that `elman train --resume MODEL` goes on.

    For example:

        elman train translator train.de train.en --valid val.de val.en -o model --lowercase
        elman train translator pairs.tsv -o model --tokens words --attention bahdanau
        elman train translator spellings.tsv -o model --preset characters --max-epochs 10
        elman train translator sums.tsv -o adder --preset characters --reverse-source --attention none \\
            --no-bidirectional --dropout 0 --learning-rate 3e-3

    A TOML file sets options by name, such as `hidden = 300`, at the top or in the tables `[data]`, `[network]` and
    `[training]`.
    """
    if not pairs:
        raise ConfigError(f"expected at least one file to train on: {_USAGE}. Received: none")

    def open_job(options: TranslatorConfig, progress: Progress) -> Job[Any]:
        from elman.tasks.translator.parts import Sources, read_parts
        from elman.tasks.translator.run import translator_job

        sources = Sources(pairs, valid or (), test or ())
        return translator_job(options, read_parts(sources, options.data, options.training.seed, progress), sources)

    train_model(
        TranslatorConfig,
        run,
        given(data_flags, network_flags, train_flags),
        open_job,
        check=check_network,
        usage=_USAGE,
    )


def check_network(options: TranslatorConfig) -> None:
    """Raise ConfigError for a network that cannot be made, before any data is read and any memory taken."""
    import torch

    from elman.tasks.translator.network import TranslatorNetwork
    from elman.tasks.translator.run import check_options

    check_options(options)
    network = options.network
    check_cell(network.cell, network.cell_options)
    if network.encoder_cell:
        check_cell(network.encoder_cell, network.encoder_cell_options)
    with torch.device("meta"):
        TranslatorNetwork(3, 3, network)
