"""The forecaster: time series in, a model that tells how they go on, with intervals and sample paths.

Importing this package imports no torch; `Forecaster` loads on first use.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from elman.tasks.forecaster.config import PRESETS, ForecasterConfig

if TYPE_CHECKING:
    from elman.tasks.forecaster.model import Forecaster

__all__ = ["PRESETS", "Forecaster", "ForecasterConfig"]


def __getattr__(name: str) -> Any:
    if name == "Forecaster":
        return importlib.import_module("elman.tasks.forecaster.model").Forecaster
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
