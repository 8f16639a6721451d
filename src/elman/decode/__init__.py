"""Decoding: from scores to a choice of tokens, over closures that give scores. Knows nothing about tasks."""

from __future__ import annotations

from elman.decode.beam import Beam, beam_search
from elman.decode.ctc import CtcGreedyStream, CtcPath, ctc_greedy
from elman.decode.ctc_beam import CtcBeam, CtcHypothesis, Extend, Judged, LanguageScores, ctc_prefix_beam
from elman.decode.ensemble import ensemble
from elman.decode.greedy import draw, greedy
from elman.decode.sample import Sampling, check_seed, choose, sample
from elman.decode.search import Advance, Hypothesis, Scored

__all__ = [
    "Advance",
    "Beam",
    "CtcBeam",
    "CtcGreedyStream",
    "CtcHypothesis",
    "CtcPath",
    "Extend",
    "Hypothesis",
    "Judged",
    "LanguageScores",
    "Sampling",
    "Scored",
    "beam_search",
    "check_seed",
    "choose",
    "ctc_greedy",
    "ctc_prefix_beam",
    "draw",
    "ensemble",
    "greedy",
    "sample",
]
