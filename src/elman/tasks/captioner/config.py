"""Options and presets of the captioner. Does not import torch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, ClassVar

from elman.data.captioned.config import CaptionDataConfig, CaptionTextConfig
from elman.nn.recurrent_config import (
    RecurrentConfig,
    attention_score_option,
    input_feeding,
    label_smoothing,
    members_option,
    output_layer,
)
from elman.nn.vector_options import freeze_vectors, freeze_vectors_until, vectors_option
from elman.options import Sections, option, section
from elman.train.config import EVERY_EXAMPLE_EVALUATED, ONE_TARGET_A_SEQUENCE, TrainConfig
from elman.train.plain import PLAIN_TRAINING

__all__ = ["PRESETS", "CaptionerConfig", "CaptionerNetworkConfig"]


@section
class CaptionerNetworkConfig(RecurrentConfig):
    """Options of the network, the loss and the batches. Options of layers apply to the decoder."""

    cell: str = option("gru", "recurrent cell; see `elman cells`")
    hidden_size: int = option(256, "hidden units of each layer", least=1, former=("hidden",))
    dropout: float = option(0.3, "dropout on the output of each layer and of the decoder", least=0.0)
    input_dropout: float = option(0.0, "dropout on embeddings", least=0.0)
    variational: bool = option(True, "one dropout mask for all time steps of a caption")
    embedding: int = option(128, "size of the token embedding", least=1, follows=("vectors",))
    tied: bool = option(False, "share the weights of embedding and output layer")
    vector: str = option(
        "start",
        "use of the item's vector: initial state of the decoder (start), its first input, before the caption (first), "
        "input of every step (steps), or start and steps (both)",
        choices=("start", "first", "steps", "both"),
    )
    vector_size: int = option(
        256,
        "size of the vector that an item is projected to, with ReLU; 0 to use vectors as they are; with "
        "vector=first it is projected to the size of the embedding, without ReLU",
        least=0,
    )
    vector_dropout: float = option(0.0, "dropout on the item's vector and feature map", least=0.0)
    channels: tuple[int, ...] = option((32, 64, 96), "images: channels of each convolution; each halves the image size")
    image_encoder: str = option(
        "", "images: pretrained torchvision model, frozen, such as torchvision:resnet18 (default: train a small CNN)"
    )
    image_weights: str = option("", "images: .safetensors file with the weights of image_encoder")
    attention: str = option(
        "none",
        "images and maps: attention over the feature map; its query is the decoder's output (luong), the output of the "
        "step before (bahdanau) or the output of the first layer, for the layers above it (between)",
        choices=("none", "luong", "bahdanau", "between"),
    )
    attention_score: str = attention_score_option()
    input_feeding: bool = input_feeding()
    output_layer: bool = output_layer()
    label_smoothing: float = label_smoothing(0.0)
    members: int = members_option()
    batch_size: int = option(64, "captions per batch", least=1)
    vectors: str = vectors_option()
    freeze_vectors: bool = freeze_vectors()
    freeze_vectors_until: float = freeze_vectors_until()


_COMMON: Mapping[str, Any] = MappingProxyType(
    {"learning_rate": 2e-3, "weight_decay": 0.01, "warmup_steps": 100, "ema_decay": 0.995}
)

PRESETS: Mapping[str, Mapping[str, Any]] = MappingProxyType(
    {
        "small": {
            **_COMMON,
            "hidden_size": 128,
            "embedding": 64,
            "vector_size": 128,
            "channels": (16, 32, 48),
            "dropout": 0.2,
            "max_epochs": 10.0,
        },
        "base": {**_COMMON, "max_epochs": 15.0},
        "large": {
            **_COMMON,
            "hidden_size": 512,
            "embedding": 256,
            "vector_size": 512,
            "channels": (32, 64, 128, 256),
            "dropout": 0.5,
            "input_dropout": 0.2,
            "max_epochs": 20.0,
        },
        "plain": {
            **PLAIN_TRAINING,
            "cell": "lstm",
            "hidden_size": 512,
            "embedding": 256,
            "vector": "first",
            "output_layer": False,
            "dropout": 0.0,
            "variational": False,
            "batch_size": 128,
            "max_epochs": 5.0,
        },
    }
)


@dataclass(frozen=True)
class CaptionerConfig(Sections):
    """All options of a captioner."""

    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = PRESETS
    unused: ClassVar[Mapping[str, str]] = MappingProxyType({**EVERY_EXAMPLE_EVALUATED, **ONE_TARGET_A_SEQUENCE})

    data: CaptionDataConfig = field(default_factory=CaptionDataConfig)
    text: CaptionTextConfig = field(default_factory=CaptionTextConfig)
    network: CaptionerNetworkConfig = field(default_factory=CaptionerNetworkConfig)
    training: TrainConfig = field(default_factory=TrainConfig)
