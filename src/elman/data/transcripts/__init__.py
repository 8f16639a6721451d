"""Sequences of frames, of sound or of pen strokes, with their texts. The names load on first use."""

from __future__ import annotations

from typing import TYPE_CHECKING

from elman.lazy import lazy_names

if TYPE_CHECKING:
    from elman.data.transcripts.transcripts import (
        FrameNormalizer,
        LazyFrames,
        Transcripts,
        checked_text,
        digest_of,
        frame_scale,
        joined,
        listed_texts,
        utterance_normalised,
    )

__all__ = [
    "FrameNormalizer",
    "LazyFrames",
    "Transcripts",
    "checked_text",
    "digest_of",
    "frame_scale",
    "joined",
    "listed_texts",
    "utterance_normalised",
]

__getattr__, __dir__ = lazy_names(
    __name__,
    {
        ".transcripts": (
            "LazyFrames",
            "FrameNormalizer",
            "Transcripts",
            "checked_text",
            "digest_of",
            "frame_scale",
            "joined",
            "listed_texts",
            "utterance_normalised",
        )
    },
    former={"Computed": "LazyFrames", "FrameScale": "FrameNormalizer"},
)
