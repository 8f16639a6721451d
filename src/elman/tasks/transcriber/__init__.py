"""The transcriber: sound or pen strokes in, the text of what is said or written out.

Importing this package imports no torch; `Transcriber` loads on first use.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from elman.tasks.transcriber.config import PRESETS, TranscriberConfig

if TYPE_CHECKING:
    from elman.tasks.transcriber.model import Transcriber

__all__ = ["PRESETS", "Transcriber", "TranscriberConfig"]


def __getattr__(name: str) -> Any:
    if name == "Transcriber":
        return importlib.import_module("elman.tasks.transcriber.model").Transcriber
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
