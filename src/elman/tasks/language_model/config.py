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
from elman.options import Sections, fields_of, option, section
from elman.train.config import TrainConfig
from elman.train.plain import PLAIN_TRAINING

__all__ = ["PRESETS", "LanguageModelConfig", "LanguageModelNetworkConfig", "check_options"]


@section
class LanguageModelNetworkConfig(RecurrentConfig):
    """Options of the network and its batches."""

    embedding: int = option(128, "size of the token embedding; 0 for one-hot input", least=0, follows=("vectors",))
    embedding_range: float = option(
        0.0, "initial embeddings are uniform from minus to plus this number; 0 for normal ones of variance 1", least=0.0
    )
    tied: bool = option(False, "share the weights of embedding and output layer (needs embedding = hidden_size)")
    head: str = option(
        "softmax",
        "output layer: adaptive puts rare tokens into clusters of fewer features; sampled and nce train on a sample of "
        "the vocabulary",
        choices=("softmax", "adaptive", "sampled", "nce"),
    )
    cutoffs: tuple[int, ...] = option(
        (), "adaptive: the first token of each cluster (default: after 80 % and 95 % of the training text)"
    )
    noise: str = option("unigram", "sampled, nce: the distribution of the sample", choices=("unigram", "log-uniform"))
    noise_power: float = option(0.75, "unigram: power of the tokens' counts", least=0.0)
    noise_samples: int = option(2048, "sampled, nce: number of sampled tokens for each batch", least=1)
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


# Options that only these output layers use.
_OF_HEADS = {"cutoffs": ("adaptive",)} | dict.fromkeys(("noise", "noise_power", "noise_samples"), ("sampled", "nce"))


def check_options(config: LanguageModelConfig) -> None:
    """Raise ConfigError for options that exclude each other, or that do nothing."""
    network = config.network
    for name, heads in _OF_HEADS.items():
        value, default = getattr(network, name), fields_of(type(network))[name][0].default
        if network.head not in heads and value != default:
            raise ConfigError(
                f"expected {name} with head={' or '.join(heads)}. Received: {name}={value} with head={network.head}"
            )
    if network.head == "adaptive" and network.tied:
        raise ConfigError(
            "expected tied=false with head=adaptive, whose rows have different numbers of features; head=sampled "
            "and head=nce can be tied. Received: tied=true"
        )
    if config.network.temporal_activation_penalty and config.training.recompute:
        raise ConfigError(
            "expected recompute=0 with temporal_activation_penalty, which needs the outputs of two time steps. "
            f"Received: recompute={config.training.recompute}"
        )
