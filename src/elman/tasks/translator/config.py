"""Options and presets of the translator. Does not import torch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, ClassVar

from elman.data.pairs.config import PairsConfig
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

__all__ = ["PRESETS", "TranslatorConfig", "TranslatorNetworkConfig"]


@section
class TranslatorNetworkConfig(RecurrentConfig):
    """Options of the network, the loss and the batches. Options of layers apply to the decoder, and by default to the
    encoder."""

    cell: str = option("gru", "recurrent cell of encoder and decoder; see `elman cells`")
    layers: int = option(1, "recurrent layers of the decoder", least=1, most=1000)
    hidden_size: int = option(512, "hidden units of each decoder layer", least=1, former=("hidden",))
    dropout: float = option(0.4, "dropout on the output of each layer and of the decoder", least=0.0)
    input_dropout: float = option(0.3, "dropout on embeddings", least=0.0)
    variational: bool = option(True, "one dropout mask for all time steps of a sentence")
    encoder_cell: str = option("", "cell of the encoder (default: that of the decoder)")
    encoder_cell_options: dict[str, Any] = option({}, "options of encoder_cell")
    encoder_layers: int = option(
        0, "recurrent layers of the encoder; 0 for the number of decoder layers", least=0, most=1000
    )
    encoder_hidden_size: int = option(
        0,
        "hidden units of each encoder layer and direction; 0 for hidden_size, or half of it if bidirectional",
        least=0,
        former=("encoder_hidden",),
    )
    bidirectional: bool = option(True, "bidirectional encoder")
    embedding: int = option(256, "size of the token embeddings", least=1, follows=("source_vectors", "target_vectors"))
    tied: str = option(
        "target",
        "shared weights: target (target embedding and output layer), all (source embedding too; needs shared), none",
        choices=("target", "all", "none"),
    )
    bridge: str = option(
        "dense",
        "initial decoder state from the encoder's final state: dense layer, copy, or zero",
        choices=("dense", "copy", "zero"),
    )
    attention: str = option(
        "luong",
        "attention over the encoder outputs; its query is the decoder's output (luong), the output of the step before "
        "(bahdanau) or the output of the first layer, for the layers above it (between)",
        choices=("luong", "bahdanau", "between", "none"),
    )
    attention_score: str = attention_score_option()
    input_feeding: bool = input_feeding()
    output_layer: bool = output_layer()
    context_every_step: bool = option(False, "feed the encoder's final state to every decoder step (Cho et al. 2014)")
    label_smoothing: float = label_smoothing(0.1)
    scheduled_sampling: float = option(
        0.0,
        "final probability of replacing a target token by the decoder's prediction; rises linearly over the run "
        "(Bengio et al. 2015)",
        least=0.0,
        most=1.0,
    )
    members: int = members_option()
    batch_size: int = option(128, "maximum pairs per batch", least=1)
    batch_tokens: int = option(2200, "maximum tokens per batch, source, target and padding", least=2)
    best_by: str = option(
        "loss", "validation metric that selects the best weights", choices=("loss", "bleu", "chrf", "exact")
    )
    translate_valid: int = option(
        500, "maximum validation pairs to translate in an evaluation, for BLEU, chrF and exact; 0 for none", least=0
    )
    source_vectors: str = vectors_option("the source embedding")
    target_vectors: str = vectors_option("the target embedding")
    freeze_vectors: bool = freeze_vectors("source_vectors and target_vectors")
    freeze_vectors_until: float = freeze_vectors_until("source_vectors and target_vectors")


_TRAINING: dict[str, Any] = {
    "learning_rate": 2e-3,
    "weight_decay": 0.01,
    "ema_decay": 0.999,
    "max_epochs": 12.0,
    "warmup_steps": 300,
}
# A shorter average of squared gradients suits large vocabularies.
_SUBWORDS: dict[str, Any] = {**_TRAINING, "optimizer_options": {"betas": [0.9, 0.98]}}

PRESETS: Mapping[str, Mapping[str, Any]] = MappingProxyType(
    {
        "small": {**_SUBWORDS, "hidden_size": 256, "embedding": 128, "dropout": 0.2, "input_dropout": 0.2},
        "base": {**_SUBWORDS},
        "large": {**_SUBWORDS, "hidden_size": 1024, "embedding": 512},
        "characters": {
            **_TRAINING,
            "tokens": "characters",
            "min_count": 1,
            "hidden_size": 256,
            "embedding": 64,
            "tied": "none",
            "max_source": 500,
            "max_target": 500,
            "dropout": 0.1,
            "input_dropout": 0.0,
            "label_smoothing": 0.0,
        },
        "plain": {
            **PLAIN_TRAINING,
            "tokens": "words",
            "min_count": 1,
            "hidden_size": 128,
            "embedding": 128,
            "bidirectional": False,
            "attention": "bahdanau",
            "bridge": "copy",
            "tied": "none",
            "output_layer": False,
            "dropout": 0.0,
            "input_dropout": 0.0,
            "variational": False,
            "label_smoothing": 0.0,
            "batch_size": 32,
            "max_epochs": 80.0,
        },
    }
)


@dataclass(frozen=True)
class TranslatorConfig(Sections):
    """All options of a translator."""

    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = PRESETS
    unused: ClassVar[Mapping[str, str]] = MappingProxyType({**EVERY_EXAMPLE_EVALUATED, **ONE_TARGET_A_SEQUENCE})

    data: PairsConfig = field(default_factory=PairsConfig)
    network: TranslatorNetworkConfig = field(default_factory=TranslatorNetworkConfig)
    training: TrainConfig = field(default_factory=TrainConfig)
