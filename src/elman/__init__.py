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

_PACKAGES = ("cells", "errors", "kernels", "nn")


def __getattr__(name: str) -> Any:
    if name in _PACKAGES:
        return importlib.import_module(f"elman.{name}")
    if name.startswith("_") and name != "__all__":
        raise AttributeError(f"module 'elman' has no attribute {name!r}")
    registry = importlib.import_module("elman.tasks.registry")
    if name == "load":
        return registry.load
    classes = {task.class_name: task for task in registry.built_in().values()}
    if name == "__all__":
        return sorted([*classes, *_PACKAGES, "load"])
    if name in classes:
        return classes[name].model_class()
    raise AttributeError(f"module 'elman' has no attribute {name!r}")


def __dir__() -> list[str]:
    return [*__getattr__("__all__"), "__version__"]
