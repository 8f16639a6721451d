"""Decoding: greedy search, beam search, sampling and CTC decoding over step functions that return logits.

The names are imported on first use.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from elman.lazy import lazy_names

if TYPE_CHECKING:
    from elman.decode.beam import Beam, beam_search
    from elman.decode.ctc import CtcGreedyStream, CtcPath, ctc_greedy
    from elman.decode.ctc_beam import CtcBeam, CtcHypothesis, Extend, Judged, LanguageScores, ctc_prefix_beam
    from elman.decode.ensembles import ensemble
    from elman.decode.greedy_search import draw, greedy
    from elman.decode.sampling import Sampling, check_seed, choose, sample
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

__getattr__, __dir__ = lazy_names(
    __name__,
    {
        ".beam": (
            "Beam",
            "beam_search",
        ),
        ".ctc": (
            "CtcGreedyStream",
            "CtcPath",
            "ctc_greedy",
        ),
        ".ctc_beam": (
            "CtcBeam",
            "CtcHypothesis",
            "Extend",
            "Judged",
            "LanguageScores",
            "ctc_prefix_beam",
        ),
        ".ensembles": ("ensemble",),
        ".greedy_search": (
            "draw",
            "greedy",
        ),
        ".sampling": (
            "Sampling",
            "check_seed",
            "choose",
            "sample",
        ),
        ".search": (
            "Advance",
            "Hypothesis",
            "Scored",
        ),
    },
)
