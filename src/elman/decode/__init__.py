"""Decoding: from scores to a choice of tokens, over a `step(tokens, state)` closure. Knows nothing about tasks."""

from __future__ import annotations

from elman.decode.sample import Sampling, check_seed, choose, sample

__all__ = ["Sampling", "check_seed", "choose", "sample"]
