"""Token generation with the native engine: one call of `Engine` runs many time steps of many streams.

`why_not` returns the reason why the engine cannot run some cells.
"""

from __future__ import annotations

from elman.kernels.native.engine import WEIGHT_FORMATS, Engine, SamplingParameters, why_not
from elman.kernels.native.engine_streams import TokenStreams
from elman.kernels.native.fingerprint import Fingerprint, fingerprint_of

__all__ = ["WEIGHT_FORMATS", "Engine", "Fingerprint", "SamplingParameters", "TokenStreams", "fingerprint_of", "why_not"]
