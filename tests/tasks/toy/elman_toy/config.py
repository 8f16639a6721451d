"""The options of the counter. It has no network of recurrent layers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

from elman.options import Sections, option
from elman.train.config import TrainConfig

__all__ = ["CounterConfig", "TextConfig"]


@dataclass(frozen=True)
class TextConfig:
    """How texts are read."""

    lowercase: bool = option(True, "make everything lower case")


@dataclass(frozen=True)
class CounterConfig(Sections):
    """Everything that a counter is made from."""

    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = {"base": {"max_steps": 4}}
    unused: ClassVar[Mapping[str, str]] = {"clip_norm": "expected no clip_norm: counting has no gradients"}

    text: TextConfig = field(default_factory=TextConfig)
    training: TrainConfig = field(default_factory=TrainConfig)
