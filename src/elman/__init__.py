"""elman: recurrent networks on PyTorch, from a file of sequences to a trained model.

The public names load on first use, so that `import elman` is fast and does not import torch.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from elman.version import VERSION

if TYPE_CHECKING:
    from elman import cells as cells
    from elman import errors as errors
    from elman import kernels as kernels
    from elman import nn as nn
    from elman.tasks.captioner.model import Captioner as Captioner
    from elman.tasks.classifier.model import Classifier as Classifier
    from elman.tasks.embeddings.model import Embeddings as Embeddings
    from elman.tasks.filler.model import Filler as Filler
    from elman.tasks.forecaster.model import Forecaster as Forecaster
    from elman.tasks.language_model.model import LanguageModel as LanguageModel
    from elman.tasks.registry import load as load
    from elman.tasks.side_by_side import compare as compare
    from elman.tasks.tagger.model import Tagger as Tagger
    from elman.tasks.transcriber.model import Transcriber as Transcriber
    from elman.tasks.translator.model import Translator as Translator
    from elman.train.events import EndEvent as EndEvent
    from elman.train.events import EvaluationEvent as EvaluationEvent
    from elman.train.events import PlanEvent as PlanEvent
    from elman.train.events import SampleEvent as SampleEvent
    from elman.train.events import StartEvent as StartEvent
    from elman.train.events import StepEvent as StepEvent

__version__ = VERSION

_PACKAGES = ("cells", "errors", "kernels", "nn")
# What the callbacks of `fit` are called with.
_EVENTS = ("EndEvent", "EvaluationEvent", "PlanEvent", "SampleEvent", "StartEvent", "StepEvent")


def __getattr__(name: str) -> Any:
    if name in _PACKAGES:
        return importlib.import_module(f"elman.{name}")
    if name in _EVENTS:
        return getattr(importlib.import_module("elman.train.events"), name)
    if name.startswith("_") and name != "__all__":
        raise AttributeError(f"module 'elman' has no attribute {name!r}")
    registry = importlib.import_module("elman.tasks.registry")
    if name == "load":
        return registry.load
    if name == "compare":
        return importlib.import_module("elman.tasks.side_by_side").compare
    classes = {task.class_name: task for task in registry.built_in().values()}
    if name == "__all__":
        return sorted([*classes, *_EVENTS, *_PACKAGES, "compare", "load"])
    if name in classes:
        return classes[name].model_class()
    if name[:1].isupper():  # may be the class of a task in another package
        for task in registry.extensions().values():
            if not isinstance(task, str) and task.class_name == name:
                return task.model_class()
    raise AttributeError(f"module 'elman' has no attribute {name!r}")


def __dir__() -> list[str]:
    return [*__getattr__("__all__"), "__version__"]
