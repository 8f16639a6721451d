"""The captioner: a vector or an image in, a text out.

Importing this package imports no torch; `Captioner` loads on first use.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from elman.tasks.captioner.config import PRESETS, CaptionerConfig

if TYPE_CHECKING:
    from elman.tasks.captioner.model import Captioner

__all__ = ["PRESETS", "Captioner", "CaptionerConfig"]


def __getattr__(name: str) -> Any:
    if name == "Captioner":
        return importlib.import_module("elman.tasks.captioner.model").Captioner
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
