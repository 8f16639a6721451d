"""elman: recurrent networks, from a file of sequences to a trained, inspected, resumable, streaming model.

The public names load on first use, so that `import elman` costs next to nothing.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from elman.version import VERSION

if TYPE_CHECKING:
    from elman import cells, errors, kernels, nn
    from elman.tasks.captioner.model import Captioner
    from elman.tasks.classifier.model import Classifier
    from elman.tasks.forecaster.model import Forecaster
    from elman.tasks.language_model.model import LanguageModel
    from elman.tasks.registry import load
    from elman.tasks.tagger.model import Tagger
    from elman.tasks.transcriber.model import Transcriber
    from elman.tasks.translator.model import Translator

__version__ = VERSION
__all__ = [
    "Captioner",
    "Classifier",
    "Forecaster",
    "LanguageModel",
    "Tagger",
    "Transcriber",
    "Translator",
    "cells",
    "errors",
    "kernels",
    "load",
    "nn",
]

_HOMES = {
    "Captioner": "elman.tasks.captioner.model",
    "Classifier": "elman.tasks.classifier.model",
    "Forecaster": "elman.tasks.forecaster.model",
    "LanguageModel": "elman.tasks.language_model.model",
    "Tagger": "elman.tasks.tagger.model",
    "Transcriber": "elman.tasks.transcriber.model",
    "Translator": "elman.tasks.translator.model",
    "load": "elman.tasks.registry",
}


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(importlib.import_module(_HOMES[name]), name)
    if name in __all__:
        return importlib.import_module(f"elman.{name}")
    raise AttributeError(f"module 'elman' has no attribute {name!r}")


def __dir__() -> list[str]:
    return [*__all__, "__version__"]
