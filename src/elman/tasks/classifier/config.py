"""The options of a classifier: its examples, its tokens, what is learnt, its network, and presets. Imports no torch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, ClassVar

from elman.data.examples.config import ExamplesConfig, InputConfig
from elman.nn.recurrent_config import RecurrentConfig
from elman.options import Sections, option
from elman.train.config import TrainConfig

__all__ = ["PRESETS", "ClassifierConfig", "NetworkConfig", "TargetConfig"]


@dataclass(frozen=True)
class TargetConfig:
    """What is learnt for an example."""

    kind: str = option("classes", "one of several classes, or a number", choices=("classes", "score"))
    class_weights: str = option(
        "none", "classes: balanced makes every class weigh the same in the loss", choices=("none", "balanced")
    )
    label_smoothing: float = option(0.0, "classes: share of the target that is spread over all classes", least=0.0)
    calibrate: bool = option(
        True, "classes: fit a temperature for the probabilities, on a validation part of 50 or more"
    )


@dataclass(frozen=True)
class NetworkConfig(RecurrentConfig):
    """The network and its batches."""

    cell: str = option("gru", "the recurrent cell; see `elman cells`")
    hidden: int = option(128, "units of each layer and direction", least=1)
    bidirectional: bool = option(True, "every layer also runs backwards")
    embedding: int = option(128, "texts: size of the token embedding; 0 for one-hot input", least=0)
    embedding_dropout: float = option(
        0.0, "texts: dropout on the features of the embedding, one mask for all tokens of a text", least=0.0
    )
    word_dropout: float = option(0.0, "texts: share of tokens that are read as [UNK] in training", least=0.0)
    bag: int = option(
        0, "texts: add a linear model of the text's n-grams of up to so many tokens; 0 for none", least=0, most=5
    )
    bag_start: float = option(
        0.3, "the bag's weights begin at so much of naive Bayes' log-ratios; at 0 it begins with nothing", least=0.0
    )
    noise: float = option(
        0.0, "series: deviation of the Gaussian noise that is added to scaled values in training", least=0.0
    )
    pool: str = option("mean-max", "last, mean, max, attention, or several joined by -: the steps as one vector")
    output_dropout: float = option(0.0, "dropout on that vector", least=0.0)
    batch_size: int = option(64, "examples of a batch", least=1)


PRESETS: Mapping[str, Mapping[str, Any]] = MappingProxyType(
    {
        "small": {"hidden": 64, "embedding": 64, "max_steps": 1000, "embedding_dropout": 0.2, "output_dropout": 0.2},
        "base": {"max_steps": 3000, "embedding_dropout": 0.3, "output_dropout": 0.3},
        "large": {
            "hidden": 256,
            "embedding": 256,
            "layers": 2,
            "max_steps": 6000,
            "dropout": 0.3,
            "output_dropout": 0.5,
            "embedding_dropout": 0.5,
        },
    }
)
# What every preset has beside its own options.
_COMMON: Mapping[str, Any] = MappingProxyType({"learning_rate": 2e-3, "weight_decay": 0.01, "warmup_steps": 50})


@dataclass(frozen=True)
class ClassifierConfig(Sections):
    """Everything that a classifier is made from."""

    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = MappingProxyType(
        {name: {**_COMMON, **own} for name, own in PRESETS.items()}
    )

    data: ExamplesConfig = field(default_factory=ExamplesConfig)
    input: InputConfig = field(default_factory=InputConfig)
    target: TargetConfig = field(default_factory=TargetConfig)
    network: NetworkConfig = field(default_factory=NetworkConfig)
    training: TrainConfig = field(default_factory=TrainConfig)
