"""Sequences of frames, of sound or of pen strokes, with a text for each. Imports no torch."""

from elman.data.transcripts.transcripts import (
    Computed,
    FrameScale,
    Transcripts,
    digest_of,
    frame_scale,
    given_texts,
    joined,
    utterance_normalised,
)

__all__ = [
    "Computed",
    "FrameScale",
    "Transcripts",
    "digest_of",
    "frame_scale",
    "given_texts",
    "joined",
    "utterance_normalised",
]
