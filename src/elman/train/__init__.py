"""Training: `Training.fit()` as a stream of events, its options, checkpoints and those who watch.

Knows nothing about tokens or tasks. Importing this package imports no torch; the names load on first use.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from elman.train.config import TrainConfig
from elman.train.events import Ended, Evaluated, Event, Planned, Started, Stepped

if TYPE_CHECKING:
    from elman.train.loop import Objective, Stream, Training

__all__ = [
    "Ended",
    "Evaluated",
    "Event",
    "Objective",
    "Planned",
    "Started",
    "Stepped",
    "Stream",
    "TrainConfig",
    "Training",
]


def __getattr__(name: str) -> Any:
    if name in ("Objective", "Stream", "Training"):
        return getattr(importlib.import_module("elman.train.loop"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
