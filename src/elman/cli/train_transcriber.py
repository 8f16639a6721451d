"""`elman train transcriber`: from recordings with texts to a model's folder. Imports torch only when it trains."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, TypeAlias

from cyclopts import Parameter

from elman.cli.flags import INPUT, flags_of, given
from elman.cli.output import Progress, remark
from elman.cli.training import RUN, RunFlags, train_model
from elman.data.sound.config import SoundConfig
from elman.errors import ConfigError
from elman.nn.recurrent import check_cell
from elman.tasks.transcriber.config import DataConfig, NetworkConfig, TranscriberConfig
from elman.train.config import TrainConfig

if TYPE_CHECKING:
    from elman.tasks.run import Job

    DataFlags: TypeAlias = Any
    SoundFlags: TypeAlias = Any
    NetworkFlags: TypeAlias = Any
    TrainFlags: TypeAlias = Any
else:
    _base = TranscriberConfig.make()
    DataFlags = flags_of(DataConfig, "Data", 2, _base.data)
    SoundFlags = flags_of(SoundConfig, "Sound", 3, _base.sound)
    NetworkFlags = flags_of(NetworkConfig, "Network", 4, _base.network)
    TrainFlags = flags_of(TrainConfig, "Training", 5, _base.training)

__all__ = ["transcriber"]

_USAGE = "elman train transcriber MANIFEST -o MODEL"


def transcriber(
    *data: Annotated[str, INPUT, Parameter(help="Manifests, folders, or globs of sounds or drawings with texts.")],
    valid: Annotated[
        list[str] | None, Parameter(group=RUN, consume_multiple=True, help="Data of its own for validation.")
    ] = None,
    test: Annotated[
        list[str] | None, Parameter(group=RUN, consume_multiple=True, help="Data of its own for the last test.")
    ] = None,
    run: RunFlags = None,
    data_flags: DataFlags = None,
    sound_flags: SoundFlags = None,
    network_flags: NetworkFlags = None,
    train_flags: TrainFlags = None,
) -> None:
    """Train a transcriber: the text of what is said in sound, or written with a pen.

    It reads manifests (CSV, TSV or JSON lines with the columns path and text), folders of sounds (WAV, FLAC, Ogg) with
    the text of `7.wav` in `7.txt`, and drawings as moves of a pen in `.npz`, `.npy` and JSON lines. Ctrl-C stops the
    run so that `elman train --resume MODEL` goes on.

    For example:

        elman train transcriber train.csv --valid dev.csv --test test.csv -o model
        elman train transcriber recordings/ -o model --sample-rate 8000 --max-epochs 20
        elman train transcriber train.csv -o live --preset streaming
        elman train transcriber drawings.jsonl -o pen --preset strokes

    A TOML file sets options by name, such as `hidden = 300`, at the top or in the tables `[data]`, `[sound]`,
    `[network]` and `[training]`.
    """
    if not data:
        raise ConfigError(f"expected at least one file to train on: {_USAGE}. Received: none")

    def open_job(options: TranscriberConfig, progress: Progress) -> Job[Any]:
        from elman.tasks.transcriber.parts import Sources, read_parts
        from elman.tasks.transcriber.run import notes_on, transcriber_job
        from elman.tasks.transcriber.vocabulary import TranscriberVocabulary

        sources = Sources(data, valid or (), test or ())
        parts = read_parts(sources, options, progress)
        job = transcriber_job(options, parts, sources)
        for note in notes_on(parts, job.config, TranscriberVocabulary.from_json(job.vocabulary)):
            remark(note)
        return job

    train_model(
        TranscriberConfig,
        run,
        given(data_flags, sound_flags, network_flags, train_flags),
        open_job,
        check=check_network,
        usage=_USAGE,
    )


def check_network(options: TranscriberConfig) -> None:
    """Raise ConfigError for a network that cannot be made, before any data is read and any memory taken."""
    import torch

    from elman.data.sound import LogMel
    from elman.tasks.transcriber.network import TranscriberNetwork
    from elman.tasks.transcriber.run import check_options

    check_options(options)
    check_cell(options.network.cell, options.network.cell_options)
    LogMel(options.sound)
    with torch.device("meta"):
        TranscriberNetwork(options.sound.mels, 3, options.network)
