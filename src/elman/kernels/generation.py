"""Generation, token in and token out: a stack of cells where one call makes many steps of many streams.

`Engine` is the native engine's; `why_not` says in a sentence why it cannot run some cells. Knows nothing about text.
"""

from __future__ import annotations

from elman.kernels.native.engine import WEIGHT_FORMATS, Draws, Engine, why_not
from elman.kernels.native.engine_streams import Streams

__all__ = ["WEIGHT_FORMATS", "Draws", "Engine", "Streams", "why_not"]
