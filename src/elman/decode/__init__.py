"""Decoding: greedy search, beam search, sampling and CTC decoding over step functions that return logits.

The names are imported on first use.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from elman.lazy import lazy_names

if TYPE_CHECKING:
    from elman.decode.beam import BeamOptions, beam_search
    from elman.decode.ctc import CtcGreedyStream, CtcPath, ctc_greedy
    from elman.decode.ctc_beam import (
        CtcBeamOptions,
        CtcHypothesis,
        LanguageModelScorer,
        LanguageModelStep,
        ScoreTokens,
        ctc_prefix_beam,
    )
    from elman.decode.ensembles import ensemble
    from elman.decode.greedy_search import draw, greedy
    from elman.decode.sampling import SamplingOptions, check_seed, choose, sample
    from elman.decode.search import Advance, Hypothesis, SearchStep

__all__ = [
    "Advance",
    "BeamOptions",
    "CtcBeamOptions",
    "CtcGreedyStream",
    "CtcHypothesis",
    "CtcPath",
    "Hypothesis",
    "LanguageModelScorer",
    "LanguageModelStep",
    "SamplingOptions",
    "ScoreTokens",
    "SearchStep",
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

__getattr__, __dir__ = lazy_names(
    __name__,
    {
        ".beam": (
            "BeamOptions",
            "beam_search",
        ),
        ".ctc": (
            "CtcGreedyStream",
            "CtcPath",
            "ctc_greedy",
        ),
        ".ctc_beam": (
            "CtcBeamOptions",
            "CtcHypothesis",
            "ScoreTokens",
            "LanguageModelStep",
            "LanguageModelScorer",
            "ctc_prefix_beam",
        ),
        ".ensembles": ("ensemble",),
        ".greedy_search": (
            "draw",
            "greedy",
        ),
        ".sampling": (
            "SamplingOptions",
            "check_seed",
            "choose",
            "sample",
        ),
        ".search": (
            "Advance",
            "Hypothesis",
            "SearchStep",
        ),
    },
    former={
        "Beam": "BeamOptions",
        "CtcBeam": "CtcBeamOptions",
        "Extend": "ScoreTokens",
        "Judged": "LanguageModelStep",
        "LanguageScores": "LanguageModelScorer",
        "Sampling": "SamplingOptions",
        "Scored": "SearchStep",
    },
)
