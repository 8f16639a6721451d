"""Options and presets of the tagger. Does not import torch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, ClassVar

from elman.data.tagged.config import TaggedDataConfig
from elman.nn.recurrent_config import RecurrentConfig, members_option
from elman.nn.vector_options import freeze_vectors, freeze_vectors_until, vectors_option, vectors_words
from elman.options import Sections, option, section
from elman.train.config import EVERY_EXAMPLE_EVALUATED, ONE_TARGET_A_SEQUENCE, TrainConfig
from elman.train.plain import PLAIN_TRAINING

__all__ = ["PRESETS", "TaggerConfig", "TaggerNetworkConfig"]


@section
class TaggerNetworkConfig(RecurrentConfig):
    """Options of the network and its batches."""

    layers: int = option(2, "recurrent layers", least=1, most=1000)
    hidden_size: int = option(200, "hidden units of each layer and direction", least=1, former=("hidden",))
    dropout: float = option(0.5, "dropout on each layer's output", least=0.0)
    input_dropout: float = option(0.5, "dropout on the input of the first layer", least=0.0)
    variational: bool = option(True, "one dropout mask for all time steps of a sentence")
    bidirectional: bool = option(True, "bidirectional layers")
    embedding: int = option(128, "size of the word embedding; 0 for characters only", least=0, follows=("vectors",))
    char_embedding: int = option(
        32, "size of the character embedding; 0 for words only", least=0, former=("letter_embedding",)
    )
    char_hidden: int = option(
        64, "hidden units of each direction of the character layer", least=1, former=("letter_hidden",)
    )
    word_dropout: float = option(
        0.25,
        "word dropout a: a word with n occurrences becomes unknown with probability a / (a + n) in training",
        least=0.0,
    )
    head: str = option(
        "softmax", "output layer: independent softmax for each step, or linear-chain crf", choices=("softmax", "crf")
    )
    constrained: bool = option(True, "crf: forbid transitions that are invalid in the span notation of the tags")
    intent: bool = option(False, "also predict a label of the whole sentence")
    intent_pool: str = option(
        "attention", "pooling over time for the sentence label: last, mean, max, attention, or several joined by -"
    )
    intent_weight: float = option(1.0, "weight of the sentence label in the loss", least=0.0)
    members: int = members_option()
    batch_size: int = option(32, "sentences per batch", least=1)
    vectors: str = vectors_option()
    freeze_vectors: bool = freeze_vectors()
    freeze_vectors_until: float = freeze_vectors_until()
    vectors_words: int = vectors_words()


# Training options of all presets; `ema_decay` keeps a moving average of the weights.
_TRAINING: dict[str, Any] = {"learning_rate": 2e-3, "weight_decay": 0.01, "ema_decay": 0.998}

PRESETS: Mapping[str, Mapping[str, Any]] = MappingProxyType(
    {
        "small": {**_TRAINING, "layers": 1, "hidden_size": 100, "embedding": 64, "dropout": 0.3, "input_dropout": 0.3},
        "base": {**_TRAINING, "char_hidden": 100, "word_dropout": 1.0},
        "spans": {**_TRAINING, "head": "crf", "dropout": 0.4, "input_dropout": 0.4},
        "large": {**_TRAINING, "hidden_size": 300, "embedding": 200, "char_hidden": 100, "word_dropout": 1.0},
        "plain": {
            **PLAIN_TRAINING,
            "layers": 1,
            "hidden_size": 128,
            "embedding": 128,
            "char_embedding": 0,
            "bidirectional": False,
            "dropout": 0.0,
            "input_dropout": 0.0,
            "variational": False,
            "word_dropout": 0.0,
            "batch_size": 32,
            "max_epochs": 10.0,
        },
    }
)


@dataclass(frozen=True)
class TaggerConfig(Sections):
    """All options of a tagger."""

    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = PRESETS
    unused: ClassVar[Mapping[str, str]] = MappingProxyType({**EVERY_EXAMPLE_EVALUATED, **ONE_TARGET_A_SEQUENCE})

    data: TaggedDataConfig = field(default_factory=TaggedDataConfig)
    network: TaggerNetworkConfig = field(default_factory=TaggerNetworkConfig)
    training: TrainConfig = field(default_factory=TrainConfig)
