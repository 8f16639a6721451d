"""The translator: one sequence of tokens in, another of its own length out.

Importing this package imports no torch; `Translator` loads on first use.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from elman.tasks.translator.config import PRESETS, TranslatorConfig

if TYPE_CHECKING:
    from elman.tasks.translator.model import Translator

__all__ = ["PRESETS", "Translator", "TranslatorConfig"]


def __getattr__(name: str) -> Any:
    if name == "Translator":
        return importlib.import_module("elman.tasks.translator.model").Translator
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
