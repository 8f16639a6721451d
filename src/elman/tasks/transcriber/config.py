"""Options and presets of the transcriber. Does not import torch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, ClassVar

from elman.data.sound.config import SoundConfig
from elman.data.transcripts.config import TranscriptsConfig
from elman.nn.recurrent_config import RecurrentConfig, members_option
from elman.options import Sections, option, section
from elman.train.config import EVERY_EXAMPLE_EVALUATED, ONE_TARGET_A_SEQUENCE, TrainConfig
from elman.train.plain import PLAIN_TRAINING

__all__ = ["PRESETS", "TranscriberConfig", "TranscriberNetworkConfig"]


@section
class TranscriberNetworkConfig(RecurrentConfig):
    """Options of the network and its batches."""

    layers: int = option(2, "recurrent layers", least=1, most=1000)
    hidden_size: int = option(192, "hidden units of each layer and direction", least=1, former=("hidden",))
    dropout: float = option(0.3, "dropout on each layer's output", least=0.0)
    variational: bool = option(True, "one dropout mask for all time steps of a recording")
    bidirectional: bool = option(True, "bidirectional layers; streaming needs false")
    normalise: str = option(
        "utterance",
        "standardise features with the statistics of each recording (utterance) or of the training set (global, which "
        "streaming needs)",
        choices=("utterance", "global", "none"),
    )
    stack_frames: int = option(3, "frames per time step of the network", least=1, most=1000, former=("stack",))
    stride: int = option(2, "frames between time steps of the network (subsampling factor)", least=1, most=1000)
    time_masks: int = option(2, "SpecAugment: number of time masks", least=0)
    time_width: int = option(10, "SpecAugment: maximum width of a time mask, in frames", least=0)
    frequency_masks: int = option(2, "SpecAugment: number of frequency masks", least=0)
    frequency_width: int = option(6, "SpecAugment: maximum width of a frequency mask, in features", least=0)
    members: int = members_option()
    batch_size: int = option(16, "recordings per batch", least=1)
    batch_frames: int = option(0, "maximum frames per batch, padding included; 0 for no limit", least=0)


# Training options of all presets; `ema_decay` keeps a moving average of the weights.
_TRAINING: dict[str, Any] = {"learning_rate": 2e-3, "weight_decay": 0.01, "ema_decay": 0.998}
# Points have three features, which cannot be masked; the scale must be the same for all drawings.
_STROKES: dict[str, Any] = {"input": "strokes", "normalise": "global", "frequency_masks": 0, "time_masks": 0}

PRESETS: Mapping[str, Mapping[str, Any]] = MappingProxyType(
    {
        "small": {**_TRAINING, "layers": 1, "hidden_size": 96, "dropout": 0.2},
        "base": {**_TRAINING},
        "large": {**_TRAINING, "layers": 3, "hidden_size": 320},
        "streaming": {**_TRAINING, "bidirectional": False, "normalise": "global", "hidden_size": 256},
        "strokes": {**_TRAINING, **_STROKES},
        "plain": {
            **PLAIN_TRAINING,
            "layers": 1,
            "hidden_size": 128,
            "dropout": 0.0,
            "variational": False,
            "stack_frames": 1,
            "stride": 1,
            "time_masks": 0,
            "frequency_masks": 0,
            "max_epochs": 50.0,
        },
    }
)


@dataclass(frozen=True)
class TranscriberConfig(Sections):
    """All options of a transcriber."""

    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = PRESETS
    unused: ClassVar[Mapping[str, str]] = MappingProxyType({**EVERY_EXAMPLE_EVALUATED, **ONE_TARGET_A_SEQUENCE})

    data: TranscriptsConfig = field(default_factory=TranscriptsConfig)
    sound: SoundConfig = field(default_factory=SoundConfig)
    network: TranscriberNetworkConfig = field(default_factory=TranscriberNetworkConfig)
    training: TrainConfig = field(default_factory=TrainConfig)
