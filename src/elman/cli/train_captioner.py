"""`elman train captioner`: from items with captions to a model's folder. Imports torch only when it trains."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, TypeAlias

from cyclopts import Parameter

from elman.cli.cells import check_cell
from elman.cli.flags import INPUT, flags_of, given
from elman.cli.output import Progress
from elman.cli.training import RUN, RunFlags, train_model
from elman.data.captioned.config import CaptionedConfig, CaptionTextConfig
from elman.errors import ConfigError
from elman.tasks.captioner.config import CaptionerConfig, NetworkConfig
from elman.train.config import TrainConfig

if TYPE_CHECKING:
    from elman.tasks.run import Job

    DataFlags: TypeAlias = Any
    TextFlags: TypeAlias = Any
    NetworkFlags: TypeAlias = Any
    TrainFlags: TypeAlias = Any
else:
    _base = CaptionerConfig.make()
    DataFlags = flags_of(CaptionedConfig, "Data", 2, _base.data)
    TextFlags = flags_of(CaptionTextConfig, "Captions", 3, _base.text)
    NetworkFlags = flags_of(NetworkConfig, "Network", 4, _base.network)
    TrainFlags = flags_of(TrainConfig, "Training", 5, _base.training)

__all__ = ["captioner"]

_USAGE = "elman train captioner DATA -o MODEL"


def captioner(
    *data: Annotated[str, INPUT, Parameter(help="Tables, arrays with their captions, or folders of images.")],
    valid: Annotated[
        list[str] | None, Parameter(group=RUN, consume_multiple=True, help="Data of its own for validation.")
    ] = None,
    test: Annotated[
        list[str] | None, Parameter(group=RUN, consume_multiple=True, help="Data of its own for the last test.")
    ] = None,
    run: RunFlags = None,
    data_flags: DataFlags = None,
    text_flags: TextFlags = None,
    network_flags: NetworkFlags = None,
    train_flags: TrainFlags = None,
) -> None:
    """Train a captioner: a text for every vector, image or map of features.

    It reads tables with columns of numbers or of image files beside captions, arrays (.npy, .npz, idx) followed by a
    text file with a caption a line, and folders of images with captions.csv. Ctrl-C stops the run so that
    `elman train --resume MODEL` goes on.

    For example:

        elman train captioner digits.npy digits.txt -o model
        elman train captioner photos.csv -o model --image-size 96,128 --attention luong
        elman train captioner weather.csv -o model --vector both --tokens subwords --test may.csv

    A TOML file sets options by name, such as `hidden = 300`, at the top or in the tables `[data]`, `[text]`,
    `[network]` and `[training]`.
    """
    if not data:
        raise ConfigError(f"expected at least one file to train on: {_USAGE}. Received: none")

    def open_job(options: CaptionerConfig, progress: Progress) -> Job[Any]:
        from elman.tasks.captioner.parts import Sources, read_parts
        from elman.tasks.captioner.run import captioner_job

        sources = Sources(data, valid or (), test or ())
        return captioner_job(options, read_parts(sources, options.data, options.training.seed, progress), sources)

    train_model(
        CaptionerConfig,
        run,
        given(data_flags, text_flags, network_flags, train_flags),
        open_job,
        check=check_network,
        usage=_USAGE,
    )


def check_network(options: CaptionerConfig) -> None:
    """Raise ConfigError for options that cannot work, before any data is read and any memory taken."""
    import torch

    from elman.data.captioned.pictures import check_size
    from elman.data.captioned.vocabulary import Item
    from elman.tasks.captioner.network import CaptionerNetwork
    from elman.tasks.captioner.run import check_options

    check_options(options)
    check_cell(options.network.cell, options.network.cell_options)
    check_size(options.data.image_size)
    # Images take every option; what does not go with the data's own items is told when they are known.
    item = Item("images", (64, 64, 3), whole=True)
    if not options.network.vector_size and not options.network.image_encoder:
        item = Item("vectors", (8,))
    with torch.device("meta"):
        CaptionerNetwork(item, 4, options.network)
