"""The options of a captioner: its data, its tokens, its network, and presets. Imports no torch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, ClassVar

from elman.data.captioned.config import CaptionedConfig, CaptionTextConfig
from elman.nn.recurrent_config import RecurrentConfig, attention_score, input_feeding, label_smoothing
from elman.options import Sections, option
from elman.train.config import TrainConfig

__all__ = ["PRESETS", "CaptionerConfig", "NetworkConfig"]


@dataclass(frozen=True)
class NetworkConfig(RecurrentConfig):
    """The network, what is learnt, and the size of its batches. Options of layers are the decoder's."""

    cell: str = option("gru", "the recurrent cell; see `elman cells`")
    hidden: int = option(256, "units of each layer", least=1)
    dropout: float = option(0.3, "dropout on the output of every layer, and before the answer", least=0.0)
    input_dropout: float = option(0.0, "dropout on embeddings", least=0.0)
    variational: bool = option(True, "one dropout mask for all time steps of a caption")
    embedding: int = option(128, "size of the tokens' embedding", least=1)
    tied: bool = option(False, "the embedding's weights are also those that score the tokens")
    vector: str = option(
        "start",
        "what the item's vector does: it makes the first state, it enters at every step, or both",
        choices=("start", "steps", "both"),
    )
    vector_size: int = option(
        256, "numbers of the vector that is made of an item; 0 takes the numbers of a vector as they are", least=0
    )
    vector_dropout: float = option(0.0, "dropout on an item's vector, and on its map", least=0.0)
    channels: tuple[int, ...] = option((32, 64, 96), "images: features of each convolution, which halves the image")
    image_encoder: str = option(
        "", "images: torchvision:NAME for a frozen model of torchvision, such as torchvision:resnet18 (default: own)"
    )
    image_weights: str = option("", "images: the .safetensors file with that model's weights, to train with")
    attention: str = option(
        "none",
        "images and maps: how the decoder asks the places of the map: with its last layer (luong), before each step "
        "(bahdanau), with its first layer for those above (between), or not at all",
        choices=("none", "luong", "bahdanau", "between"),
    )
    score: str = attention_score()
    input_feeding: bool = input_feeding()
    label_smoothing: float = label_smoothing(0.0)
    batch_size: int = option(64, "captions of a batch", least=1)


_COMMON: Mapping[str, Any] = MappingProxyType(
    {"learning_rate": 2e-3, "weight_decay": 0.01, "warmup_steps": 100, "average": 0.995}
)

PRESETS: Mapping[str, Mapping[str, Any]] = MappingProxyType(
    {
        "small": {
            **_COMMON,
            "hidden": 128,
            "embedding": 64,
            "vector_size": 128,
            "channels": (16, 32, 48),
            "dropout": 0.2,
            "max_epochs": 10.0,
        },
        "base": {**_COMMON, "max_epochs": 15.0},
        "large": {
            **_COMMON,
            "hidden": 512,
            "embedding": 256,
            "vector_size": 512,
            "channels": (32, 64, 128, 256),
            "dropout": 0.5,
            "input_dropout": 0.2,
            "max_epochs": 20.0,
        },
    }
)


@dataclass(frozen=True)
class CaptionerConfig(Sections):
    """Everything that a captioner is made from."""

    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = PRESETS

    data: CaptionedConfig = field(default_factory=CaptionedConfig)
    text: CaptionTextConfig = field(default_factory=CaptionTextConfig)
    network: NetworkConfig = field(default_factory=NetworkConfig)
    training: TrainConfig = field(default_factory=TrainConfig)
