"""The options of a tagger: its data, its network, and presets. Imports no torch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, ClassVar

from elman.data.tagged.config import TaggedConfig
from elman.nn.recurrent_config import RecurrentConfig
from elman.options import Sections, option
from elman.train.config import TrainConfig

__all__ = ["PRESETS", "NetworkConfig", "TaggerConfig"]


@dataclass(frozen=True)
class NetworkConfig(RecurrentConfig):
    """The network and the shape of its batches."""

    layers: int = option(2, "recurrent layers", least=1, most=1000)
    hidden: int = option(200, "units of each layer and direction", least=1)
    dropout: float = option(0.5, "dropout on each layer's output", least=0.0)
    input_dropout: float = option(0.5, "dropout on what the first layer reads", least=0.0)
    variational: bool = option(True, "one dropout mask for all time steps of a sentence")
    bidirectional: bool = option(True, "read each sentence in both directions")
    embedding: int = option(128, "size of the word embedding; 0 to read letters alone", least=0)
    letter_embedding: int = option(32, "size of the letters' embedding; 0 to read words as a whole only", least=0)
    letter_hidden: int = option(64, "units of each direction of the layer that reads a word's letters", least=1)
    word_dropout: float = option(
        0.25, "a word seen n times becomes unknown at the rate a / (a + n) in training; this is a", least=0.0
    )
    head: str = option("softmax", "softmax judges every step, crf the whole path", choices=("softmax", "crf"))
    constrained: bool = option(True, "crf: rule out what the span notation of the tags does not allow")
    intent: bool = option(False, "also learn one label of the whole sentence")
    intent_pool: str = option(
        "attention", "how the steps become one vector for the sentence label: last, mean, max, attention, or several"
    )
    intent_weight: float = option(1.0, "weight of the sentence label in the loss", least=0.0)
    batch_size: int = option(32, "sentences of a batch", least=1)


# What all presets share: rates that suit Adam on sentences, and the average of the weights that is kept.
_TRAINING: dict[str, Any] = {"learning_rate": 2e-3, "weight_decay": 0.01, "average": 0.998}

PRESETS: Mapping[str, Mapping[str, Any]] = MappingProxyType(
    {
        "small": {**_TRAINING, "layers": 1, "hidden": 100, "embedding": 64, "dropout": 0.3, "input_dropout": 0.3},
        "base": {**_TRAINING, "letter_hidden": 100, "word_dropout": 1.0},
        "spans": {**_TRAINING, "head": "crf", "dropout": 0.4, "input_dropout": 0.4},
        "large": {**_TRAINING, "hidden": 300, "embedding": 200, "letter_hidden": 100, "word_dropout": 1.0},
    }
)


@dataclass(frozen=True)
class TaggerConfig(Sections):
    """Everything that a tagger is made from."""

    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = PRESETS

    data: TaggedConfig = field(default_factory=TaggedConfig)
    network: NetworkConfig = field(default_factory=NetworkConfig)
    training: TrainConfig = field(default_factory=TrainConfig)
