"""Options and presets of the filler. Does not import torch."""

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
from elman.train.config import ONE_TARGET_A_SEQUENCE, TrainConfig
from elman.train.plain import PLAIN_TRAINING

__all__ = ["PRESETS", "FillerConfig", "FillerNetworkConfig", "FillerTextConfig", "check_options"]


@section
class FillerTextConfig(TextConfig):
    """Options for reading, splitting and tokenizing a text: its tokens are words."""

    tokens: str = option("words", "what a token is", choices=("words",))
    documents: str = option(
        "files",
        "what a document is; no word is predicted from another document",
        choices=("files", "lines", "paragraphs"),
    )
    min_count: int = option(2, "minimum count of a word; rarer ones become [UNK], which also stands for gaps", least=1)


@section
class FillerNetworkConfig(RecurrentConfig):
    """Options of the network and its batches."""

    layers: int = option(1, "recurrent layers over the words before a gap, and over those after it", least=1, most=1000)
    hidden_size: int = option(256, "hidden units of each layer and direction", least=1)
    embedding: int = option(128, "size of the word embedding", least=1, follows=("vectors",))
    joined: int = option(
        0, "size of the tanh layer that joins the words before and after; 0 for that of the embedding", least=0
    )
    tied: bool = option(True, "share the weights of embedding and output layer (needs joined = embedding)")
    head: str = option(
        "softmax",
        "output layer: sampled trains on a sample of the vocabulary, which is faster for a large one",
        choices=("softmax", "sampled"),
    )
    noise_samples: int = option(2048, "sampled: number of sampled words for each batch", least=1)
    word_dropout: float = option(
        0.05, "share of the words that are read as unknown in training, as other gaps are", least=0.0, most=0.9
    )
    members: int = members_option()
    batch_size: int = option(32, "batch size: number of segments", least=1)
    bptt: int = option(50, "words of a segment, the time steps of BPTT", least=1)
    vectors: str = vectors_option()
    freeze_vectors: bool = freeze_vectors()
    freeze_vectors_until: float = freeze_vectors_until()


def check_options(config: FillerConfig) -> None:
    """Raise ConfigError for an option that does nothing."""
    network = config.network
    default = fields_of(FillerNetworkConfig)["noise_samples"][0].default
    if network.head != "sampled" and network.noise_samples != default:
        raise ConfigError(
            f"expected noise_samples with head=sampled. Received: noise_samples={network.noise_samples} with "
            f"head={network.head}"
        )


PRESETS: Mapping[str, Mapping[str, Any]] = MappingProxyType(
    {
        "small": {"hidden_size": 128, "embedding": 64, "batch_size": 16, "learning_rate": 2e-2},
        "base": {"batch_size": 16, "learning_rate": 2e-2, "dropout": 0.2},
        "large": {"hidden_size": 512, "embedding": 256, "layers": 2, "dropout": 0.4, "learning_rate": 3e-3},
        "plain": {
            **PLAIN_TRAINING,
            "hidden_size": 128,
            "tied": False,
            "word_dropout": 0.0,
            "batch_size": 50,
            "max_epochs": 10.0,
        },
    }
)


@dataclass(frozen=True)
class FillerConfig(Sections):
    """All options of a filler."""

    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = PRESETS
    unused: ClassVar[Mapping[str, str]] = ONE_TARGET_A_SEQUENCE

    text: FillerTextConfig = field(default_factory=FillerTextConfig)
    network: FillerNetworkConfig = field(default_factory=FillerNetworkConfig)
    training: TrainConfig = field(default_factory=TrainConfig)
