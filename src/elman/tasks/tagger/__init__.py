"""The tagger: sentences or frames in, a tag for every step out, and a label of the sentence if wanted.

Importing this package imports no torch; `Tagger` loads on first use.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from elman.tasks.tagger.config import PRESETS, TaggerConfig

if TYPE_CHECKING:
    from elman.tasks.tagger.model import Tagger

__all__ = ["PRESETS", "Tagger", "TaggerConfig"]


def __getattr__(name: str) -> Any:
    if name == "Tagger":
        return importlib.import_module("elman.tasks.tagger.model").Tagger
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
