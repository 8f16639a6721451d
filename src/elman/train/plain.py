"""Options of training that the presets `plain` of all tasks share: those of the classic lessons. Imports no torch."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

__all__ = ["PLAIN_TRAINING"]

PLAIN_TRAINING: Mapping[str, Any] = MappingProxyType(
    {
        "optimizer": "adam",
        "learning_rate": 1e-3,
        "weight_decay": 0.0,
        "schedule": "constant",
        "warmup_steps": 0,
        "clip_norm": 0.0,
        "ema_decay": 0.0,
        "precision": "float32",
    }
)
