"""The language model: text in, a model that scores, generates and continues text out.

Importing this package imports no torch; `LanguageModel` loads on first use.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from elman.tasks.language_model.config import PRESETS, LanguageModelConfig

if TYPE_CHECKING:
    from elman.tasks.language_model.model import LanguageModel

__all__ = ["PRESETS", "LanguageModel", "LanguageModelConfig"]


def __getattr__(name: str) -> Any:
    if name == "LanguageModel":
        return importlib.import_module("elman.tasks.language_model.model").LanguageModel
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
