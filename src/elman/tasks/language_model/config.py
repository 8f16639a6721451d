"""The options of a language model: its text, its network, and presets. Imports no torch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, ClassVar

from elman.nn.recurrent_config import RecurrentConfig
from elman.options import Sections, option
from elman.train.config import TrainConfig

__all__ = ["PRESETS", "LanguageModelConfig", "NetworkConfig", "TextConfig"]


@dataclass(frozen=True)
class TextConfig:
    """How a text is read, split and cut into tokens."""

    tokens: str = option("characters", "what a token is", choices=("characters", "words", "subwords"))
    encoding: str = option("utf-8", "the text's encoding")
    errors: str = option("strict", "what to do with bytes that are not text", choices=("strict", "replace", "ignore"))
    pattern: str = option("*", "which files of a folder to read, such as *.txt")
    documents: str = option(
        "files", "what a document is: the state starts anew at each", choices=("files", "lines", "paragraphs")
    )
    split: tuple[float, ...] = option((0.9, 0.05, 0.05), "shares for training, validation and test")
    split_by: str = option(
        "position", "cut the text at a position, or between documents", choices=("position", "documents")
    )
    lowercase: bool = option(False, "characters and words: make everything lower case")
    min_count: int = option(1, "characters and words: rarer tokens become [UNK]", least=1)
    vocabulary_size: int = option(
        0, "words and subwords: most tokens to keep; 0 for no limit (subwords: 4096)", least=0
    )
    word_rule: str = option(
        "regex", "words: find words and punctuation, or split at white space", choices=("regex", "whitespace")
    )
    punctuation: str = option("keep", "words: keep or drop punctuation", choices=("keep", "drop"))
    numbers: bool = option(False, "words: numbers become [NUM]")
    urls: bool = option(False, "words: web addresses become [URL]")


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
