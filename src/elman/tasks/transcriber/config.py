"""The options of a transcriber: its data, what it hears, its network, and presets. Imports no torch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, ClassVar

from elman.data.sound.config import SoundConfig
from elman.data.transcripts.config import DataConfig
from elman.nn.recurrent_config import RecurrentConfig
from elman.options import Sections, option
from elman.train.config import TrainConfig

__all__ = ["PRESETS", "NetworkConfig", "TranscriberConfig"]


@dataclass(frozen=True)
class NetworkConfig(RecurrentConfig):
    """The network and the shape of its batches."""

    layers: int = option(2, "recurrent layers", least=1, most=1000)
    hidden: int = option(192, "units of each layer and direction", least=1)
    dropout: float = option(0.3, "dropout on each layer's output", least=0.0)
    variational: bool = option(True, "one dropout mask for all time steps of a recording")
    bidirectional: bool = option(True, "hear in both directions; without, text can be told while sound comes in")
    normalise: str = option(
        "utterance",
        "bring each feature to mean 0 and deviation 1: of the recording itself, or of all training data (global: what "
        "text that is told while sound comes in needs)",
        choices=("utterance", "global", "none"),
    )
    stack: int = option(3, "frames that a step of the network hears", least=1, most=1000)
    stride: int = option(2, "frames from one step to the next: how much slower the network ticks", least=1, most=1000)
    time_masks: int = option(2, "SpecAugment: stretches of time that are hidden in training", least=0)
    time_width: int = option(10, "SpecAugment: most frames of one", least=0)
    frequency_masks: int = option(2, "SpecAugment: bands of features that are hidden in training", least=0)
    frequency_width: int = option(6, "SpecAugment: most features of one", least=0)
    batch_size: int = option(16, "recordings of a batch", least=1)
    batch_frames: int = option(0, "most frames of a batch, padding included; 0 for no such limit", least=0)


# What all presets share: rates that suit Adam here, and the average of the weights that is kept.
_TRAINING: dict[str, Any] = {"learning_rate": 2e-3, "weight_decay": 0.01, "average": 0.998}
# A pen has three numbers a point: no bands to hide, and one scale for all drawings.
_STROKES: dict[str, Any] = {"input": "strokes", "normalise": "global", "frequency_masks": 0, "time_masks": 0}

PRESETS: Mapping[str, Mapping[str, Any]] = MappingProxyType(
    {
        "small": {**_TRAINING, "layers": 1, "hidden": 96, "dropout": 0.2},
        "base": {**_TRAINING},
        "large": {**_TRAINING, "layers": 3, "hidden": 320},
        "streaming": {**_TRAINING, "bidirectional": False, "normalise": "global", "hidden": 256},
        "strokes": {**_TRAINING, **_STROKES},
    }
)


@dataclass(frozen=True)
class TranscriberConfig(Sections):
    """Everything that a transcriber is made from."""

    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = PRESETS

    data: DataConfig = field(default_factory=DataConfig)
    sound: SoundConfig = field(default_factory=SoundConfig)
    network: NetworkConfig = field(default_factory=NetworkConfig)
    training: TrainConfig = field(default_factory=TrainConfig)
