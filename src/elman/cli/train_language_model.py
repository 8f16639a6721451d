"""`elman train lm`: from texts to a model's folder. Imports torch only when it trains."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeAlias

from cyclopts import Parameter

from elman.cli.flags import INPUT, flags_of, given
from elman.cli.output import Progress
from elman.cli.training import RUN, RunFlags, train_model
from elman.errors import ConfigError
from elman.nn.recurrent import check_cell
from elman.tasks.language_model.config import LanguageModelConfig, NetworkConfig, TextConfig
from elman.train.config import TrainConfig

if TYPE_CHECKING:
    from elman.tasks.run import Job

    TextFlags: TypeAlias = Any
    NetworkFlags: TypeAlias = Any
    TrainFlags: TypeAlias = Any
else:
    _base = LanguageModelConfig.make()
    TextFlags = flags_of(TextConfig, "Text", 2, _base.text)
    NetworkFlags = flags_of(NetworkConfig, "Network", 3, _base.network)
    TrainFlags = flags_of(TrainConfig, "Training", 4, _base.training)

__all__ = ["lm"]

_USAGE = "elman train lm TEXT -o MODEL"


def lm(
    *text: Annotated[
        str, INPUT, Parameter(help="Files, folders or globs; - for standard input. `.gz` is read as it is.")
    ],
    valid: Annotated[
        list[str] | None, Parameter(group=RUN, consume_multiple=True, help="Texts of their own for validation.")
    ] = None,
    test: Annotated[
        list[str] | None, Parameter(group=RUN, consume_multiple=True, help="Texts of their own for the last test.")
    ] = None,
    cache: Annotated[Path | None, Parameter(group=RUN, help="Where to keep texts as tokens.")] = None,
    run: RunFlags = None,
    text_flags: TextFlags = None,
    network_flags: NetworkFlags = None,
    train_flags: TrainFlags = None,
) -> None:
    """Train a language model on text.

    Without `--max-steps`, `--max-epochs` or `--max-seconds` it trains for ten minutes. Ctrl-C stops it so that
    `elman train --resume MODEL` goes on.

    For example:

        elman train lm book.txt -o model
        elman train lm corpus/ -o model --preset large --cell gru --max-seconds 3600
        elman train lm train.txt --valid valid.txt --test test.txt -o model --tokens words --split 1,0,0
        elman train lm book.txt -o model --config options.toml --dry-run

    A TOML file sets options by name, such as `hidden = 512` or `cell_options = {peepholes = true}`, at the top or in
    the tables `[text]`, `[network]` and `[training]`.
    """
    if not text:
        raise ConfigError(f"expected at least one text to train on: {_USAGE}. Received: none")

    def open_job(options: LanguageModelConfig, progress: Progress) -> Job[Any]:
        from elman.tasks.language_model.corpus import Inputs, prepare_corpus
        from elman.tasks.language_model.run import language_model_job

        inputs = Inputs(text, valid or (), test or ())
        corpus = prepare_corpus(inputs, options.text, cache=cache, progress=progress)
        return language_model_job(options, corpus, inputs)

    flags = given(text_flags, network_flags, train_flags)
    train_model(LanguageModelConfig, run, flags, open_job, check=check_network, usage=_USAGE)


def check_network(options: LanguageModelConfig) -> None:
    """Raise ConfigError for a network that cannot be made, before any text is read and any memory taken."""
    import torch

    from elman.tasks.language_model.network import LanguageModelNetwork

    check_cell(options.network.cell, options.network.cell_options)
    with torch.device("meta"):
        LanguageModelNetwork(2, options.network)
