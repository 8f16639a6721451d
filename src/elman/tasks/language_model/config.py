"""The options of a language model: its network, and presets. Imports no torch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, ClassVar

from elman.data.text_config import TextConfig
from elman.nn.recurrent_config import RecurrentConfig
from elman.options import Sections, option
from elman.train.config import TrainConfig

__all__ = ["PRESETS", "LanguageModelConfig", "NetworkConfig"]


@dataclass(frozen=True)
class NetworkConfig(RecurrentConfig):
    """The network and the shape of its batches."""

    embedding: int = option(128, "size of the token embedding; 0 for one-hot input", least=0)
    tied: bool = option(False, "use the embedding as the output layer too (embedding = hidden)")
    lanes: int = option(32, "parallel streams that the text is cut into (the batch size)", least=1)
    chunk: int = option(50, "time steps between two cuts of the gradient (truncated BPTT)", least=1)


PRESETS: Mapping[str, Mapping[str, Any]] = MappingProxyType(
    {
        "small": {"hidden": 128, "embedding": 64, "learning_rate": 1e-2},
        "base": {"learning_rate": 1e-2},
        "large": {"hidden": 512, "embedding": 256, "layers": 2, "dropout": 0.2, "learning_rate": 3e-3},
    }
)


@dataclass(frozen=True)
class LanguageModelConfig(Sections):
    """Everything that a language model is made from."""

    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = PRESETS

    text: TextConfig = field(default_factory=TextConfig)
    network: NetworkConfig = field(default_factory=NetworkConfig)
    training: TrainConfig = field(default_factory=TrainConfig)
