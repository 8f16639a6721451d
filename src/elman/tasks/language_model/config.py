"""The options of a language model: its text, its network, and presets. Imports no torch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from elman.errors import ConfigError
from elman.options import fields_of, fill, option, suggestion, to_json
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
class NetworkConfig:
    """The network and the shape of its batches."""

    cell: str = option("lstm", "the recurrent cell; see `elman cells`")
    cell_options: dict[str, Any] = option({}, "options of the cell, such as peepholes=true; see `elman cells`")
    layers: int = option(1, "recurrent layers", least=1, most=1000)
    hidden: int = option(256, "units of each layer", least=1)
    embedding: int = option(128, "size of the token embedding; 0 for one-hot input", least=0)
    tied: bool = option(False, "use the embedding as the output layer too (embedding = hidden)")
    residual: bool = option(False, "add each layer's input to its output")
    dropout: float = option(0.0, "dropout on each layer's output", least=0.0)
    input_dropout: float = option(0.0, "dropout on the embedded tokens", least=0.0)
    recurrent_dropout: float = option(0.0, "dropout on h inside the loop, one mask for all steps", least=0.0)
    weight_drop: float = option(0.0, "dropout of recurrent weights", least=0.0)
    variational: bool = option(False, "one dropout mask for all time steps of a chunk")
    learn_initial_state: bool = option(False, "learn the state before the first token")
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
class LanguageModelConfig:
    """Everything that a language model is made from."""

    text: TextConfig = field(default_factory=TextConfig)
    network: NetworkConfig = field(default_factory=NetworkConfig)
    training: TrainConfig = field(default_factory=TrainConfig)

    @staticmethod
    def sections() -> dict[str, type[Any]]:
        """The sections by name."""
        return {"text": TextConfig, "network": NetworkConfig, "training": TrainConfig}

    @staticmethod
    def make(preset: str = "base", *layers: Mapping[str, Any], where: str = "the options") -> LanguageModelConfig:
        """A preset, overridden by flat mappings of option names, later ones first in rank.

        Raises ConfigError for an unknown preset or option and for a value that is not allowed.
        """
        if preset not in PRESETS:
            raise ConfigError(
                f"expected a preset among {', '.join(PRESETS)}. Received: {preset!r}.{suggestion(preset, PRESETS)}"
            )
        flat: dict[str, Any] = dict(PRESETS[preset])
        for layer in layers:
            flat.update(layer)
        sections = LanguageModelConfig.sections()
        owners = {name: section for section, kind in sections.items() for name in fields_of(kind)}
        unknown = [name for name in flat if name not in owners]
        if unknown:
            raise ConfigError(
                f"{where}: no option has this name. Received: {unknown[0]!r}.{suggestion(unknown[0], owners)}"
            )
        parts = {
            section: fill(kind, {name: value for name, value in flat.items() if owners[name] == section}, where)
            for section, kind in sections.items()
        }
        return LanguageModelConfig(**parts)

    def to_json(self) -> dict[str, dict[str, Any]]:
        """All options as plain values, by section."""
        return {section: to_json(getattr(self, section)) for section in self.sections()}

    @staticmethod
    def from_json(values: Mapping[str, Any], where: str) -> LanguageModelConfig:
        """What `to_json` gave. Raises ConfigError for anything else."""
        sections = LanguageModelConfig.sections()
        if set(values) != set(sections) or not all(isinstance(part, Mapping) for part in values.values()):
            raise ConfigError(f"{where}: expected the sections {', '.join(sections)}. Received: {sorted(values)}")
        return LanguageModelConfig(**{name: fill(kind, values[name], where) for name, kind in sections.items()})
