"""elman: recurrent networks, from a file of sequences to a trained, inspected, resumable, streaming model.

The public names load on first use, so that `import elman` costs next to nothing.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from elman import cells, errors, kernels, nn
    from elman.tasks.language_model.model import LanguageModel
    from elman.tasks.registry import load

__version__ = "0.1.0"
__all__ = ["LanguageModel", "cells", "errors", "kernels", "load", "nn"]

_HOMES = {"LanguageModel": "elman.tasks.language_model.model", "load": "elman.tasks.registry"}


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(importlib.import_module(_HOMES[name]), name)
    if name in __all__:
        return importlib.import_module(f"elman.{name}")
    raise AttributeError(f"module 'elman' has no attribute {name!r}")


def __dir__() -> list[str]:
    return [*__all__, "__version__"]
