"""Options and presets of the classifier. Does not import torch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, ClassVar

from elman.data.examples.config import ExamplesConfig, InputConfig
from elman.errors import ConfigError
from elman.nn.recurrent_config import RecurrentConfig, members_option
from elman.nn.vector_options import freeze_vectors, freeze_vectors_until, vectors_option, vectors_words
from elman.options import Sections, option, section
from elman.train.config import ONE_TARGET_A_SEQUENCE, TrainConfig
from elman.train.plain import PLAIN_TRAINING

__all__ = [
    "OF_SERIES",
    "OF_TEXTS",
    "PRESETS",
    "ClassifierConfig",
    "ClassifierNetworkConfig",
    "TargetConfig",
    "check_network",
    "check_target",
]


@section
class TargetConfig:
    """Options of the target."""

    kind: str = option(
        "classes",
        "type of target: classes, or a real number (regression)",
        choices=("classes", "regression"),
        former_choices=MappingProxyType({"score": "regression"}),
    )
    class_weights: str = option(
        "none", "classes: balanced gives every class the same weight in the loss", choices=("none", "balanced")
    )
    label_smoothing: float = option(0.0, "classes: target probability that is spread over all classes", least=0.0)
    monitor: str = option(
        "accuracy",
        "classes: validation metric by which the best weights are kept; the loss has less noise on few examples",
        choices=("accuracy", "loss"),
    )
    calibrate: bool = option(
        True, "classes: fit the temperature of the probabilities on a validation set of at least 50 examples"
    )


@section
class ClassifierNetworkConfig(RecurrentConfig):
    """Options of the network and its batches."""

    cell: str = option("gru", "recurrent cell; see `elman cells`")
    hidden_size: int = option(128, "hidden units of each layer and direction", least=1, former=("hidden",))
    bidirectional: bool = option(True, "bidirectional layers")
    embedding: int = option(
        128, "texts: size of the token embedding; 0 for one-hot input", least=0, follows=("vectors",)
    )
    embedding_dropout: float = option(
        0.0, "texts: dropout on embedding features, with one mask for all tokens of a text", least=0.0
    )
    word_dropout: float = option(0.0, "texts: probability of replacing a token by [UNK] in training", least=0.0)
    bag: int = option(0, "texts: add a linear model of n-grams of up to this many tokens; 0 for none", least=0, most=5)
    bag_start: float = option(0.3, "bag: initial weights, as a fraction of the naive Bayes log-count ratios", least=0.0)
    bag_characters: int = option(
        0, "texts: n-grams of up to this many characters within words for the linear model; 0 for none", least=0, most=8
    )
    bag_leave_one_out: bool = option(
        False,
        "bag: naive Bayes weights that are not trained, fitted and used in training without counting the text itself",
    )
    noise: float = option(
        0.0, "series: standard deviation of Gaussian noise added to scaled values in training", least=0.0
    )
    scale_jitter: float = option(
        0.0, "series: standard deviation of the logarithm of random factors of each channel in training", least=0.0
    )
    time_warp: float = option(
        0.0, "series: standard deviation of the logarithm of the speed of each quarter in training", least=0.0
    )
    crop: float = option(
        0.0, "series: the largest share of steps that is cut off at random in training", least=0.0, most=0.9
    )
    input_kernel: int = option(
        0,
        "series: time steps of the kernel of a convolution below the recurrent layers; 0 for none",
        least=0,
        most=10_000,
    )
    stride: int = option(
        1, "series: time steps between two outputs of the convolution, which the recurrent layers read", least=1
    )
    linear: str = option(
        "none",
        "series: add a linear model of summary statistics of each channel, of random convolutions (ROCKET), or of both",
        choices=("none", "summaries", "convolutions", "both"),
    )
    pool: str = option("mean-max", "pooling over time: last, mean, max, attention, or several joined by -")
    output_dropout: float = option(0.0, "dropout on the pooled vector", least=0.0)
    members: int = members_option()
    batch_size: int = option(64, "examples per batch", least=1)
    vectors: str = vectors_option()
    freeze_vectors: bool = freeze_vectors()
    freeze_vectors_until: float = freeze_vectors_until()
    vectors_words: int = vectors_words()


# Options of the network that apply to one kind of input only.
OF_SERIES = ("noise", "scale_jitter", "time_warp", "crop", "input_kernel", "stride", "linear")
OF_TEXTS = ("bag", "bag_characters", "word_dropout")


def check_target(target: TargetConfig) -> None:
    """Raise ConfigError for options of classes with a regression, and for a label smoothing out of range."""
    if target.kind == "regression" and (target.class_weights != "none" or target.label_smoothing):
        raise ConfigError("expected class_weights and label_smoothing for classes only. Received: kind=regression")
    if target.kind == "regression" and target.monitor != "accuracy":
        raise ConfigError(f"expected monitor for classes only. Received: monitor={target.monitor}, kind=regression")
    if not 0.0 <= target.label_smoothing < 1.0:
        raise ConfigError(
            f"expected label_smoothing from 0 up to, but not including, 1. Received: {target.label_smoothing}"
        )


def check_network(network: ClassifierNetworkConfig, target: TargetConfig) -> None:
    """Raise ConfigError for a stride over which a convolution would skip time steps, and for a bag of nothing."""
    if network.stride > max(network.input_kernel, 1):
        raise ConfigError(
            f"expected an input_kernel of at least stride={network.stride} steps, so that the convolution reads all of "
            f"them. Received: input_kernel={network.input_kernel}"
        )
    if network.bag_leave_one_out and not network.bag + network.bag_characters:
        raise ConfigError("expected bag or bag_characters above 0 for bag_leave_one_out. Received: 0 for both")
    if network.bag_leave_one_out and target.kind == "regression":
        raise ConfigError("expected bag_leave_one_out for classes only. Received: kind=regression")


PRESETS: Mapping[str, Mapping[str, Any]] = MappingProxyType(
    {
        "small": {
            "hidden_size": 64,
            "embedding": 64,
            "max_steps": 1000,
            "embedding_dropout": 0.2,
            "output_dropout": 0.2,
        },
        "base": {"max_steps": 3000, "embedding_dropout": 0.3, "output_dropout": 0.3},
        "large": {
            "hidden_size": 256,
            "embedding": 256,
            "layers": 2,
            "max_steps": 6000,
            "dropout": 0.3,
            "output_dropout": 0.5,
            "embedding_dropout": 0.5,
        },
        "plain": {
            **PLAIN_TRAINING,
            "cell": "lstm",
            "hidden_size": 128,
            "embedding": 128,
            "bidirectional": False,
            "pool": "last",
            "calibrate": False,
            "batch_size": 32,
            "max_epochs": 15.0,
        },
    }
)
# Options of every preset.
_COMMON: Mapping[str, Any] = MappingProxyType({"learning_rate": 2e-3, "weight_decay": 0.01, "warmup_steps": 50})


@dataclass(frozen=True)
class ClassifierConfig(Sections):
    """All options of a classifier."""

    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = MappingProxyType(
        {name: {**_COMMON, **own} for name, own in PRESETS.items()}
    )
    unused: ClassVar[Mapping[str, str]] = ONE_TARGET_A_SEQUENCE

    data: ExamplesConfig = field(default_factory=ExamplesConfig)
    input: InputConfig = field(default_factory=InputConfig)
    target: TargetConfig = field(default_factory=TargetConfig)
    network: ClassifierNetworkConfig = field(default_factory=ClassifierNetworkConfig)
    training: TrainConfig = field(default_factory=TrainConfig)
