"""Options and presets of the language model. Does not import torch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, ClassVar

from elman.data.text_config import TextConfig
from elman.errors import ConfigError
from elman.nn.recurrent_config import RecurrentConfig, members_option
from elman.nn.vector_options import freeze_vectors, freeze_vectors_until, vectors_option
from elman.options import Sections, option, section
from elman.train.config import TrainConfig
from elman.train.plain import PLAIN_TRAINING

__all__ = ["PRESETS", "LanguageModelConfig", "LanguageModelNetworkConfig", "check_options"]


@section
class LanguageModelNetworkConfig(RecurrentConfig):
    """Options of the network and its batches."""

    embedding: int = option(128, "size of the token embedding; 0 for one-hot input", least=0, follows=("vectors",))
    tied: bool = option(False, "share the weights of embedding and output layer (needs embedding = hidden_size)")
    embedding_dropout: float = option(0.0, "dropout of whole words of the embedding, one mask for a batch", least=0.0)
    activation_penalty: float = option(
        0.0, "weight in the loss of the mean square of the last layer's outputs, after dropout (AR)", least=0.0
    )
    temporal_activation_penalty: float = option(
        0.0, "weight in the loss of the mean square of their differences from step to step (TAR)", least=0.0
    )
    members: int = members_option()
    batch_size: int = option(
        32, "batch size: number of parallel streams that the text is cut into", least=1, former=("lanes",)
    )
    bptt: int = option(50, "time steps of a chunk in truncated BPTT", least=1, former=("chunk",))
    vectors: str = vectors_option()
    freeze_vectors: bool = freeze_vectors()
    freeze_vectors_until: float = freeze_vectors_until()


PRESETS: Mapping[str, Mapping[str, Any]] = MappingProxyType(
    {
        "small": {"hidden_size": 128, "embedding": 64, "learning_rate": 1e-2},
        "base": {"learning_rate": 1e-2},
        "large": {"hidden_size": 512, "embedding": 256, "layers": 2, "dropout": 0.2, "learning_rate": 3e-3},
        "plain": {
            **PLAIN_TRAINING,
            "layers": 2,
            "hidden_size": 128,
            "embedding": 0,
            "batch_size": 50,
            "optimizer": "rmsprop",
            "optimizer_options": {"alpha": 0.95},
            "learning_rate": 2e-3,
            "clip_value": 5.0,
            "max_epochs": 50.0,
        },
    }
)


@dataclass(frozen=True)
class LanguageModelConfig(Sections):
    """All options of a language model."""

    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = PRESETS

    text: TextConfig = field(default_factory=TextConfig)
    network: LanguageModelNetworkConfig = field(default_factory=LanguageModelNetworkConfig)
    training: TrainConfig = field(default_factory=TrainConfig)


def check_options(config: LanguageModelConfig) -> None:
    """Raise ConfigError for options that exclude each other."""
    if config.network.temporal_activation_penalty and config.training.recompute:
        raise ConfigError(
            "expected recompute=0 with temporal_activation_penalty, which needs the outputs of two time steps. "
            f"Received: recompute={config.training.recompute}"
        )
