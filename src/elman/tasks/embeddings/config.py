"""Options of word vectors. Does not import torch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, ClassVar, Self

from elman.data import shared_options
from elman.data.text_config import TextConfig
from elman.options import AUTO, Sections, option, section
from elman.tasks.embeddings.objectives import objective_module, objective_names
from elman.train.config import ONE_TARGET_A_SEQUENCE, TrainConfig

__all__ = ["PRESETS", "EmbeddingTextConfig", "EmbeddingsConfig", "EmbeddingsNetworkConfig"]


@section
class EmbeddingTextConfig(TextConfig):
    """Options for reading a text and finding its words."""

    tokens: str = option("words", "what a token is", choices=("words",))
    split: tuple[float, ...] | None = shared_options.split((0.99, 0.01, 0.0))
    lowercase: bool = option(True, "make everything lower case, so that The and the are one word")
    min_count: int = option(5, "minimum count of a word; rarer ones are left out, and windows reach over them", least=1)
    punctuation: str = option("drop", "keep or drop punctuation", choices=("keep", "drop"))
    phrases: int = option(0, "passes that join pairs of words to phrases such as new_york", least=0, most=10)
    phrase_threshold: float = option(
        100.0, "score above which a pair is joined: (its count - min_count) / (counts of both) * words", least=0.0
    )


@section
class EmbeddingsNetworkConfig:
    """Options of the vectors and of what they are learnt from."""

    objective: str = option("skip-gram", "what the vectors are learnt by", choices=objective_names())
    embedding: int = option(100, "size of the vectors", least=1, most=10_000)
    window: int = option(5, "words on either side, of which 1 to this many are used at each position", least=1)
    loss: str = option(
        "negative-sampling",
        "skip-gram, CBOW: distinguish a word from words of noise by its score, or by its probability (nce)",
        choices=("negative-sampling", "nce"),
    )
    negatives: int = option(5, "skip-gram, CBOW: words of noise for each word", least=1, most=64)
    noise_exponent: float = option(
        0.75,
        "words are drawn as noise by their count to the power of this; LSA: the power of the counts of contexts",
        least=-10.0,
        most=10.0,
    )
    sample: float = option(
        1e-3,
        "words that are a larger share of the text than this are used less often; 0 uses all",
        least=0.0,
        most=1.0,
    )
    cbow_mean: bool = option(True, "CBOW: the mean of the context's vectors, or their sum")
    subwords: bool = option(
        False, "skip-gram, CBOW: the vector of a word is the mean of its own and those of its n-grams of characters"
    )
    min_n: int = option(3, "subwords: characters of the shortest n-gram", least=1, most=100)
    max_n: int = option(6, "subwords: characters of the longest n-gram", least=1, most=100)
    buckets: int = option(200_000, "subwords: vectors that all n-grams share by their hash", least=1, most=100_000_000)
    x_max: float = option(100.0, "GloVe: counts from this on have the full weight", least=1e-9)
    x_exponent: float = option(
        0.75, "GloVe: the weight of a smaller count is its share of x_max to this power", least=0.0
    )
    fast: bool = option(False, "threads change the same weights at once: faster, but a run is not repeated bit for bit")
    batch_size: int = option(
        0,
        "words of text in a step; 0 for a 64th of the text, at least 256 and at most 8,192; GloVe: pairs, 0 for 8,192",
        least=0,
    )


_TRAINING: Mapping[str, Any] = MappingProxyType(
    {
        "learning_rate": 0.025,
        "schedule": "linear",
        "final_rate": 0.004,
        "warmup_steps": 0,
        "max_epochs": 5.0,
        "patience": 0,
        "device": "cpu",
        "precision": "float32",
    }
)
PRESETS: Mapping[str, Mapping[str, Any]] = MappingProxyType(
    {
        "small": {**_TRAINING, "embedding": 50},
        "base": _TRAINING,
        "large": {**_TRAINING, "embedding": 300, "max_epochs": 10.0},
        "plain": {
            **_TRAINING,
            "embedding": 128,
            "window": 2,
            "negatives": 4,
            "sample": 0.0,
            "schedule": "constant",
            "max_epochs": 20.0,
        },
    }
)

_NO_OPTIMIZER = (
    *("optimizer", "weight_decay", "optimizer_options", "clip_norm", "clip_value", "explosion", "accumulate"),
    *("ema_decay", "recompute", "swap_memory", "freeze", "freeze_until", "unfreeze", "layer_decay", "start_labels"),
    "start_scales",
)


@dataclass(frozen=True)
class EmbeddingsConfig(Sections):
    """All options of word vectors."""

    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = PRESETS
    unused: ClassVar[Mapping[str, str]] = MappingProxyType(
        {
            **ONE_TARGET_A_SEQUENCE,
            **{name: f"expected no {name}, which word vectors do not use" for name in _NO_OPTIMIZER},
        }
    )

    text: EmbeddingTextConfig = field(default_factory=EmbeddingTextConfig)
    network: EmbeddingsNetworkConfig = field(default_factory=EmbeddingsNetworkConfig)
    training: TrainConfig = field(default_factory=TrainConfig)

    @classmethod
    def make(cls, preset: str = AUTO, *layers: Mapping[str, Any], where: str = "the options") -> Self:
        """Build the options from a preset, the defaults of the objective, and flat mappings."""
        chosen = {**cls.preset_options(preset), **{name: each for layer in layers for name, each in layer.items()}}
        name = chosen.get("objective")
        own = dict(objective_module(name).DEFAULTS) if name in objective_names() else {}
        if any(layer.get(limit) for layer in layers for limit in cls.budget):
            own = {name: value for name, value in own.items() if name not in cls.budget}
        return super().make(preset, own, *layers, where=where)
