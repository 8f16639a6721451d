"""Decoding: from scores to a choice of tokens, over closures that give scores. Knows nothing about tasks."""

from __future__ import annotations

from elman.decode.sample import Sampling, check_seed, choose, sample
from elman.decode.search import Advance, Hypothesis, Scored

__all__ = ["Advance", "Hypothesis", "Sampling", "Scored", "check_seed", "choose", "sample"]
