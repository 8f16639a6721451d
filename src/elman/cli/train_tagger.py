"""`elman train tagger`: from sentences or frames with tags to a model's folder. Imports torch only when it trains."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, TypeAlias

from cyclopts import Parameter

from elman.cli.flags import INPUT, flags_of, given
from elman.cli.output import Progress
from elman.cli.training import RUN, RunFlags, train_model
from elman.data.tagged.config import TaggedConfig
from elman.errors import ConfigError
from elman.nn.recurrent import check_cell
from elman.tasks.tagger.config import NetworkConfig, TaggerConfig
from elman.train.config import TrainConfig

if TYPE_CHECKING:
    from elman.tasks.run import Job

    DataFlags: TypeAlias = Any
    NetworkFlags: TypeAlias = Any
    TrainFlags: TypeAlias = Any
else:
    _base = TaggerConfig.make()
    DataFlags = flags_of(TaggedConfig, "Data", 2, _base.data)
    NetworkFlags = flags_of(NetworkConfig, "Network", 3, _base.network)
    TrainFlags = flags_of(TrainConfig, "Training", 4, _base.training)

__all__ = ["tagger"]

_USAGE = "elman train tagger DATA -o MODEL"


def tagger(
    *data: Annotated[str, INPUT, Parameter(help="Files, folders or globs of sentences or frames with tags.")],
    valid: Annotated[
        list[str] | None, Parameter(group=RUN, consume_multiple=True, help="Data of its own for validation.")
    ] = None,
    test: Annotated[
        list[str] | None, Parameter(group=RUN, consume_multiple=True, help="Data of its own for the last test.")
    ] = None,
    run: RunFlags = None,
    data_flags: DataFlags = None,
    network_flags: NetworkFlags = None,
    train_flags: TrainFlags = None,
) -> None:
    """Train a tagger: a label for every word of a sentence, or for every frame of a sequence of numbers.

    It reads CoNLL-U (`.conllu`), words and tags in columns, folders with `seq.in`, `seq.out` and `label`, and frames
    in `.npz`, `.npy` and tables. Ctrl-C stops the run so that `elman train --resume MODEL` goes on.

    For example:

        elman train tagger train.conllu --valid dev.conllu --test test.conllu -o model
        elman train tagger train.conllu -o model --tag-column xpos --max-epochs 10
        elman train tagger snips/train --valid snips/valid -o model --head crf --intent
        elman train tagger gestures.csv -o model --sequence-column take --tag-column gesture

    A TOML file sets options by name, such as `hidden = 300`, at the top or in the tables `[data]`, `[network]` and
    `[training]`.
    """
    if not data:
        raise ConfigError(f"expected at least one file to train on: {_USAGE}. Received: none")

    def open_job(options: TaggerConfig, progress: Progress) -> Job[Any]:
        from elman.tasks.tagger.parts import Sources, read_parts
        from elman.tasks.tagger.run import tagger_job

        sources = Sources(data, valid or (), test or ())
        return tagger_job(options, read_parts(sources, options.data, options.training.seed, progress), sources)

    train_model(
        TaggerConfig,
        run,
        given(data_flags, network_flags, train_flags),
        open_job,
        check=check_network,
        usage=_USAGE,
    )


def check_network(options: TaggerConfig) -> None:
    """Raise ConfigError for a network that cannot be made, before any data is read and any memory taken."""
    import torch

    from elman.data.tagged.vocabulary import TaggerVocabulary
    from elman.tasks.tagger.network import TaggerNetwork
    from elman.tasks.tagger.run import check_options

    check_options(options)
    check_cell(options.network.cell, options.network.cell_options)
    smallest = TaggerVocabulary(
        words=("a",),
        letters=("a",),
        tags=("a", "b"),
        intents=("a", "b") if options.network.intent else (),
        scheme=None,
        features=0,
        lowercase=True,
        digits=True,
    )
    with torch.device("meta"):
        TaggerNetwork(smallest, options.network)
