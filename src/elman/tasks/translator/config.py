"""The options of a translator: its data, its network, and presets. Imports no torch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, ClassVar

from elman.data.pairs.config import PairsConfig
from elman.nn.recurrent_config import RecurrentConfig, attention_score, input_feeding, label_smoothing
from elman.options import Sections, option
from elman.train.config import TrainConfig

__all__ = ["PRESETS", "NetworkConfig", "TranslatorConfig"]


@dataclass(frozen=True)
class NetworkConfig(RecurrentConfig):
    """The network, what is learnt, and the shape of its batches. Options of layers are the decoder's and, unless told
    otherwise, the encoder's."""

    cell: str = option("gru", "the recurrent cell of both sides; see `elman cells`")
    layers: int = option(1, "recurrent layers of the decoder", least=1, most=1000)
    hidden: int = option(512, "units of each layer of the decoder", least=1)
    dropout: float = option(0.4, "dropout on the output of every layer, and before the answer", least=0.0)
    input_dropout: float = option(0.3, "dropout on embeddings", least=0.0)
    variational: bool = option(True, "one dropout mask for all time steps of a sentence")
    encoder_cell: str = option("", "the encoder's cell (default: the decoder's)")
    encoder_cell_options: dict[str, Any] = option({}, "options of the encoder's cell, where it is another")
    encoder_layers: int = option(
        0, "recurrent layers of the encoder; 0 for as many as the decoder has", least=0, most=1000
    )
    encoder_hidden: int = option(
        0, "units of each encoder layer and direction; 0 for hidden, or half of it for each direction", least=0
    )
    bidirectional: bool = option(True, "the encoder reads in both directions")
    embedding: int = option(256, "size of the embeddings", least=1)
    tied: str = option(
        "target",
        "which embeddings share weights: target (with the output), all (the source's too; needs shared), none",
        choices=("target", "all", "none"),
    )
    bridge: str = option("dense", "how the encoder's last state starts the decoder", choices=("dense", "copy", "zero"))
    attention: str = option(
        "luong",
        "how the decoder asks the encoder: with its last layer (luong), before each step (bahdanau), with its first "
        "layer for those above (between), or not at all",
        choices=("luong", "bahdanau", "between", "none"),
    )
    score: str = attention_score()
    input_feeding: bool = input_feeding()
    context_every_step: bool = option(False, "the encoder's last state also enters at every step (Cho et al. 2014)")
    label_smoothing: float = label_smoothing(0.1)
    scheduled_sampling: float = option(
        0.0,
        "share of the target's tokens that are replaced by the decoder's own, rising to this over the run "
        "(Bengio et al. 2015)",
        least=0.0,
        most=1.0,
    )
    batch_size: int = option(128, "most pairs of a batch", least=1)
    batch_tokens: int = option(2200, "most tokens of a batch, both sides and padding included", least=2)
    best_by: str = option(
        "loss",
        "which weights of the run are kept: those with the best figure of these on the held-out pairs",
        choices=("loss", "bleu", "chrf", "exact"),
    )
    translate_valid: int = option(
        500, "most held-out pairs that an evaluation translates, for BLEU, chrF and exact; 0 for none", least=0
    )
    source_vectors: str = option("", "start the source's embeddings from this file of word2vec or GloVe vectors")
    target_vectors: str = option("", "start the target's embeddings from this file of word2vec or GloVe vectors")
    freeze_vectors: bool = option(False, "keep given embeddings as they are")


_TRAINING: dict[str, Any] = {
    "learning_rate": 2e-3,
    "weight_decay": 0.01,
    "average": 0.999,
    "max_epochs": 12.0,
    "warmup_steps": 300,
}
# Adam with a shorter memory of the gradients' sizes, which suits large vocabularies.
_SUBWORDS: dict[str, Any] = {**_TRAINING, "optimizer_options": {"betas": [0.9, 0.98]}}

PRESETS: Mapping[str, Mapping[str, Any]] = MappingProxyType(
    {
        "small": {**_SUBWORDS, "hidden": 256, "embedding": 128, "dropout": 0.2, "input_dropout": 0.2},
        "base": {**_SUBWORDS},
        "large": {**_SUBWORDS, "hidden": 1024, "embedding": 512},
        "characters": {
            **_TRAINING,
            "tokens": "characters",
            "min_count": 1,
            "hidden": 256,
            "embedding": 64,
            "tied": "none",
            "max_source": 500,
            "max_target": 500,
            "dropout": 0.1,
            "input_dropout": 0.0,
            "label_smoothing": 0.0,
        },
    }
)


@dataclass(frozen=True)
class TranslatorConfig(Sections):
    """Everything that a translator is made from."""

    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = PRESETS

    data: PairsConfig = field(default_factory=PairsConfig)
    network: NetworkConfig = field(default_factory=NetworkConfig)
    training: TrainConfig = field(default_factory=TrainConfig)
