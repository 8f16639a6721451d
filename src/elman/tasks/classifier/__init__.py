"""The classifier: texts or series in, a class or a score for each out.

Importing this package imports no torch; `Classifier` loads on first use.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from elman.tasks.classifier.config import PRESETS, ClassifierConfig

if TYPE_CHECKING:
    from elman.tasks.classifier.model import Classifier

__all__ = ["PRESETS", "Classifier", "ClassifierConfig"]


def __getattr__(name: str) -> Any:
    if name == "Classifier":
        return importlib.import_module("elman.tasks.classifier.model").Classifier
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
