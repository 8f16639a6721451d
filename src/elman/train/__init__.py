"""Training loop, options, checkpoints, events, history and progress bar.

Importing this package does not import torch; the names load on first use.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from elman.lazy import lazy_names
from elman.train.config import TrainConfig
from elman.train.events import EndEvent, EvaluationEvent, Event, PlanEvent, SampleEvent, StartEvent, StepEvent

if TYPE_CHECKING:
    from elman.train.loop import Objective, Stream, Training

__all__ = [
    "EndEvent",
    "EvaluationEvent",
    "Event",
    "Objective",
    "PlanEvent",
    "SampleEvent",
    "StartEvent",
    "StepEvent",
    "Stream",
    "TrainConfig",
    "Training",
]


__getattr__, __dir__ = lazy_names(
    __name__,
    {".loop": ("Objective", "Stream", "Training")},
    former={
        "Ended": "EndEvent",
        "Evaluated": "EvaluationEvent",
        "Planned": "PlanEvent",
        "Started": "StartEvent",
        "Stepped": "StepEvent",
    },
)
