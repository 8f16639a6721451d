"""How recordings or drawings are read, and how their texts become tokens: the options. Imports no torch."""

from __future__ import annotations

from dataclasses import dataclass

from elman.data.manifest import ManifestConfig
from elman.data.vocabulary.kinds import token_kinds
from elman.options import option

__all__ = ["DataConfig"]


@dataclass(frozen=True)
class DataConfig(ManifestConfig):
    """How recordings or drawings are read, and how their texts become tokens."""

    input: str = option("auto", "what is transcribed; auto goes by the files", choices=("auto", "sound", "strokes"))
    held_out: float = option(
        0.1, "share of the recordings kept for validation, where no such data is given", least=0.0, most=0.9
    )
    tokens: str = option("characters", "what a token is", choices=token_kinds("characters"))
    lowercase: bool = option(False, "characters and words: make texts lower case")
    min_count: int = option(1, "characters and words: rarer tokens become [UNK]", least=1)
    vocabulary_size: int = option(
        0, "words and subwords: most tokens to keep; 0 for no limit (subwords: 4096)", least=0
    )
